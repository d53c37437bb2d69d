package capability

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, status, last string
		want               []string
	}{
		{
			name:   "a machine that withholds nothing",
			status: "Name:\tx\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n",
			last:   "40\n",
		},
		{
			name:   "a machine without resource limits",
			status: "CapBnd:\t000001fffeffffff\n",
			last:   "40\n",
			want:   []string{"CAP_SYS_RESOURCE"},
		},
		{
			name:   "the first and the last one",
			status: "CapBnd:\t000000fffffffffe\n",
			last:   "40\n",
			want:   []string{"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"},
		},
		{
			name:   "an older kernel has fewer, and lacks none of them",
			status: "CapBnd:\t0000003fffffffff\n",
			last:   "37\n",
		},
		{
			name:   "a newer kernel has one that the table doesn't know",
			status: "CapBnd:\t000001ffffffffff\n",
			last:   "41\n",
			want:   []string{"CAP_41"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Missing(tt.status, tt.last)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingNamesWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, status, last, want string }{
		{"a status without the line", "Name:\tx\n", "40\n", "capabilities: reading the bounding set: no CapBnd line in the process status"},
		{"a set that is no number", "CapBnd:\tall\n", "40\n", `capabilities: reading the bounding set: strconv.ParseUint: parsing "all": invalid syntax`},
		{"a last one that is no number", "CapBnd:\t01\n", "many", `capabilities: reading the kernel's last one: strconv.Atoi: parsing "many": invalid syntax`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Missing(tt.status, tt.last); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestEveryCapabilityOfTheTableHasItsNumber(t *testing.T) {
	t.Parallel()
	for number, want := range map[int]string{0: "CAP_CHOWN", 21: "CAP_SYS_ADMIN", 24: "CAP_SYS_RESOURCE", 31: "CAP_SETFCAP", 40: "CAP_CHECKPOINT_RESTORE"} {
		if got := name(number); got != want {
			t.Errorf("capability %d: got %s, want %s", number, got, want)
		}
	}
}
