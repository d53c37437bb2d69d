package setup

import "testing"

func TestEndedErrorsNameTheCure(t *testing.T) {
	t.Parallel()
	const fewer = ", or let fewer steps run at once (max-parallelism below [worker.oci] of --buildkitd-config)"
	for _, test := range []struct {
		name       string
		err        EndedError
		text, hint string
	}{
		{
			"memory, with a limit",
			EndedError{When: "before BuildKit answered", ExitCode: 137, Memory: true, Limit: 20 << 20, Logs: "one\ntwo"},
			"the kernel killed it for want of memory before BuildKit answered (exit status 137, memory limit 20MiB); its last words:\none\ntwo",
			"raise the limit (--driver-opt memory=…, now 20MiB)" + fewer,
		},
		{
			"memory, of the machine",
			EndedError{When: "in the middle of the work", ExitCode: 137, Memory: true},
			"the kernel killed it for want of memory in the middle of the work (exit status 137)",
			"use a machine with more memory" + fewer,
		},
		{
			"killed",
			EndedError{When: "in the middle of the work", ExitCode: 137},
			"it was killed in the middle of the work (exit status 137)",
			"mostly that is the kernel when memory is short (dmesg tells): use a machine with more memory" + fewer,
		},
		{
			"ended by itself",
			EndedError{When: "before BuildKit answered", ExitCode: 1, Logs: "buildkitd: unknown flag"},
			"it ended before BuildKit answered (exit status 1); its last words:\nbuildkitd: unknown flag",
			"its last words above should say why; try another image with --buildkit-image, or other flags and configuration",
		},
		{
			"removed",
			EndedError{When: "in the middle of the work", Removed: true},
			"somebody removed its container in the middle of the work",
			"see who removes containers on this machine: a docker prune in another job, for example",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.err.Error(); got != test.text {
				t.Errorf("Error():\n got %s\nwant %s", got, test.text)
			}
			if got := test.err.Hint(); got != test.hint {
				t.Errorf("Hint():\n got %s\nwant %s", got, test.hint)
			}
		})
	}
}
