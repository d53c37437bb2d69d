//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// newEngine is a Docker Engine with containerd's image store, as far as a load needs one: what the engine says of itself, and
// POST /images/load (https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Image/operation/ImageLoad). The lab's engine is older.
func newEngine(t *testing.T) (host string, loaded func() map[string][]byte) {
	t.Helper()
	var mu sync.Mutex
	files := map[string][]byte{}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.51")
		w.Header().Set("Content-Type", "application/json")
		switch _, call, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			_, _ = io.WriteString(w, "OK")
		case call == "info":
			_, _ = io.WriteString(w, `{"ServerVersion":"29.0.0","Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"NCPU":2,"MemTotal":4294967296}`)
		case call == "images/load" && r.Method == http.MethodPost:
			content, err := untar(r.Body)
			if err != nil {
				http.Error(w, fmt.Sprintf(`{"message":%q}`, err), http.StatusInternalServerError)
				return
			}
			mu.Lock()
			files = content
			mu.Unlock()
			_, _ = io.WriteString(w, `{"stream":"Loaded image: multiarch-e2e/store:1\n"}`)
		default: // whatever is looked for is not there: containers and volumes of earlier runs
			_, _ = io.WriteString(w, `[]`)
		}
	})
	socket := filepath.Join(shortTemp(t), "engine")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	return "unix://" + socket, func() map[string][]byte {
		mu.Lock()
		defer mu.Unlock()
		return files
	}
}

func untar(archive io.Reader) (map[string][]byte, error) {
	files := map[string][]byte{}
	for in := tar.NewReader(archive); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[path.Clean(header.Name)], err = io.ReadAll(in); err != nil {
			return nil, err
		}
	}
}

// The engine is given all platforms in one archive: an OCI layout whose index has the image's name, as containerd reads it, with the digest
// that the run reports.
func TestSeveralPlatformsGoIntoContainerdsStore(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	host, loaded := newEngine(t)
	i := invocation{
		args: []string{"build", "--platform", "linux/amd64,linux/386", "--builder", b.node(), "-t", "multiarch-e2e/store:1", "--load", folder(t, map[string]string{"Dockerfile": greeting})},
		env:  []string{"DOCKER_HOST=" + host},
	}
	r := i.run(t)
	r.wantCode(t, 0)
	files := loaded()
	var layout v1.IndexManifest
	if err := json.Unmarshal(files["index.json"], &layout); err != nil || len(layout.Manifests) != 1 {
		t.Fatalf("index.json of %d files: %v\n%s", len(files), err, files["index.json"])
	}
	root := layout.Manifests[0]
	if name := root.Annotations["io.containerd.image.name"]; name != "docker.io/multiarch-e2e/store:1" || root.Digest.String() != r.report.Digest {
		t.Errorf("the engine is given %s as %q, want %s", root.Digest, name, r.report.Digest)
	}
	blob := func(hash v1.Hash) []byte { return files["blobs/"+hash.Algorithm+"/"+hash.Hex] }
	index, err := v1.ParseIndexManifest(bytes.NewReader(blob(root.Digest)))
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, d := range index.Manifests {
		manifest, err := v1.ParseManifest(bytes.NewReader(blob(d.Digest)))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range append(manifest.Layers, manifest.Config) {
			if len(blob(part.Digest)) != int(part.Size) {
				t.Errorf("%s lacks the blob %s", d.Platform, part.Digest)
			}
		}
		platforms = append(platforms, d.Platform.String())
	}
	slices.Sort(platforms)
	if got := strings.Join(slices.DeleteFunc(platforms, func(p string) bool { return p == "unknown/unknown" }), " "); got != "linux/386 linux/amd64" {
		t.Errorf("the engine is given %s", got)
	}
}
