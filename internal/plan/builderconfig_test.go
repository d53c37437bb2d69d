package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

const certificates = `
[registry."b.example"]
  ca = ["two/ca.pem"]
[registry."a.example:5000"]
  ca = ["one/ca.pem"]
  [[registry."a.example:5000".keypair]]
    key = "two/key.pem"
    cert = "two/ca.pem"
`

func TestBuilderConfigMergesWithTheUsers(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, inline, want string }{
		{"nothing said", "", "[registry]\n[system]\nmaxRegistryConcurrency = 16\n"},
		{"what the user said stays", "debug = true\n[system]\nmaxRegistryConcurrency = 2\n", "debug = true\n\n[registry]\n[system]\nmaxRegistryConcurrency = 2\n"},
		{"the rest of a table stays", "[system]\nplatformsCacheMaxAge = \"1h\"\n", "[registry]\n[system]\nmaxRegistryConcurrency = 16\nplatformsCacheMaxAge = '1h'\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPlan(t, with(func(in *plan.Inputs) { in.BuildkitdConfigInline = test.inline }), nil)
			got, err := p.Builder.Config.TOML()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("TOML() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBuilderConfigRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, inline, want string }{
		{"two configurations", "mirror.toml", "debug = true", `--buildkitd-config "mirror.toml": --buildkitd-config-inline is given too; use one of the two`},
		{"a file that is not there", "gone.toml", "", `--buildkitd-config "gone.toml": the file cannot be read; name a buildkitd.toml, relative to the working directory`},
		{"a file that is not TOML", "not.toml", "", `--buildkitd-config "not.toml": it is not valid TOML: toml: unexpected character U+000A at start of value; see docs/buildkitd.toml.md of BuildKit`},
		{"text that is not TOML", "", "[", `--buildkitd-config-inline: it is not valid TOML: toml: expected key but reached end of input; see docs/buildkitd.toml.md of BuildKit`},
		{"a registry that is no table", "", "registry = 1", `--buildkitd-config-inline: "registry" is not a table; write [registry."host:port"]`},
		{"a system that is no table", "", "system = 1", `--buildkitd-config-inline: "system" is not a table; write [system]`},
		{"a certificate that is not there", "nocertificates.toml", "", `--buildkitd-config "gone.pem": registry "a.example" names this file, and it cannot be read; paths are relative to the working directory`},
		{"a certificate that is no text", "", "[registry.\"a.example\"]\nca = [1]", `--buildkitd-config: registry "a.example" names this file, and it cannot be read; paths are relative to the working directory`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(func(in *plan.Inputs) { in.BuildkitdConfig, in.BuildkitdConfigInline = test.file, test.inline }), world(nil))
			if err == nil {
				t.Fatal("New() gives no error")
			}
			if got := err.Error(); got != test.want {
				t.Errorf("New():\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCertificatesAreTakenIntoTheContainer(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) { in.BuildkitdConfig = "certificates.toml" }), nil)
	got, err := p.Builder.Config.TOML()
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range p.Builder.Files {
		// Each file is named by its content here, so that the text below shows which copy a setting means.
		got = []byte(strings.ReplaceAll(string(got), "/etc/buildkit/"+path, string(content)))
	}
	want := `[registry]
[registry.'a.example:5000']
ca = ['authority one']

[[registry.'a.example:5000'.keypair]]
cert = 'authority two'
key = 'a key'

[registry.'b.example']
ca = ['authority two']

[system]
maxRegistryConcurrency = 16
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("TOML() with contents for paths differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]byte{[]byte("authority one"), []byte("authority two")}, p.Builder.Authorities); diff != "" {
		t.Errorf("Authorities differ (-want +got):\n%s", diff)
	}
}

func TestLoopbackRegistries(t *testing.T) {
	t.Parallel()
	const host = "registry localhost:5000 is on a loopback address: the builder uses this host's network"
	const plain = "registry localhost:5000 is on a loopback address: the builder speaks plain HTTP to it"
	const mirror = "registry 127.0.0.1:5000 is on a loopback address: the builder uses this host's network"
	tests := []struct {
		name      string
		tags      []string
		push      string
		config    string
		wantHost  bool
		wantHTTP  bool
		wantNotes []string
	}{
		{"none", []string{"ghcr.io/a/b:1"}, "true", "", false, false, nil},
		{"pushed to", []string{"localhost:5000/a:1", "localhost:5000/b:1"}, "true", "", true, true, []string{host, plain}},
		{"named and not pushed to", []string{"localhost:5000/a:1"}, "false", "", false, false, nil},
		{"described by the user", []string{"localhost:5000/a:1"}, "true", "[registry.\"localhost:5000\"]\ninsecure = true", true, false, []string{host}},
		{"a mirror", nil, "false", "[registry.\"docker.io\"]\nmirrors = [\"127.0.0.1:5000/hub\"]", true, false, []string{mirror}},
		{"only described", nil, "false", "[registry.\"localhost:5000\"]\nhttp = true", true, true, []string{host}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPlan(t, with(func(in *plan.Inputs) { in.Tags, in.Push, in.BuildkitdConfigInline = test.tags, test.push, test.config }), nil)
			if got := p.Builder.HostNetwork; got != test.wantHost {
				t.Errorf("HostNetwork = %t, want %t", got, test.wantHost)
			}
			if got := p.Builder.Config.Registries()["localhost:5000"]["http"] == true; got != test.wantHTTP {
				t.Errorf("plain HTTP to localhost:5000: %t, want %t", got, test.wantHTTP)
			}
			if diff := cmp.Diff(test.wantNotes, p.Notes); diff != "" {
				t.Errorf("Notes differ (-want +got):\n%s", diff)
			}
		})
	}
}
