//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One build makes the tags that the rules and the event give, on every image, and the labels reach every platform.
func TestRulesTagAndLabelWhatIsBuilt(t *testing.T) {
	t.Parallel()
	one, two := strings.TrimSuffix(tag(t), ":1"), strings.TrimSuffix(tag(t), ":1")+"-second"
	event := folder(t, map[string]string{"event.json": `{"repository":{"name":"app","html_url":"https://git.example.org/o/app","default_branch":"main","license":{"spdx_id":"MIT"}}}`})
	run := builds("../examples/hello", []string{"linux/amd64", "linux/arm64"}, "--image", one, "--image", "name="+two,
		"-t", "type=semver,pattern={{version}}", "-t", "type=semver,pattern={{major}}.{{minor}}", "--push",
		"--flavor", "suffix=-slim", "--sep-tags", ",", "--sep-labels", ";")
	output := filepath.Join(t.TempDir(), "output")
	run.env = append(run.env, "GITHUB_ACTIONS=true", "GITHUB_REF=refs/tags/v1.2.3", "GITHUB_SHA=860c1904a1ce19322e91ac35af1ab07466440c37",
		"GITHUB_EVENT_PATH="+event+"/event.json", "GITHUB_OUTPUT="+output, "SOURCE_DATE_EPOCH=1578616200")
	r := run.run(t)
	r.wantCode(t, 0)
	for _, repository := range []string{one, two} {
		for _, name := range []string{"1.2.3-slim", "1.2-slim", "latest"} {
			if got := digestOf(t, repository+":"+name); got != r.report.Digest {
				t.Errorf("%s:%s is %s, want %s", repository, name, got, r.report.Digest)
			}
		}
	}
	wantLines(t, text(t, output), one+":1.2.3-slim,"+one+":1.2-slim,", ";org.opencontainers.image.licenses=MIT;")
	want := map[string]string{
		"org.opencontainers.image.title": "app", "org.opencontainers.image.description": "", "org.opencontainers.image.url": "https://git.example.org/o/app",
		"org.opencontainers.image.source": "https://git.example.org/o/app", "org.opencontainers.image.version": "1.2.3-slim",
		"org.opencontainers.image.created": "2020-01-10T00:30:00.000Z", "org.opencontainers.image.revision": "860c1904a1ce19322e91ac35af1ab07466440c37",
		"org.opencontainers.image.licenses": "MIT",
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		var image struct {
			Config struct{ Labels map[string]string }
		}
		if err := json.Unmarshal([]byte(must(t, w.crane, "config", "--platform", platform, one+":1.2.3-slim")), &image); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, image.Config.Labels); diff != "" {
			t.Errorf("labels of %s (-want +got):\n%s", platform, diff)
		}
	}
}
