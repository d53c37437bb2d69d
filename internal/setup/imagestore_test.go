package setup

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"
)

func TestHasContainerdStore(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		info system.Info
		want bool
	}{
		{"containerd's store, as Engine 29 says it", system.Info{Driver: "overlayfs", DriverStatus: [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}}, true},
		{"the engine's own store", system.Info{Driver: "overlay2", DriverStatus: [][2]string{{"Backing Filesystem", "extfs"}, {"Supports d_type", "true"}}}, false},
		{"nothing is said", system.Info{}, false},
	}
	for _, test := range tests {
		if got := hasContainerdStore(test.info); got != test.want {
			t.Errorf("%s: hasContainerdStore() = %t, want %t", test.name, got, test.want)
		}
	}
}

func TestLoadedReadsWhatTheEngineSays(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, messages, want string }{
		{"a name", `{"stream":"Loaded image: app:1\n"}`, ""},
		{"no name", `{"stream":"Loaded image ID: sha256:ab\n"}`, ""},
		{"progress before it", `{"status":"Loading layer","id":"a"}` + "\n" + `{"stream":"Loaded image: app:1\n"}`, ""},
		{"nothing", "", "it found no image in the archive"},
		{"an error", `{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}`, "no space left on device"},
		{"no JSON", "oops", "invalid character 'o' looking for beginning of value"},
	}
	for _, test := range tests {
		got := ""
		if err := loaded(strings.NewReader(test.messages)); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: loaded() = %q, want %q", test.name, got, test.want)
		}
	}
}
