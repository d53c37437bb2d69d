package plan_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

// described makes a plan with rules in a world where v1.2.3 was tagged.
func described(t *testing.T, in plan.Inputs, env map[string]string) (*plan.Plan, error) {
	t.Helper()
	in.Platforms = []string{"linux/amd64"}
	world := world(env)
	world.Now = time.Date(2021, 5, 6, 7, 8, 9, 0, time.UTC)
	world.Event = func() (plan.Event, error) {
		return plan.Event{
			Name: "pull_request", Ref: "refs/tags/v1.2.3", SHA: "860c1904a1ce19322e91ac35af1ab07466440c37", HeadSHA: "f11797aec3b2b9bd7ca8e2b7bdc6f3e9a1a1a1a1",
			CommitTime: time.Date(2020, 1, 10, 0, 30, 0, 0, time.UTC),
		}, nil
	}
	return plan.New(in, world)
}

func TestTagsAreReferencesOrRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		images, tags, want []string
	}{
		"references":                     {nil, []string{"ghcr.io/o/app:1.4,docker.io/o/app:1.4", "app:x"}, []string{"ghcr.io/o/app:1.4", "docker.io/o/app:1.4", "app:x"}},
		"a rule for an image":            {[]string{"ghcr.io/Owner/App"}, []string{"type=semver,pattern={{version}}", "type=raw,edge"}, []string{"ghcr.io/owner/app:1.2.3", "ghcr.io/owner/app:edge", "ghcr.io/owner/app:latest"}},
		"words for an image":             {[]string{"o/app"}, []string{"a", "feature/b"}, []string{"o/app:a", "o/app:feature-b"}},
		"an image alone":                 {[]string{"o/app"}, nil, []string{"o/app:v1.2.3", "o/app:latest"}},
		"a rule without an image":        {nil, []string{"type=sha", "word"}, []string{"word", "sha-860c190"}},
		"an expression without an image": {nil, []string{"{{tag}}-x"}, []string{"v1.2.3-x"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := described(t, plan.Inputs{Images: test.images, Tags: test.tags}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, p.Metadata.Tags); diff != "" {
				t.Errorf("the tags differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimesAndEnvironmentOfRules(t *testing.T) {
	t.Parallel()
	in := plan.Inputs{Images: []string{"a"}, Tags: []string{"type=raw,value={{date 'YYYY'}}", "type=sha"}}
	tests := map[string]struct {
		env           map[string]string
		tags          []string
		created       string
		annotationsOf string
	}{
		"the clock, and the commit": {nil, []string{"a:2021", "a:sha-860c190"}, "2020-01-10T00:30:00.000Z", "manifest"},
		"SOURCE_DATE_EPOCH":         {map[string]string{"SOURCE_DATE_EPOCH": "0"}, []string{"a:1970", "a:sha-860c190"}, "1970-01-01T00:00:00.000Z", "manifest"},
		"docker/metadata-action's own": {
			map[string]string{"DOCKER_METADATA_PR_HEAD_SHA": "true", "DOCKER_METADATA_SHORT_SHA_LENGTH": "10", "DOCKER_METADATA_ANNOTATIONS_LEVELS": "index"},
			[]string{"a:2021", "a:sha-f11797aec3"},
			"2020-01-10T00:30:00.000Z", "index",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := described(t, in, test.env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.tags, p.Metadata.Tags); diff != "" {
				t.Errorf("the tags differ (-want +got):\n%s", diff)
			}
			if got := p.Metadata.Labels["org.opencontainers.image.created"]; got != test.created {
				t.Errorf("created is %s, want %s", got, test.created)
			}
			if got, want := p.Metadata.Annotations[0], test.annotationsOf+":org.opencontainers.image.created="+test.created; got != want {
				t.Errorf("the first annotation is %s, want %s", got, want)
			}
		})
	}
}

func TestProblemsOfRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   plan.Inputs
		env  map[string]string
		want string
	}{
		"a reference among rules": {
			plan.Inputs{Images: []string{"a/b"}, Tags: []string{"type=sha", "ghcr.io/a/b:1"}},
			nil,
			`--tag "ghcr.io/a/b:1": it is a reference, and the others are rules for --image; write all as references and leave out --image, or type=raw,value=ghcr.io/a/b:1 if it is a tag`,
		},
		"no image to push": {
			plan.Inputs{Tags: []string{"type=sha"}, Push: "true"},
			nil,
			"--image: rules make tags, and no image is named to put them on; add --image, for example --image ghcr.io/owner/app",
		},
		"no tag to push": {
			plan.Inputs{Images: []string{"a/b"}, Tags: []string{"type=ref,event=pr"}, Push: "true"},
			nil,
			"--tag: no rule gives a tag for this event; add one that does, for example type=sha, or push only for events that have tags",
		},
		"a rule, a flavor and an image": {
			plan.Inputs{Images: []string{"a=b"}, Tags: []string{"type=x"}, Flavor: []string{"latest=x"}},
			nil,
			`--tag "type=x": there is no type "x"; write type=schedule, semver, pep440, match, edge, ref, raw or sha` + "\n" +
				`--image "a=b": there is no attribute a; write one image on a line, as name=ghcr.io/owner/app,enable=true` + "\n" +
				`--flavor "latest=x": latest=x is not one of auto, true and false; write latest=auto|true|false, prefix=TEXT[,onlatest=true] or suffix=TEXT[,onlatest=true]`,
		},
		"an image that is none": {
			plan.Inputs{Images: []string{"https://ghcr.io/a"}, Tags: []string{"x"}},
			nil,
			`--image "https://ghcr.io/a": a reference is no URL; for example --image ghcr.io/owner/app`,
		},
		"the length of a commit": {
			plan.Inputs{Images: []string{"a/b"}, Tags: []string{"type=sha"}},
			map[string]string{"DOCKER_METADATA_SHORT_SHA_LENGTH": "x"},
			`DOCKER_METADATA_SHORT_SHA_LENGTH "x": it is not a number of digits; for example 12`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := described(t, test.in, test.env)
			var problems plan.InputErrors
			if !errors.As(err, &problems) || problems.Error() != test.want {
				t.Errorf("the error is\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}
