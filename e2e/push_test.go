//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/report"
)

// moody is the lab's registry behind a proxy that counts what is uploaded, and refuses some requests.
type moody struct {
	host string

	mu      sync.Mutex
	uploads []string // digests, one for each upload that was finished
	mounts  int      // blobs that the registry took over from another repository
	limited int      // manifests that it does not take
}

// limit lets the registry say of the next manifests that there are too many requests.
func (m *moody) limit(manifests int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limited = manifests
}

func (m *moody) refuses(r *http.Request) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limited == 0 || r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
		return false
	}
	m.limited--
	return true
}

func startMoody(t *testing.T) *moody {
	t.Helper()
	m := &moody{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: w.lab["LAB_REGISTRY"]})
			r.Out.Host = r.In.Host // so that the registry leads back here
		},
		ModifyResponse: m.count,
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if m.refuses(r) {
			_, _ = io.Copy(io.Discard, r.Body) // it is refused anyway
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	m.host = strings.TrimPrefix(server.URL, "http://")
	return m
}

func (m *moody) count(response *http.Response) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	request := response.Request
	switch {
	case response.StatusCode != http.StatusCreated || !strings.Contains(request.URL.Path, "/blobs/uploads/"):
	case request.Method == http.MethodPut:
		m.uploads = append(m.uploads, request.URL.Query().Get("digest"))
	case request.Method == http.MethodPost:
		m.mounts++
	}
	return nil
}

// layersOf are the digests of the layers of all platforms. Attestations are none: BuildKit sends their few kilobytes to each repository.
func layersOf(t *testing.T, ref string) []string {
	t.Helper()
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
	}
	var out []string
	read := func(ref string, into any) {
		if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", ref)), into); err != nil {
			t.Fatal(err)
		}
	}
	read(ref, &index)
	for _, child := range index.Manifests {
		if child.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
			continue
		}
		var manifest struct{ Layers []struct{ Digest string } }
		read(strings.TrimSuffix(ref, ":1")+"@"+child.Digest, &manifest)
		for _, layer := range manifest.Layers {
			out = append(out, layer.Digest)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// BuildKit soon gives up at status 429. What it has built is pushed again then; within one registry every layer travels once, also
// to two repositories; and a tag does not lose platforms by a later run, unless that is forced.
func TestPushOnABadDay(t *testing.T) {
	t.Parallel()
	m := startMoody(t)
	m.limit(7) // BuildKit makes a request five times, without a pause
	name := strings.TrimPrefix(tag(t), w.lab["LAB_REGISTRY"]+"/")
	first, second := m.host+"/"+name, m.host+"/copy-of-"+name
	app := folder(t, map[string]string{"Dockerfile": "FROM busybox\nCOPY . /app/\nCMD [\"true\"]\n", "once": t.Name() + m.host})
	r := builds(app, []string{"linux/amd64", "linux/arm64"}, "-t", first, "-t", second, "--push").run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "waiting  registry "+m.host+": the builder could not push to ")
	if m.limited != 0 {
		t.Errorf("the registry has %d refusals left", m.limited)
	}
	for _, layer := range layersOf(t, strings.Replace(first, m.host, w.lab["LAB_REGISTRY"], 1)) {
		uploads := slices.DeleteFunc(slices.Clone(m.uploads), func(digest string) bool { return digest != layer })
		if len(uploads) > 1 {
			t.Errorf("layer %s was uploaded %d times, want once for both repositories", layer, len(uploads))
		}
	}
	if m.mounts == 0 {
		t.Error("no layer was mounted in the second repository")
	}
	both, size := r.report.Digest, r.platform(t, "linux/amd64").Size
	here := func(ref string) string { return strings.Replace(ref, m.host, w.lab["LAB_REGISTRY"], 1) }
	if one, other := digestOf(t, here(first)), digestOf(t, here(second)); one != both || other != both {
		t.Errorf("the tags point at %s and %s, want both at %s", one, other, both)
	}

	r = builds(app, []string{"linux/amd64"}, "-t", first, "--push", "--progress", "quiet").run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "not moved: it would lose linux/arm64; it holds "+both+" (linux/amd64, linux/arm64)", "hint: if that is meant, add --force-tag")
	if got := digestOf(t, here(first)); got != both {
		t.Errorf("the tag points at %s, want %s still", got, both)
	}
	m.limit(100)
	r = builds(app, []string{"linux/amd64"}, "-t", first, "--push", "--progress", "quiet", "--registry-retry", "0").run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, ": 429 Too Many Requests", "hint: log in, which raises the limit")
	if strings.Contains(r.stderr, "waiting") {
		t.Error("it has waited")
	}
	m.limit(0)
	r = builds(app, []string{"linux/amd64"}, "-t", first, "--push", "--progress", "quiet", "--force-tag").run(t)
	r.wantCode(t, 0)
	if got := digestOf(t, here(first)); got != r.report.Digest || got == both {
		t.Errorf("with force the tag points at %s, want %s", got, r.report.Digest)
	}
	want := &report.Compared{Tag: first, Digest: both, Gone: []string{"linux/arm64"}}
	if diff := cmp.Diff(want, r.report.Compared); diff != "" {
		t.Errorf("the image that sizes are compared with (-want +got):\n%s", diff)
	}
	if got := r.platform(t, "linux/amd64").SizeBefore; got != size || size == 0 {
		t.Errorf("the image before is said to have had %d bytes, want %d", got, size)
	}
}
