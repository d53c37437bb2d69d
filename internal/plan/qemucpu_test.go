package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestQEMUCPU(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		lines []string
		test  string
		want  map[string]string
		err   string
	}{
		{name: "the oldest of a variant", test: "uname", want: map[string]string{"linux/arm/v6": "arm1176"}},
		{name: "nothing without a test"},
		{name: "one for all", test: "uname", lines: []string{"max,sve=off"}, want: map[string]string{"linux/arm/v6": "max,sve=off", "linux/arm64": "max,sve=off"}},
		{name: "one for one", test: "uname", lines: []string{"linux/arm64=cortex-a53"}, want: map[string]string{"linux/arm/v6": "arm1176", "linux/arm64": "cortex-a53"}},
		{name: "one's own wins", test: "uname", lines: []string{"max", "linux/aarch64=max,sve=off"}, want: map[string]string{"linux/arm/v6": "max", "linux/arm64": "max,sve=off"}},
		{name: "without a smoke test", lines: []string{"max"}, err: `--qemu-cpu "max": it is for the smoke test, and there is none; add --test`},
		{name: "a platform without a model", test: "uname", lines: []string{"linux/arm/v6="}, err: `--qemu-cpu "linux/arm/v6=": it names no processor; write what qemu-arm -cpu help lists, for example linux/arm/v6=arm1176`},
		{name: "a platform alone", test: "uname", lines: []string{"linux/arm/v6"}, err: `--qemu-cpu "linux/arm/v6": it names no processor; write what qemu-arm -cpu help lists, for example linux/arm/v6=arm1176`},
		{name: "a model with a blank", test: "uname", lines: []string{"cortex a7"}, err: `--qemu-cpu "cortex a7": it names no processor; write what qemu-arm -cpu help lists, for example linux/arm/v6=arm1176`},
		{name: "no platform", test: "uname", lines: []string{"linux/arm65=max"}, err: `--qemu-cpu "linux/arm65=max": "arm65" is not an architecture of linux images; did you mean linux/arm64?`},
		{name: "a platform that is not built", test: "uname", lines: []string{"linux/s390x=max"}, err: `--qemu-cpu "linux/s390x=max": linux/s390x is not one of the platforms to build; name one that --platform names`},
		{name: "two lines for one", test: "uname", lines: []string{"linux/arm64=max", "linux/arm64/v8=cortex-a53"}, err: `--qemu-cpu "linux/arm64/v8=cortex-a53": there is another line for the same platforms; write one line for each platform, and at most one for all`},
		{name: "two lines for all", test: "uname", lines: []string{"max", "cortex-a53"}, err: `--qemu-cpu "cortex-a53": there is another line for the same platforms; write one line for each platform, and at most one for all`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.New(plan.Inputs{Platforms: []string{"linux/arm/v6", "linux/arm64"}, SmokeTest: []string{test.test}, QEMUCPU: test.lines}, world(nil))
			if text := errorText(err); text != test.err {
				t.Fatalf("New():\n got %s\nwant %s", text, test.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, p.Tests.QEMUCPU); diff != "" {
				t.Errorf("QEMUCPU differs (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
