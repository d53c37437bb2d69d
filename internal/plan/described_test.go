package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

// sourced makes a plan of an image whose sources are known. change may change what is known.
func sourced(t *testing.T, in plan.Inputs, env map[string]string, change func(*plan.World, *plan.Event)) (*plan.Plan, error) {
	t.Helper()
	event := plan.Event{
		SHA: "860c1904", HeadSHA: "f11797ae", Name: "pull_request", CommitTime: time.Date(2020, 1, 10, 0, 30, 0, 0, time.UTC),
		Repository: plan.Repository{Name: "app", Description: "An app", URL: "https://git.example.org/o/app", License: "MIT"},
	}
	world := world(env)
	world.Source = func(paths, written []string) (plan.Event, error) { return event, nil }
	if change != nil {
		change(&world, &event)
	}
	return plan.New(in, world)
}

// about is what the annotations of a document say, without the prefix of the OCI.
func about(p *plan.Plan, target plan.AnnotationTarget, platform int) map[string]string {
	out := map[string]string{}
	for key, value := range p.AnnotationsOf(target, p.Platforms[platform]) {
		out[strings.TrimPrefix(key, "org.opencontainers.image.")] = value
	}
	return out
}

func TestTheSourceIsAnnotated(t *testing.T) {
	t.Parallel()
	const prefix = "org.opencontainers.image."
	all := map[string]string{
		"created": "2020-01-10T00:30:00.000Z", "description": "An app", "licenses": "MIT", "revision": "860c1904",
		"source": "https://git.example.org/o/app", "url": "https://git.example.org/o/app",
	}
	but := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for key, value := range all {
			out[key] = value
		}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
			if pairs[i+1] == "" {
				delete(out, pairs[i])
			}
		}
		return out
	}
	none := map[string]string{}
	tests := map[string]struct {
		in              plan.Inputs
		env             map[string]string
		change          func(*plan.World, *plan.Event)
		index, manifest map[string]string // of the second platform
	}{
		"as it is known":         {index: all, manifest: all},
		"one platform":           {in: plan.Inputs{Platforms: []string{"linux/amd64"}}, index: none, manifest: all},
		"one platform, attested": {in: plan.Inputs{Platforms: []string{"linux/amd64"}, Provenance: "true"}, index: all, manifest: all},
		"what is given wins": {
			in:    plan.Inputs{Annotations: []string{prefix + "description=Mine", "index:" + prefix + "licenses=BSD", "org.example.a=b"}},
			index: but("description", "Mine", "licenses", "BSD"), manifest: but("description", "Mine", "org.example.a", "b"),
		},
		"platforms that differ": {
			in:    plan.Inputs{Annotations: []string{"manifest[linux/arm64]:" + prefix + "description=Mine", "manifest[linux/arm64]:" + prefix + "base.name=a"}},
			index: but("description", ""), manifest: but("description", "Mine", "base.name", "a"),
		},
		"only what is given": {in: plan.Inputs{Annotations: []string{"none", prefix + "title=a"}}, index: none, manifest: map[string]string{"title": "a"}},
		"on the index only": {
			in: plan.Inputs{Annotations: []string{prefix + "title=a"}}, env: map[string]string{"DOCKER_METADATA_ANNOTATIONS_LEVELS": "index"}, index: all, manifest: map[string]string{"title": "a"},
		},
		"on manifests only":      {env: map[string]string{"DOCKER_METADATA_ANNOTATIONS_LEVELS": "manifest"}, index: none, manifest: all},
		"Docker's media types":   {in: plan.Inputs{Outputs: []string{"type=oci,dest=a.tar,oci-mediatypes=false"}}, index: none, manifest: none},
		"SOURCE_DATE_EPOCH":      {env: map[string]string{"SOURCE_DATE_EPOCH": "0"}, index: but("created", "1970-01-01T00:00:00.000Z"), manifest: but("created", "1970-01-01T00:00:00.000Z")},
		"the request's own head": {env: map[string]string{"DOCKER_METADATA_PR_HEAD_SHA": "true"}, index: but("revision", "f11797ae"), manifest: but("revision", "f11797ae")},
		"changed files": {
			change: func(_ *plan.World, e *plan.Event) { e.Modified = true },
			index:  but("revision", "", "created", ""), manifest: but("revision", "", "created", ""),
		},
		"no licence that GitHub knows": {
			change: func(_ *plan.World, e *plan.Event) { e.Repository.License = "NOASSERTION" },
			index:  but("licenses", ""), manifest: but("licenses", ""),
		},
		"outside of Git": {
			env:    map[string]string{"SOURCE_DATE_EPOCH": "0"},
			change: func(_ *plan.World, e *plan.Event) { *e = plan.Event{} }, index: none, manifest: none,
		},
		"an event that cannot be read": {
			change: func(w *plan.World, _ *plan.Event) {
				w.Source = func(_, _ []string) (plan.Event, error) { return plan.Event{}, errors.New("broken") }
			},
			index: none, manifest: none,
		},
		"another repository": {in: plan.Inputs{Context: "https://git.example.org/o/other.git"}, index: none, manifest: none},
		"the commit of the event": {
			in:     plan.Inputs{Context: "{{defaultContext}}:app"},
			change: func(w *plan.World, _ *plan.Event) { w.DefaultContext = "https://git.example.org/o/app.git#860c1904" },
			index:  all, manifest: all,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.in.Platforms == nil {
				test.in.Platforms = []string{"linux/amd64", "linux/arm64"}
			}
			p, err := sourced(t, test.in, test.env, test.change)
			if err != nil {
				t.Fatal(err)
			}
			last := len(p.Platforms) - 1
			if diff := cmp.Diff(test.index, about(p, plan.AnnotateIndex, last)); diff != "" {
				t.Errorf("the index (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.manifest, about(p, plan.AnnotateManifest, last)); diff != "" {
				t.Errorf("the manifest (-want +got):\n%s", diff)
			}
			if len(test.in.Platforms) == 1 && p.Index() != p.Attest.Any() {
				t.Error("annotations that nobody has asked for decide whether it is an index")
			}
		})
	}
}

// With rules one platform stays a manifest as well, and none keeps only what is given.
func TestAnnotationsOfRules(t *testing.T) {
	t.Parallel()
	rules := plan.Inputs{Images: []string{"a/b"}, Tags: []string{"type=sha"}, Annotations: []string{"org.example.a={{tag}}"}}
	p, err := described(t, rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	if said := about(p, plan.AnnotateManifest, 0); p.Index() || said["revision"] == "" || said["org.example.a"] != "v1.2.3" {
		t.Errorf("Index() = %t and the manifest has %v, want no index, the revision, and v1.2.3", p.Index(), said)
	}
	rules.Annotations = append(rules.Annotations, "none")
	if p, err = described(t, rules, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"org.example.a": "v1.2.3"}, about(p, plan.AnnotateManifest, 0)); diff != "" {
		t.Errorf("with none (-want +got):\n%s", diff)
	}
}

// The host is asked about all that the build reads here, and told what it writes.
func TestTheSourceIsWhatIsBuilt(t *testing.T) {
	t.Parallel()
	in := plan.Inputs{
		Context: "app", Platforms: []string{"linux/amd64"}, BuildContexts: []string{"one=one", "base=docker-image://busybox"}, Report: "report.json", Outputs: []string{"type=oci,dest=a.tar"},
		PlatformOverrides: "{linux/amd64: {file: app/arm.dockerfile}}",
	}
	var paths, written []string
	_, err := sourced(t, in, nil, func(w *plan.World, _ *plan.Event) {
		w.Source = func(p, w []string) (plan.Event, error) {
			paths, written = p, w
			return plan.Event{}, nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/src/app", "/src/app/Dockerfile", "/src/app/arm.dockerfile", "/src/one"}; !slices.Equal(paths, want) {
		t.Errorf("it is asked about %q, want %q", paths, want)
	}
	if want := []string{"/src/report.json", "/src/a.tar"}; !slices.Equal(written, want) {
		t.Errorf("it is told of %q, want %q", written, want)
	}
}

func TestLevelsOfAnnotationsThatAreNone(t *testing.T) {
	t.Parallel()
	_, err := sourced(t, plan.Inputs{Platforms: []string{"linux/amd64"}}, map[string]string{"DOCKER_METADATA_ANNOTATIONS_LEVELS": "manifest,layer"}, nil)
	want := `DOCKER_METADATA_ANNOTATIONS_LEVELS "layer": it is not a document that can be annotated; write manifest, index, manifest-descriptor or index-descriptor, separated by commas`
	if err == nil || err.Error() != want {
		t.Errorf("New():\n got %v\nwant %s", err, want)
	}
}
