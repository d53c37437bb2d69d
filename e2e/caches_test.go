//go:build e2e

package e2e

import (
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

// cachedBuild has a step on each platform, one that all share, and one whose stage is not in the image.
const cachedBuild = `FROM --platform=$BUILDPLATFORM busybox AS tools
RUN echo shared > /shared
FROM busybox AS build
COPY --from=tools /shared /
RUN cat /shared > /built && uname -m >> /built
FROM busybox
COPY --from=build /built /
RUN cat /built
`

// Every kind of cache that can be had here: what a fresh builder reads of it leaves nothing to be executed, on any platform. What each
// platform's cache holds is enough for a builder of that platform alone.
func TestCachesLeaveNothingToExecute(t *testing.T) {
	t.Parallel()
	dir, local := folder(t, map[string]string{"Dockerfile": cachedBuild, "one-stage": "FROM busybox\nRUN uname -m > /built\nRUN cat /built\n"}), t.TempDir()
	ref := tag(t) + "-" + strings.ToLower(rand.Text()) // nothing of an earlier run is to be found
	platforms := []string{"linux/amd64", "linux/arm64"}
	for _, test := range []struct {
		name, to, from string
		more           []string // flags
	}{
		{"registry", "type=registry,ref=" + ref + "-registry,mode=max", ref + "-registry", nil},
		{"registry for all", "type=registry,ref=" + ref + "-all,mode=max,per-platform=false", "type=registry,ref=" + ref + "-all", nil},
		{"local", "type=local,dest=" + filepath.Join(local, "cache") + ",mode=max", "type=local,src=" + filepath.Join(local, "cache"), nil},
		{"inline", "type=inline", "type=registry,ref=" + ref, []string{"-t", ref, "--push", "-f", filepath.Join(dir, "one-stage")}}, // it holds what is in the image
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			first := builds(dir, platforms, append(test.more, "--cache-to", test.to, "--cache-from", test.from)...).run(t)
			first.wantCode(t, 0)
			first.wantStderr(t, "there is nothing to be read yet")
			if executed, _ := first.executed(); executed < 4 {
				t.Errorf("the first run executed %d steps only", executed)
			}
			again := []result{builds(dir, platforms, append(test.more, "--cache-from", test.from)...).run(t)}
			if test.name == "registry" {
				again = append(again, builds(dir, []string{"linux/arm64"}, "--cache-from", test.from).run(t))
			}
			for _, r := range again {
				r.wantCode(t, 0)
				if executed, cached := r.executed(); executed != 0 || cached == 0 {
					t.Errorf("with the cache %d steps were executed and %d were not", executed, cached)
				}
				if len(r.report.Notes) > 1 {
					t.Errorf("notes: %q", r.report.Notes)
				}
			}
		})
	}
}

// A cache that cannot be used is said, and the image is what it is without it; unless the user wants it otherwise.
func TestCacheThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN echo hello > /hello\n"})
	gone := "localhost:1/none:cache"
	for _, test := range []struct {
		name, flag, value string
		code              int
		want              string
	}{
		{"written", "--cache-to", "type=registry,ref=" + gone, 0, "cache    warning: type=registry,ref=localhost:1/none:cache-linux-arm64: writing for linux/arm64: "},
		{"read", "--cache-from", gone, 0, "cache    warning: type=registry,ref=localhost:1/none:cache: reading: "},
		{"required to be written", "--cache-to", "type=registry,ref=" + gone + ",ignore-error=false", 1, "error: cache type=registry,ref=localhost:1/none:cache-linux-a"},
		{"required to be read", "--cache-from", "type=registry,ref=" + gone + ",ignore-error=false", 1, "error: cache type=registry,ref=localhost:1/none:cache: reading: "},
		{"of a service that cannot be reached", "--cache-to", "type=gha,url_v2=http://localhost:1/,token=a.b.c", 0, "cache    warning: type=gha"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ref := tag(t)
			r := builds(dir, []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push", test.flag, test.value).run(t)
			r.wantCode(t, test.code)
			r.wantStderr(t, test.want)
			if moved := digestOf(t, ref) != ""; moved != (test.code == 0) {
				t.Errorf("the tag was moved: %t", moved)
			}
			if test.code == 0 && (r.report.Outcome != report.Published || !strings.Contains(strings.Join(r.report.Notes, "\n"), "cache type=")) {
				t.Errorf("outcome %s with the notes %q", r.report.Outcome, r.report.Notes)
			}
			wantNothingLeft(t, r.report.Run)
		})
	}
}
