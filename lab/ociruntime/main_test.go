package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var missing = []string{"CAP_SYS_RESOURCE"}

func TestStripConfigTakesTheMissingCapabilityOutOfEverySet(t *testing.T) {
	t.Parallel()
	before := `{
		"ociVersion": "1.0.2",
		"process": {
			"args": ["buildkitd", "CAP_SYS_RESOURCE"],
			"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615}],
			"capabilities": {
				"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"],
				"effective": ["CAP_SYS_RESOURCE"],
				"permitted": ["CAP_KILL"]
			}
		},
		"linux": {"seccomp": {"syscalls": [{"includes": {"caps": ["CAP_SYS_RESOURCE"]}}]}}
	}`
	want := `{
		"ociVersion": "1.0.2",
		"process": {
			"args": ["buildkitd", "CAP_SYS_RESOURCE"],
			"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615}],
			"capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": [], "permitted": ["CAP_KILL"]}
		},
		"linux": {"seccomp": {"syscalls": [{"includes": {"caps": ["CAP_SYS_RESOURCE"]}}]}}
	}`
	got, err := stripConfig([]byte(before), missing)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(compact(t, want), compact(t, string(got))); diff != "" {
		t.Errorf("config.json (-want +got):\n%s", diff)
	}
}

func TestStripProcess(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, before, want string }{
		{
			"an exec with capabilities",
			`{"args":["sh"],"capabilities":{"bounding":["CAP_SYS_RESOURCE","CAP_KILL"]}}`,
			`{"args":["sh"],"capabilities":{"bounding":["CAP_KILL"]}}`,
		},
		{"an exec that asks for none", `{"args":["sh"]}`, `{"args":["sh"]}`},
		{"an exec whose capabilities are null", `{"args":["sh"],"capabilities":null}`, `{"args":["sh"],"capabilities":null}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := stripProcess([]byte(tt.before), missing)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(compact(t, tt.want), compact(t, string(got))); diff != "" {
				t.Errorf("process (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamedFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		args            []string
		bundle, process string
	}{
		{name: "create as containerd calls it", args: []string{"--root", "/r", "--log", "/l", "create", "--bundle", "/b", "--pid-file", "/p", "id"}, bundle: "/b"},
		{name: "create with the short flag", args: []string{"create", "-b", "/b", "id"}, bundle: "/b"},
		{name: "create with an equals sign", args: []string{"create", "--bundle=/b", "id"}, bundle: "/b"},
		{name: "create in the working directory", args: []string{"create", "id"}, bundle: "."},
		{name: "exec as containerd calls it", args: []string{"--root", "/r", "exec", "--process", "/x/process.json", "--detach", "id"}, process: "/x/process.json"},
		{name: "exec with the short flag", args: []string{"exec", "-p", "/x", "id"}, process: "/x"},
		{name: "a command that has neither", args: []string{"--root", "/r", "delete", "--force", "id"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bundle, process := namedFiles(tt.args)
			if bundle != tt.bundle || process != tt.process {
				t.Errorf("got bundle %q and process %q, want %q and %q", bundle, process, tt.bundle, tt.process)
			}
		})
	}
}

func TestRewriteKeepsTheModeOfTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(`{"process":{"capabilities":{"bounding":["CAP_SYS_RESOURCE"]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(path, missing, stripConfig); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"process":{"capabilities":{"bounding":[]}}}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode: got %v (%v), want -rw-------", info.Mode(), err)
	}
}

// compact gives JSON with sorted members and no blanks. Numbers keep their digits.
func compact(t *testing.T, text string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) == nil && members != nil {
		for name, member := range members {
			members[name] = json.RawMessage(compact(t, string(member)))
		}
		sorted, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(sorted)
	}
	out, err := json.Marshal(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
