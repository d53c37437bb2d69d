package plan_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

// machinePlan is made on a machine whose Docker trusts a registry by a certificate of its own.
func machinePlan(t *testing.T, in plan.Inputs) *plan.Plan {
	t.Helper()
	files := fstest.MapFS{
		"etc/docker/certs.d/README":                           {},
		"etc/docker/certs.d/machine.example:5000/ca.crt":      {Data: []byte("authority of the machine")},
		"etc/docker/certs.d/machine.example:5000/client.cert": {Data: []byte("not an authority")},
	}
	w := world(nil)
	usual := w.ReadFile
	w.ReadFile = func(name string) ([]byte, error) {
		if content, err := files.ReadFile(strings.TrimPrefix(name, "/")); err == nil {
			return content, nil
		}
		return usual(name)
	}
	w.ReadDir = func(name string) ([]fs.DirEntry, error) { return files.ReadDir(strings.TrimPrefix(name, "/")) }
	p, err := plan.New(in, w)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tomlOf is the configuration, with the contents of the certificates instead of their copies' paths.
func tomlOf(t *testing.T, b plan.Builder) string {
	t.Helper()
	text, err := b.Config.TOML()
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range b.Files {
		text = []byte(strings.ReplaceAll(string(text), "/etc/buildkit/"+path, string(content)))
	}
	return string(text)
}

func TestRegistryInputsReachTheBuilderAndOurClient(t *testing.T) {
	t.Parallel()
	p := machinePlan(t, with(func(in *plan.Inputs) {
		in.RegistryMirrors = []string{"docker.io=mirror.example/hub", "docker.io=other.example:5000"}
		in.InsecureRegistries = []string{"plain.example:5000"}
		in.RegistryCAs = []string{"own.example=one/ca.pem"}
		in.BuildkitdConfigInline = "[registry.\"docker.io\"]\nmirrors = [\"first.example\"]\n"
		in.Tags, in.Push = []string{"plain.example:5000/a:1", "own.example/a:1"}, "true"
	}))
	want := `[registry]
[registry.'docker.io']
mirrors = ['first.example', 'mirror.example/hub', 'other.example:5000']

[registry.'machine.example:5000']
ca = ['authority of the machine']

[registry.'own.example']
ca = ['authority one']

[registry.'plain.example:5000']
http = true

[system]
maxRegistryConcurrency = 16
`
	if diff := cmp.Diff(want, tomlOf(t, p.Builder)); diff != "" {
		t.Errorf("TOML() differs (-want +got):\n%s", diff)
	}
	var trusted []string
	for _, authority := range p.Builder.Authorities {
		trusted = append(trusted, string(authority))
	}
	if diff := cmp.Diff([]string{"authority of the machine", "authority one"}, trusted); diff != "" {
		t.Errorf("Authorities differ (-want +got):\n%s", diff)
	}
	schemes := map[string]string{}
	for _, tag := range p.Tags {
		schemes[tag.RegistryStr()] = tag.Scheme()
	}
	if diff := cmp.Diff(map[string]string{"plain.example:5000": "http", "own.example": "https"}, schemes); diff != "" {
		t.Errorf("schemes of our client differ (-want +got):\n%s", diff)
	}
}

func TestUsersAuthorityWinsOverTheMachines(t *testing.T) {
	t.Parallel()
	p := machinePlan(t, with(func(in *plan.Inputs) { in.RegistryCAs = []string{"machine.example:5000=one/ca.pem"} }))
	want := "[registry]\n[registry.'machine.example:5000']\nca = ['authority one']\n\n[system]\nmaxRegistryConcurrency = 16\n"
	if diff := cmp.Diff(want, tomlOf(t, p.Builder)); diff != "" {
		t.Errorf("TOML() differs (-want +got):\n%s", diff)
	}
}

func TestRegistryInputsRefuse(t *testing.T) {
	t.Parallel()
	mirror := func(text string) func(*plan.Inputs) {
		return func(in *plan.Inputs) { in.RegistryMirrors = []string{text} }
	}
	wantProblem(t, mirror("mirror.example"), `--registry-mirror "mirror.example": it is not REGISTRY=VALUE; for example docker.io=mirror.example.org`)
	wantProblem(t, mirror("docker.io=https://mirror.example/"), `--registry-mirror "docker.io=https://mirror.example/": a registry is named without a scheme; write docker.io=mirror.example`)
	wantProblem(t, func(in *plan.Inputs) { in.InsecureRegistries = []string{"http://a.example"} }, `--insecure-registry "http://a.example": a registry is named without a scheme; write a.example`)
	wantProblem(t, func(in *plan.Inputs) { in.InsecureRegistries = []string{"a b"} }, `--insecure-registry "a b": "a b" is not a registry; write its host, and its port where it has one, for example registry.example.org:5000`)
	wantProblem(t, func(in *plan.Inputs) { in.RegistryCAs = []string{"a.example=gone.pem"} }, `--registry-ca "a.example=gone.pem": the file cannot be read; name a certificate in PEM, relative to the working directory`)
}

func TestAdoptTheEnginesRegistries(t *testing.T) {
	t.Parallel()
	engine := plan.EngineRegistries{Mirrors: []string{"https://mirror.example/", "http://localhost:5000"}, Insecure: []string{"insecure.example", "said.example"}}
	const insecure = "registry insecure.example is insecure by the engine's configuration, and for the builder too"
	for _, test := range []struct {
		name, inline, network, want string
		notes                       []string
	}{
		{"nothing said", "[registry.\"said.example\"]\nhttp = false\n", "", `[registry]
[registry.'docker.io']
mirrors = ['mirror.example', 'localhost:5000']

[registry.'insecure.example']
http = true
insecure = true

[registry.'localhost:5000']
http = true

[registry.'said.example']
http = false
`, []string{
			insecure,
			"docker.io has the mirror mirror.example by the engine's configuration, and for the builder too",
			"docker.io has the mirror localhost:5000 by the engine's configuration, and for the builder too",
			"registry localhost:5000 is on a loopback address: the builder uses this host's network",
		}},
		{"mirrors said", "[registry.\"said.example\"]\nhttp = false\n[registry.\"docker.io\"]\nmirrors = [\"localhost:1\"]\n", "bridge", `[registry]
[registry.'docker.io']
mirrors = ['localhost:1']

[registry.'insecure.example']
http = true
insecure = true

[registry.'said.example']
http = false
`, []string{insecure, `registry localhost:1 is on a loopback address, which the builder's network "bridge" does not reach`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPlan(t, with(func(in *plan.Inputs) {
				in.BuildkitdConfigInline = test.inline
				if test.network != "" {
					in.DriverOpts = []string{"network=" + test.network}
				}
			}), nil)
			delete(p.Builder.Config, "system")
			notes := p.Builder.Adopt(engine)
			if diff := cmp.Diff(test.want, tomlOf(t, p.Builder)); diff != "" {
				t.Errorf("TOML() differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.notes, notes); diff != "" {
				t.Errorf("Adopt() differs (-want +got):\n%s", diff)
			}
		})
	}
	p := newPlan(t, good(), nil)
	if notes := p.Builder.Adopt(plan.EngineRegistries{}); notes != nil {
		t.Errorf("Adopt() of nothing = %q", notes)
	}
	if got := tomlOf(t, p.Builder); got != "[registry]\n[system]\nmaxRegistryConcurrency = 16\n" {
		t.Errorf("Adopt() of nothing changes the configuration to %s", got)
	}
}

func TestProxiesOfTheEnvironmentArePassedOn(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.BuildArgs = []string{"HTTPS_PROXY=mine"}
		in.DriverOpts = []string{"env.no_proxy=mine"}
	}), map[string]string{"HTTP_PROXY": "http://user:s3cret@proxy:1", "HTTPS_PROXY": "theirs", "no_proxy": "theirs"})
	if diff := cmp.Diff([]string{"no_proxy=mine", "HTTP_PROXY=http://user:s3cret@proxy:1", "HTTPS_PROXY=theirs"}, p.Builder.Options.Env); diff != "" {
		t.Errorf("BuildKit's environment differs (-want +got):\n%s", diff)
	}
	args := []plan.BuildArg{{Name: "HTTPS_PROXY", Value: "mine"}, {Name: "HTTP_PROXY", Value: "http://user:s3cret@proxy:1"}, {Name: "no_proxy", Value: "theirs"}}
	if diff := cmp.Diff(args, p.BuildArgs); diff != "" {
		t.Errorf("BuildArgs differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"passed on to the builder and the build from the environment: HTTP_PROXY, HTTPS_PROXY, no_proxy"}, p.Notes); diff != "" {
		t.Errorf("Notes differ (-want +got):\n%s", diff)
	}
}
