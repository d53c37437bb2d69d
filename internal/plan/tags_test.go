package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
)

func TestParseTag(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"a whole reference", "ghcr.io/owner/app:1.4", "ghcr.io/owner/app:1.4"},
		{"Docker Hub is the registry if none is named", "app:1", "index.docker.io/library/app:1"},
		{"latest is the tag if none is named", "ghcr.io/owner/app", "ghcr.io/owner/app:latest"},
		{"docker.io is Docker Hub", "docker.io/owner/app:1", "index.docker.io/owner/app:1"},
		{"a port", "localhost:5000/app:1", "localhost:5000/app:1"},
		{"an IPv6 address", "[::1]:5000/app:1", "[::1]:5000/app:1"},
		{"a tag may have capital letters", "ghcr.io/owner/app:V1-RC", "ghcr.io/owner/app:V1-RC"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tag, problem := parseTag(test.text)
			if problem != nil {
				t.Fatal(problem)
			}
			if got := tag.Name(); got != test.want {
				t.Errorf("parseTag(%q) = %s, want %s", test.text, got, test.want)
			}
		})
	}
}

func TestParseTagError(t *testing.T) {
	t.Parallel()
	const noReference = "it is not an image reference; write [registry/]repository:tag in lower case, for example ghcr.io/owner/app:1.4"
	tests := []struct{ name, text, want string }{
		{"nothing", "", `--tag: ` + noReference},
		{"an empty tag", "app:", `--tag "app:": ` + noReference},
		{"a blank", "app:1 4", `--tag "app:1 4": ` + noReference},
		{"an empty part of the path", "a//b:1", `--tag "a//b:1": ` + noReference},
		{"a path that BuildKit would refuse after the build", "ghcr.io/owner/-app:1", `--tag "ghcr.io/owner/-app:1": ` + noReference},
		{"a tag that is too long", "app:" + strings.Repeat("1", 129), `--tag "app:` + strings.Repeat("1", 129) + `": ` + noReference},
		{"capital letters, with the tag kept as it is", "ghcr.io/Owner/app:V1", `--tag "ghcr.io/Owner/app:V1": a repository has no capital letters; write ghcr.io/owner/app:V1`},
		{"a URL", "https://ghcr.io/owner/app:1", `--tag "https://ghcr.io/owner/app:1": a reference is no URL; leave out https://, as in ghcr.io/owner/app:1`},
		{"a digest", "app@sha256:12", `--tag "app@sha256:12": a digest cannot be moved; name a tag, for example app:1.4`},
		{"a tag and a digest", "app:1@sha256:12", `--tag "app:1@sha256:12": a digest cannot be moved; name a tag, for example app:1.4`},
		{"a digest of nothing", "@sha256:12", `--tag "@sha256:12": a digest cannot be moved; name a tag, for example ghcr.io/owner/app:1.4`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tag, problem := parseTag(test.text)
			if problem == nil {
				t.Fatalf("parseTag(%q) = %s, want an error", test.text, tag.Name())
			}
			if got := problem.Error(); got != test.want {
				t.Errorf("parseTag(%q):\n got %s\nwant %s", test.text, got, test.want)
			}
		})
	}
}

func TestTagsMoveMostSpecificFirst(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		tags []string
		want []string
	}{
		{"more parts of a version come first", []string{"a:1", "a:1.4.2", "a:1.4"}, []string{"1.4.2", "1.4", "1"}},
		{"a v before the version does not count", []string{"a:v1", "a:v1.4.2", "a:v1.4"}, []string{"v1.4.2", "v1.4", "v1"}},
		{"words come after versions, and latest last", []string{"a:latest", "a:edge", "a:1"}, []string{"1", "edge", "latest"}},
		{"equals keep their order", []string{"a:edge", "a:nightly", "a:beta"}, []string{"edge", "nightly", "beta"}},
		{"one tag in two spellings moves once", []string{"a:1", "docker.io/library/a:1"}, []string{"1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &reader{in: Inputs{Tags: test.tags}}
			var got []string
			for _, tag := range r.tags() {
				got = append(got, tag.TagStr())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("tags() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1": true, "127.0.0.1:5000": true, "127.9.9.9:80": true, "[::1]:5000": true, "[::1]": true,
		"ghcr.io": false, "localhost.example.org:5000": false, "10.0.0.1:5000": false, "index.docker.io": false, "": false, "128.0.0.1": false,
	}
	for registry, want := range tests {
		t.Run(registry, func(t *testing.T) {
			t.Parallel()
			if got := Loopback(registry); got != want {
				t.Errorf("Loopback(%q) = %t, want %t", registry, got, want)
			}
		})
	}
}

// What is accepted means the same to BuildKit, which pushes, and to us, who move the tag; and it has one whole spelling.
func FuzzParseTag(f *testing.F) {
	for _, seed := range []string{
		"app", "ghcr.io/owner/app:1.4", "localhost:5000/app:1", "localhost/app", "[::1]:5000/app:1", "App:V1", "https://ghcr.io/a", "a@sha256:1", "a//b:1", "-a:1", "docker.io/a", "A.b/c:1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tag, problem := parseTag(text)
		if problem != nil {
			if tag != (Tag{}) || problem.Rule == "" || problem.Hint == "" {
				t.Errorf("parseTag(%q) = %q and %+v, want an error with a rule and a hint, and no value", text, tag.Name(), problem)
			}
			return
		}
		again, problem := parseTag(tag.Name())
		if problem != nil || again.Name() != tag.Name() {
			t.Errorf("parseTag(%q) = %s, and that gives %s and %v", text, tag.Name(), again.Name(), problem)
		}
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			t.Fatalf("parseTag(%q) = %s, and BuildKit refuses it: %v", text, tag.Name(), err)
		}
		registry := strings.Replace(tag.RegistryStr(), "index.docker.io", "docker.io", 1)
		if got, want := registry+"/"+tag.RepositoryStr(), named.Name(); got != want {
			t.Errorf("parseTag(%q) is in %s, and to BuildKit in %s", text, got, want)
		}
	})
}

func TestRepositoriesAreEachNamedOnce(t *testing.T) {
	t.Parallel()
	r := &reader{in: Inputs{Tags: []string{"b.io/x:latest", "a.io/x:1", "a.io/x:1.2", "b.io/x:1"}}}
	p := &Plan{Tags: r.tags()}
	var got []string
	for _, repo := range p.Repositories() {
		got = append(got, repo.Name())
	}
	if want := []string{"a.io/x", "b.io/x"}; !slices.Equal(got, want) {
		t.Errorf("Repositories() = %q, want %q", got, want)
	}
}
