//go:build e2e

package e2e

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wasteful has a step that takes long under emulation, and a COPY that every platform makes anew.
const wasteful = `FROM busybox AS build
ARG TARGETARCH
RUN if [ $TARGETARCH = arm64 ]; then sleep 4; fi; echo built > /out
FROM busybox
COPY data /data
COPY --from=build /out /out
`

func TestHintsSayWhereTimeCouldBeSaved(t *testing.T) {
	t.Parallel()
	ref, dir := tag(t), folder(t, map[string]string{"Dockerfile": wasteful})
	data := make([]byte, 2<<20)
	_, _ = rand.Read(data) // never fails
	if err := os.WriteFile(filepath.Join(dir, "data"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	tmp := shortTemp(t)
	first := builds(dir, []string{"linux/amd64"}, "--keep-builder")
	first.tmp = tmp
	r := first.run(t)
	r.wantCode(t, 0)
	name := regexp.MustCompile(`builder (multiarch-action-[0-9a-f]+) is left running`).FindStringSubmatch(r.stderr)
	if name == nil {
		t.Fatal("the builder that stays is not named")
	}
	t.Cleanup(func() { must(t, w.program, "cleanup", "--name", name[1]) })
	if len(r.report.Hints) != 0 {
		t.Errorf("one platform, built natively, has the hints %+v", r.report.Hints)
	}
	second := invocation{tmp: tmp, args: []string{
		"build", "--platform", "linux/amd64,linux/arm64", "--progress", "plain", "--builder", name[1], "-t", ref, "--push",
		"--summary", filepath.Join(dir, "summary.md"), "--junit", filepath.Join(dir, "junit.xml"), dir,
	}}
	r = second.run(t)
	r.wantCode(t, 0)
	var ids []string
	for _, hint := range r.report.Hints {
		if ids = append(ids, hint.ID); hint.Seconds == 0 && hint.Bytes == 0 {
			t.Errorf("the hint %+v has no figure", hint)
		}
	}
	if got := strings.Join(ids, " "); got != "emulated-step missed-cache copy-link" {
		t.Errorf("hints = %q: %+v", got, r.report.Hints)
	}
	r.wantStderr(t, "faster: [build 2/2] RUN if", "on linux/arm64 under emulation", "faster: linux/arm64 executed", "faster: COPY data /data made the same layer of 2.1 MB for 2 platforms")
	for _, name := range []string{"summary.md", "junit.xml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Count(strings.ToLower(string(text)), "faster:") != 3 {
			t.Errorf("%s does not hold the three hints: %v\n%s", name, err, text)
		}
	}
}
