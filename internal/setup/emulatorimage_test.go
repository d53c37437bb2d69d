package setup

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// imageRegistry is a registry in this process. Its answers go through change, if that is set.
type imageRegistry struct {
	host     string
	requests atomic.Int32
	change   func(w http.ResponseWriter, r *http.Request) http.ResponseWriter
}

func newImageRegistry(t *testing.T) *imageRegistry {
	t.Helper()
	backend := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	r := &imageRegistry{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.requests.Add(1)
		if r.change != nil {
			w = r.change(w, request)
		}
		backend.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// push stores an index in which this machine's processor has an image of the layers, and another one an empty image.
func (r *imageRegistry) push(t *testing.T, layers ...map[string]string) name.Reference {
	t.Helper()
	image := empty.Image
	for _, files := range layers {
		archive := archiveOf(t, files)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			t.Fatal(err)
		}
	}
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "sparc64"}}},
		mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}}},
	)
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	reference, err := name.ParseReference(r.host + "/binfmt@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(reference, index); err != nil {
		t.Fatal(err)
	}
	r.requests.Store(0)
	return reference
}

func archiveOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for path, content := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o755, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func thisMachine(t *testing.T) (host architecture, program string) {
	t.Helper()
	host, known := architectureOf(runtime.GOARCH)
	if !known {
		t.Fatalf("%s is not in the table", runtime.GOARCH)
	}
	return host, string(host.program(1))
}

// named are architectures of the table.
func named(t *testing.T, names ...string) []architecture {
	t.Helper()
	var list []architecture
	for _, name := range names {
		a, known := architectureOf(name)
		if !known {
			t.Fatalf("%s is not in the table", name)
		}
		list = append(list, a)
	}
	return list
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFetchTakesWhatIsNeededAndKeepsIt(t *testing.T) {
	t.Parallel()
	host, program := thisMachine(t)
	r := newImageRegistry(t)
	reference := r.push(t,
		map[string]string{"usr/bin/qemu-s390x": program, "./usr/bin/qemu-mips64": "old", "usr/bin/qemu-riscv64": program, "opt/qemu-ppc64": program},
		map[string]string{"usr/bin/qemu-mips64": program, "usr/bin/binfmt": "installer"},
	)
	image := &EmulatorImage{Name: "binfmt", References: []name.Reference{reference}, Cache: t.TempDir()}
	wanted := named(t, "s390x", "mips64", "ppc64")
	for _, round := range []string{"first", "second"} {
		found := image.fetch(t.Context(), wanted, host)
		for _, have := range []string{"s390x", "mips64"} {
			s := found.byName[have]
			if s.none != nil || s.origin != "binfmt" {
				t.Fatalf("%s call: %s: got %+v, want it from the image", round, have, s)
			}
			if got := contentOf(t, s.path); got != program {
				t.Errorf("%s call: %s: got %q, want the program of the upper layer", round, have, got)
			}
		}
		s := found.byName["ppc64"]
		want := obstacle{"the image binfmt has no qemu-ppc64", "name an image that has it by --binfmt-image"}
		if s.none == nil || *s.none != want || !s.absent {
			t.Errorf("%s call: ppc64: got %+v, want %+v", round, s, want)
		}
		found.discard()
	}
	files, err := filepath.Glob(filepath.Join(image.Cache, "*", host.name, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		files[i] = filepath.Base(file)
	}
	if diff := cmp.Diff([]string{namesFile, "qemu-mips64", "qemu-s390x"}, files); diff != "" {
		t.Errorf("kept files differ: %s", diff)
	}
	first := r.requests.Load()
	if image.fetch(t.Context(), wanted, host); r.requests.Load() != first {
		t.Error("the registry was asked for what is kept")
	}
}

func TestFetchWithoutAPlaceToKeepFiles(t *testing.T) {
	t.Parallel()
	host, program := thisMachine(t)
	r := newImageRegistry(t)
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	reference := r.push(t, map[string]string{"usr/bin/qemu-s390x-static": program})
	shared := filepath.Join(open, strings.ReplaceAll(reference.Identifier(), ":", "-"), host.name)
	if err := os.MkdirAll(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	for what, cache := range map[string]string{"no folder": "", "one that others may write to": open} {
		image := &EmulatorImage{Name: "binfmt", References: []name.Reference{reference}, Cache: cache}
		found := image.fetch(t.Context(), named(t, "s390x"), host)
		s := found.byName["s390x"]
		if s.none != nil || strings.HasPrefix(s.path, open) {
			t.Errorf("%s: got %+v, want a file elsewhere", what, s)
		}
		found.discard()
		if _, err := os.Stat(s.path); !os.IsNotExist(err) {
			t.Errorf("%s: %s is left: %v", what, s.path, err)
		}
	}
}

func TestFetchAsksOneAddressAfterTheOther(t *testing.T) {
	t.Parallel()
	host, program := thisMachine(t)
	r := newImageRegistry(t)
	reference := r.push(t, map[string]string{"usr/bin/qemu-s390x": program})
	lacking := newImageRegistry(t)
	mirror, err := name.ParseReference(strings.Replace(reference.Name(), r.host, lacking.host, 1))
	if err != nil {
		t.Fatal(err)
	}
	image := &EmulatorImage{Name: "binfmt", References: []name.Reference{mirror, reference}, Cache: t.TempDir()}
	if s := image.fetch(t.Context(), named(t, "s390x"), host).byName["s390x"]; s.none != nil {
		t.Errorf("got %+v, want the image of the second address", s.none)
	}
	if lacking.requests.Load() == 0 {
		t.Error("the mirror was not asked")
	}
	image.References, image.Cache = []name.Reference{mirror}, t.TempDir()
	s := image.fetch(t.Context(), named(t, "s390x"), host).byName["s390x"]
	want := "qemu-s390x could not be taken from the image binfmt: " + lacking.host + ": "
	if s.none == nil || !strings.HasPrefix(s.none.problem, want) || s.none.hint == "" || s.absent {
		t.Errorf("got %+v, want %s...", s, want)
	}
}

func TestFetchRefusesWhatCannotBeUsed(t *testing.T) {
	t.Parallel()
	host, _ := thisMachine(t)
	r := newImageRegistry(t)
	reference := r.push(t, map[string]string{"usr/bin/qemu-s390x": "#!/bin/sh\n"})
	image := &EmulatorImage{Name: "binfmt", References: []name.Reference{reference}, Cache: t.TempDir()}
	s := image.fetch(t.Context(), named(t, "s390x"), host).byName["s390x"]
	want := obstacle{"qemu-s390x of the image binfmt cannot be used: it is not an ELF program", "name another image by --binfmt-image"}
	if s.none == nil || *s.none != want || s.absent {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

// damaged changes what is written.
type damaged struct {
	http.ResponseWriter
	spoil func([]byte) []byte
}

func (d damaged) Write(b []byte) (int, error) {
	_, err := d.ResponseWriter.Write(d.spoil(bytes.Clone(b)))
	return len(b), err
}

func TestFetchBelievesNoDamagedLayer(t *testing.T) {
	t.Parallel()
	host, program := thisMachine(t)
	for _, test := range []struct {
		name  string
		times int32
		good  bool
	}{
		{"always", 1 << 30, false},
		{"once", 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newImageRegistry(t)
			reference := r.push(t, map[string]string{"usr/bin/qemu-s390x": program})
			var blobs atomic.Int32
			r.change = func(w http.ResponseWriter, request *http.Request) http.ResponseWriter {
				if !strings.Contains(request.URL.Path, "/blobs/") || blobs.Add(1) > test.times {
					return w
				}
				return damaged{w, func(b []byte) []byte {
					if len(b) > 100 {
						b[len(b)/2] ^= 1
					}
					return b
				}}
			}
			image := &EmulatorImage{Name: "binfmt", References: []name.Reference{reference}, Cache: t.TempDir()}
			s := image.fetch(t.Context(), named(t, "s390x"), host).byName["s390x"]
			if got := s.none == nil; got != test.good {
				t.Errorf("got %+v, want it good: %v", s, test.good)
			}
			left, err := filepath.Glob(filepath.Join(image.Cache, "*", "*", "*"))
			if err != nil {
				t.Fatal(err)
			}
			if !test.good && left != nil {
				t.Errorf("left: %q", left)
			}
			if blobs.Load() == 0 {
				t.Error("no layer was asked for")
			}
		})
	}
}
