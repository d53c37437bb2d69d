package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

func TestScarceFindsABuilderWithTooLittle(t *testing.T) {
	t.Parallel()
	const mib, gib = 1 << 20, 1 << 30
	disk := []string{"preflight/disk warning /var/lib/docker 512MiB"}
	memory := []string{"preflight/memory warning the builder 128MiB"}
	for _, test := range []struct {
		name string
		has  setup.Resources
		want []string
	}{
		{"enough", setup.Resources{Folder: "/var/lib/docker", Disk: gib, Memory: 256 * mib}, nil},
		{"nobody knows", setup.Resources{}, nil},
		{"a full disk", setup.Resources{Folder: "/var/lib/docker", Disk: 512 * mib, Memory: gib}, disk},
		{"little memory", setup.Resources{Folder: "/var/lib/docker", Disk: gib, Memory: 128 * mib}, memory},
		{"neither", setup.Resources{Folder: "/var/lib/docker", Disk: 512 * mib, Memory: 128 * mib}, append(disk, memory...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &run{plan: &plan.Plan{}, resources: test.has}
			var got []string
			for _, f := range r.scarce() {
				got = append(got, f.Check+" "+string(f.Severity)+" "+f.Path+" "+f.Found)
				if f.Why == "" || f.Fix == "" || f.Fails() {
					t.Errorf("the finding %+v is no warning that says why and what to do", f)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("scarce() differs (-want +got):\n%s", diff)
			}
		})
	}
}
