//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/report"
)

func TestPreflightEndsARunBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	builds("../examples/hello", []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push").run(t).wantCode(t, 0)
	manifest := strings.TrimSpace(must(t, w.crane, "digest", "--platform", "linux/amd64", ref))
	dockerfile := `FROM --platform=$BUILDPLATFORM busybox AS build
ARG TARGETARCH=amd64
RUN GOARCH=amd64 true
FROM ` + ref + "@" + manifest + `
COPY --from=build /bin/busybox /x
COPY --from=localhost:5000/no/such:1 /y /y
`
	r := builds(folder(t, map[string]string{"Dockerfile": dockerfile}), []string{"linux/amd64", "linux/arm64"}).run(t)
	r.wantCode(t, 1)
	var got []string
	for _, f := range r.report.Preflight {
		got = append(got, f.Check+" "+string(f.Severity)+" "+f.Path+" "+f.Platform)
	}
	slices.Sort(got)
	want := []string{
		"preflight/base-missing error Dockerfile:6 linux/amd64, linux/arm64", "preflight/base-pinned error Dockerfile:4 linux/arm64",
		"preflight/fixed-goarch warning Dockerfile:3 linux/arm64", "preflight/shadowed-arg warning Dockerfile:2 linux/arm64",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("preflight found (-want +got):\n%s", diff)
	}
	r.wantStderr(t, "fix:      pin the index, which holds that image and those of the other platforms: "+ref+"@"+digestOf(t, ref), "nothing was built")
	if strings.Contains(r.stderr, "RUN GOARCH") {
		t.Error("a step was begun all the same")
	}
	wantNothingLeft(t, r.report.Run)
}

func TestPlatformThatMayFailIsLeftOutLoudly(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	dir := t.TempDir()
	i := builds(folder(t, map[string]string{"Dockerfile": "FROM busybox\nARG TARGETARCH\nRUN test $TARGETARCH != arm64\n"}),
		[]string{"linux/arm64", "linux/amd64", "linux/mips64le"}, "-t", ref, "--push", "--allow-failure", "linux/mips64le,linux/arm64",
		"--summary", filepath.Join(dir, "summary.md"), "--junit", filepath.Join(dir, "junit.xml"))
	i.env = []string{"GITHUB_ACTIONS=true", "GITHUB_ARTIFACTS=" + filepath.Join(dir, "artifacts")}
	r := i.run(t)
	r.wantCode(t, 0)
	subjects := "oci://" + ref + "@" + r.report.Digest + "\noci://" + ref + "-linux-amd64@" + r.platform(t, "linux/amd64").Digest + "\n"
	if got, err := os.ReadFile(filepath.Join(dir, "artifacts")); err != nil || string(got) != subjects {
		t.Errorf("the host is told of %q (%v), want %q", got, err, subjects)
	}
	if diff := cmp.Diff([]string{"linux/amd64"}, peerPlatforms(t, ref)); diff != "" {
		t.Errorf("platforms of the index as a peer sees them (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"linux/arm64", "linux/mips64le"}, r.report.Missing); diff != "" || r.report.Outcome != report.Published {
		t.Errorf("%s without (-want +got):\n%s", r.report.Outcome, diff)
	}
	without := "WITHOUT linux/arm64, linux/mips64le"
	r.wantStderr(t, without, "::warning file=Dockerfile,line=3::linux/arm64 failed and is missing in the result, as --allow-failure allows: process ", "LEFT OUT", "image is not published for this platform")
	for _, name := range []string{"summary.md", "junit.xml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), without) || !strings.Contains(string(text), "LEFT OUT") {
			t.Errorf("%s does not say what is left out: %v\n%s", name, err, text)
		}
	}
}

// sleeps keeps linux/arm64 busy long after linux/amd64 has failed, where that is asked for.
const sleeps = `FROM busybox
ARG TARGETARCH FAIL
RUN if [ $TARGETARCH = arm64 ]; then sleep 120; fi; test -z "$FAIL"
`

func TestFirstFailureAndTimeEndABuild(t *testing.T) {
	t.Parallel()
	both := []string{"linux/amd64", "linux/arm64"}
	t.Run("the first failure", func(t *testing.T) {
		t.Parallel()
		r := builds(folder(t, map[string]string{"Dockerfile": sleeps}), both, "--fail-fast", "--build-arg", "FAIL=1").run(t)
		r.wantCode(t, 1)
		if amd, arm := r.platform(t, both[0]).Status, r.platform(t, both[1]).Status; amd != report.StatusFailed || arm != report.StatusUnknown {
			t.Errorf("linux/amd64 is %s and linux/arm64 %s, want failed and unknown", amd, arm)
		}
		r.wantStderr(t, "building linux/amd64: it failed, which ended the build of the others")
		wantNothingLeft(t, r.report.Run)
	})
	t.Run("time", func(t *testing.T) {
		t.Parallel()
		r := builds(folder(t, map[string]string{"Dockerfile": sleeps}), both, "--platform-timeout", "4s").run(t)
		r.wantCode(t, 1)
		failure := r.platform(t, both[1]).Failure
		if failure == nil || failure.Error != "it was not built after 4s, its time limit" || !strings.Contains(failure.Step, "RUN if") || !strings.Contains(failure.Hint, "--platform-timeout") {
			t.Errorf("failure of linux/arm64 = %+v", failure)
		}
		if got := r.platform(t, both[0]).Status; got != report.StatusBuilt || r.took > 60*time.Second {
			t.Errorf("linux/amd64 is %s, after %s", got, r.took)
		}
	})
	t.Run("one after the other", func(t *testing.T) {
		t.Parallel()
		r := builds(folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN sleep 0.5\n"}), both, "--parallel", "1").run(t)
		r.wantCode(t, 0)
		steps := regexp.MustCompile(`(?m)^linux/\S+ +(#\d+) \[2/2\] RUN`).FindAllStringSubmatchIndex(r.stderr, -1)
		if len(steps) != 2 {
			t.Fatalf("%d steps were begun, want 2", len(steps))
		}
		first, between := r.stderr[steps[0][2]:steps[0][3]], r.stderr[steps[0][1]:steps[1][0]]
		if !strings.Contains(between, first+" done") {
			t.Errorf("the step %s of the first platform was not done when that of the second was begun", first)
		}
	})
}

// faulty is the lab's registry behind a proxy that answers the builder's first requests of a kind with a fault.
func faulty(t *testing.T, times int64, method, part string, status int, body string) (host string) {
	t.Helper()
	target, err := url.Parse("http://" + w.lab["LAB_REGISTRY"])
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.UserAgent(), "buildkit") && r.Method == method && strings.Contains(r.URL.Path, part) && asked.Add(1) <= times {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body)) // the builder may have hung up
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestFaultsOfARegistryAreTriedAgain(t *testing.T) {
	t.Parallel()
	const platform = "linux/amd64"
	hub := w.lab["LAB_REGISTRY"] + "/library/busybox:latest"
	var base struct {
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", "--platform", platform, hub)), &base); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name         string
		times        int64
		method, part string
		status       int
		body         string
		again        string // what is said
		retries      int    // of the platform
	}{
		{"of a manifest of a base image", 2, "HEAD", "/library/busybox/manifests/", 503, "", platform + ": ", 1},
		{"of a layer of a base image", 6, "GET", base.Layers[0].Digest, 429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`, platform + ": ", 1},
		{"of a push", 1, "PUT", "/manifests/", 400, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`, "the builder could not push to ", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			host := faulty(t, test.times, test.method, test.part, test.status, test.body)
			ref := host + strings.TrimPrefix(tag(t), w.lab["LAB_REGISTRY"])
			dockerfile := "FROM " + host + "/library/busybox\nRUN cat /proc/sys/kernel/random/uuid > /unique\n"
			r := builds(folder(t, map[string]string{"Dockerfile": dockerfile}), []string{platform}, "-t", ref, "--push", "--insecure-registry", host).run(t)
			r.wantCode(t, 0)
			r.wantStderr(t, test.again)
			if got := r.platform(t, platform).Retries; got != test.retries {
				t.Errorf("the report counts %d retries of the platform, want %d", got, test.retries)
			}
		})
	}
}
