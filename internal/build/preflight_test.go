package build

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/multiarch-action/internal/plan"
)

// manifestOf is the digest of one platform's manifest in an index, and the index's own.
func manifestOf(t *testing.T, ref string, p plan.Platform) (manifest, index string) {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	found, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}
	document, err := found.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := found.Digest()
	if err != nil {
		t.Fatal(err)
	}
	child, ok := childFor(document.Manifests, p.Spec())
	if !ok {
		t.Fatalf("%s has no %s", ref, p)
	}
	return child.String(), whole.String()
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	host, _ := baseImages(t)
	pinned, index := manifestOf(t, host+"/plain:latest", amd64)
	tests := []struct {
		name       string
		dockerfile string
		change     func(*plan.Plan)
		want       []string // check, severity, platform and place
		texts      []string // that are in the findings
	}{
		{name: "nothing", dockerfile: "FROM REGISTRY/plain AS tools\nRUN make\nFROM scratch\nCOPY --from=tools /a /a\n"},
		{
			name: "an image that lacks a platform", dockerfile: "FROM REGISTRY/plain\n", change: also(s390x),
			want:  []string{"base-platform error linux/s390x Dockerfile:1"},
			texts: []string{host + "/plain:latest for linux/s390x", "published for linux/amd64, linux/arm64"},
		},
		{
			name: "of a copy", dockerfile: "FROM scratch\nCOPY --from=REGISTRY/plain /a /a\n", change: also(s390x),
			want: []string{"base-platform error linux/s390x Dockerfile:2"},
		},
		{
			name: "of a mount", dockerfile: "FROM REGISTRY/onbuild-copy AS tools\nFROM REGISTRY/plain\nRUN --mount=from=REGISTRY/none,target=/x true\n",
			want: []string{"base-missing error linux/amd64 Dockerfile:3", "base-missing error linux/arm64 Dockerfile:3"},
		},
		{
			name: "of a stage on the build platform", dockerfile: "FROM --platform=$BUILDPLATFORM REGISTRY/plain AS b\nRUN make\nFROM scratch\nCOPY --from=b /a /a\n", change: also(s390x),
		},
		{name: "of a stage that is not needed", dockerfile: "FROM REGISTRY/none AS unused\nFROM REGISTRY/plain\n"},
		{
			name: "of a stage that one platform needs", dockerfile: "FROM REGISTRY/none AS on-arm64\nFROM REGISTRY/plain AS on-amd64\nFROM on-$TARGETARCH\n",
			want: []string{"base-missing error linux/arm64 Dockerfile:1"},
		},
		{
			name: "a pin to one platform", dockerfile: "FROM REGISTRY/plain:latest@" + pinned + " AS base\nFROM base\nRUN make\n",
			want:  []string{"base-pinned error linux/arm64 Dockerfile:1"},
			texts: []string{"pin the index, which holds that image and those of the other platforms: " + host + "/plain:latest@" + index, "an image for linux/amd64 only"},
		},
		{
			name: "a pin without a tag", dockerfile: "FROM REGISTRY/plain@" + pinned + "\n",
			want: []string{"base-pinned error linux/arm64 Dockerfile:1"}, texts: []string{"/plain:latest@" + index},
		},
		{
			name: "a pin of what is copied from", dockerfile: "FROM REGISTRY/plain\nCOPY --from=REGISTRY/plain@" + pinned + " /a /a\n",
			want: []string{"base-pinned warning linux/arm64 Dockerfile:2"},
		},
		{name: "a pin for a stage of that platform", dockerfile: "FROM --platform=linux/amd64 REGISTRY/plain@" + pinned + " AS b\nFROM scratch\nCOPY --from=b /a /a\n"},
		{name: "a pin of the index", dockerfile: "FROM REGISTRY/plain@" + index + "\n"},
		{
			name: "a pin that changes with the platform", dockerfile: "FROM REGISTRY/plain@" + pinned + " AS on-amd64\nFROM REGISTRY/plain AS on-arm64\nFROM on-$TARGETARCH\n",
		},
		{
			name: "a final stage of the build platform", dockerfile: "FROM --platform=$BUILDPLATFORM REGISTRY/plain AS base\nFROM base\nRUN make\n",
			want: []string{"final-platform error linux/arm64 Dockerfile:1"}, texts: []string{"--platform=$BUILDPLATFORM, which is linux/amd64"},
		},
		{
			name: "a final stage of a fixed platform", dockerfile: "FROM --platform=linux/arm64 REGISTRY/plain\n",
			want: []string{"final-platform error linux/amd64 Dockerfile:1"},
		},
		{
			name: "a final stage that one platform has otherwise", dockerfile: "FROM REGISTRY/plain AS app\nFROM --platform=$BUILDPLATFORM REGISTRY/plain AS small\n",
			change: func(p *plan.Plan) {
				p.Target, p.Overrides = "app", map[string]plan.Override{"linux/arm64": {Target: "small"}}
			},
			want: []string{"final-platform error linux/arm64 Dockerfile:2"},
		},
		{
			name: "a platform of FROM that one platform has otherwise", dockerfile: "ARG BASE=$TARGETPLATFORM\nFROM --platform=$BASE REGISTRY/plain\n",
			change: func(p *plan.Plan) {
				p.Overrides = map[string]plan.Override{"linux/arm64": {BuildArgs: []plan.BuildArg{{Name: "BASE", Value: "linux/amd64"}}}}
			},
			want: []string{"final-platform error linux/arm64 Dockerfile:2"},
		},
		{
			name: "an image for which a named context stands in", dockerfile: "FROM REGISTRY/none\nCOPY --from=REGISTRY/gone:1 /a /a\n",
			change: func(p *plan.Plan) {
				p.Contexts = []plan.NamedContext{{Name: host + "/none", Kind: plan.ContextImage, Value: host + "/plain"}, {Name: host + "/gone:1", Kind: plan.ContextFolder, Value: "/"}}
			},
		},
		{
			name: "an image beside which a named context stands in for another tag", dockerfile: "FROM REGISTRY/none:2\n",
			change: func(p *plan.Plan) {
				p.Contexts = []plan.NamedContext{{Name: host + "/none", Kind: plan.ContextImage, Value: host + "/plain"}}
			},
			want: []string{"base-missing error linux/amd64 Dockerfile:1", "base-missing error linux/arm64 Dockerfile:1"},
		},
		{
			name: "a stage for which a named context stands in", dockerfile: "FROM REGISTRY/none AS base\nFROM base\n",
			change: func(p *plan.Plan) {
				p.Contexts = []plan.NamedContext{{Name: "base", Kind: plan.ContextImage, Value: host + "/plain"}}
			},
		},
		{
			name: "another target", dockerfile: "FROM REGISTRY/plain AS app\nFROM --platform=linux/arm64 REGISTRY/none AS tools\n",
			change: func(p *plan.Plan) { p.Target = "app" },
		},
		{
			name: "an argument that shadows", dockerfile: "FROM REGISTRY/plain\nARG TARGETARCH=amd64\nRUN make $TARGETARCH\n",
			want: []string{"shadowed-arg warning linux/arm64 Dockerfile:2"}, texts: []string{"TARGETARCH=arm64, as BuildKit sets it", "TARGETARCH=amd64"},
		},
		{
			name: "an argument for all stages that shadows", dockerfile: "ARG TARGETARCH=amd64\nFROM REGISTRY/plain\nARG TARGETARCH\nRUN make $TARGETARCH\n",
			want: []string{"shadowed-arg warning linux/arm64 Dockerfile:1"},
		},
		{name: "an argument with BuildKit's value before its own", dockerfile: "ARG TARGETARCH=${TARGETARCH:-amd64}\nFROM REGISTRY/plain\nARG TARGETARCH\n"},
		{
			name: "an argument that is given", dockerfile: "FROM REGISTRY/plain\n", change: func(p *plan.Plan) { p.BuildArgs = []plan.BuildArg{{Name: "TARGETARCH", Value: "amd64"}} },
			want: []string{"shadowed-arg warning linux/arm64 --build-arg"},
		},
		{
			name: "GOARCH in a command", dockerfile: "FROM REGISTRY/plain\nRUN CGO_ENABLED=0 GOARCH=amd64 go build\n",
			want: []string{"fixed-goarch warning linux/arm64 Dockerfile:2"},
		},
		{
			name: "GOARCH in the environment", dockerfile: "FROM REGISTRY/plain AS b\nENV GOOS=linux GOARCH=amd64\nRUN go build\nFROM scratch\nCOPY --from=b /a /a\n",
			want: []string{"fixed-goarch warning linux/arm64 Dockerfile:2"},
		},
		{name: "GOARCH that follows", dockerfile: "FROM REGISTRY/plain\nARG TARGETARCH\nENV GOARCH=$TARGETARCH\nRUN GOARCH=$TARGETARCH go build\nRUN case $TARGETARCH in arm64) GOARCH=arm64;; esac\n"},
		{name: "GOARCH in a stage that is not needed", dockerfile: "FROM REGISTRY/plain AS b\nENV GOARCH=amd64\nFROM REGISTRY/plain\n"},
		{name: "a Dockerfile that is none", dockerfile: "FORM REGISTRY/plain\n"},
		{name: "an image that nobody can be asked for", dockerfile: "FROM 127.0.0.1:1/a\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := needRequest(t, host, test.dockerfile, amd64, arm64)
			if test.change != nil {
				test.change(request.Plan)
			}
			var got, texts []string
			for _, f := range Preflight(t.Context(), request) {
				got = append(got, strings.TrimPrefix(f.Check, "preflight/")+" "+string(f.Severity)+" "+f.Platform+" "+f.Path)
				texts = append(texts, f.Expected, f.Found, f.Why, f.Fix)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Preflight() differs (-want +got):\n%s", diff)
			}
			for _, text := range test.texts {
				if !strings.Contains(strings.Join(texts, "\n"), text) {
					t.Errorf("the findings do not hold %q:\n%s", text, strings.Join(texts, "\n"))
				}
			}
		})
	}
}

func also(p plan.Platform) func(*plan.Plan) {
	return func(request *plan.Plan) { request.Platforms = append(request.Platforms, p) }
}

func TestPreflightOfAnImageThatNeedsALogin(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	found := Preflight(t.Context(), needRequest(t, strings.TrimPrefix(server.URL, "http://"), "FROM REGISTRY/private:1\n", amd64))
	if len(found) != 1 || found[0].Check != checkBaseDenied || found[0].Severity != plan.SeverityError {
		t.Errorf("Preflight() = %+v, want that the image is not given", found)
	}
}

func TestEveryPreflightCheckHasAMeaning(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, check := range PreflightChecks() {
		if seen[check[0]] || check[1] == "" || !strings.HasPrefix(check[0], "preflight/") {
			t.Errorf("check %q is there twice or has no meaning", check)
		}
		seen[check[0]] = true
	}
}
