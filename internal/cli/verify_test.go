package cli_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/verify/corpus"
)

// The stories in testdata/verify verify images in a registry of the test and in folders. "image PLACE PLATFORM=PROGRAM…" makes an
// image, whose platforms start a program of an architecture, or of no architecture: "none" is an image without its program,
// "big" one that is larger. In "PLATFORM:OTHER=PROGRAM" the image's config says something else than its entry, or with "unknown" nothing.
func TestVerifyStories(t *testing.T) {
	t.Parallel()
	stories(t, "testdata/verify")
}

// The stories in testdata/release publish and promote such images.
func TestReleaseStories(t *testing.T) {
	t.Parallel()
	stories(t, "testdata/release")
}

func stories(t *testing.T, dir string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		UpdateScripts:       golden.Update(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
			env.Setenv("HOME", env.WorkDir) // no configuration of docker
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "image": makeImage, "damage": damage, "cmpplain": comparePlain,
			"digest": digestOf,
		},
	})
}

// makeImage writes an index to a registry or a layout, or one image to an archive.
func makeImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: image PLACE PLATFORM=PROGRAM…")
	}
	place := args[0]
	if args[1] == "artifact" {
		artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.cncf.helm.config.v1+json")
		ts.Check(remote.Write(reference(ts, place), artifact))
		return
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var last v1.Image
	for _, arg := range args[1:] {
		platform, program, _ := strings.Cut(arg, "=")
		platform, says, _ := strings.Cut(platform, ":")
		spec, err := v1.ParsePlatform(platform)
		ts.Check(err)
		config := spec
		switch says {
		case "":
		case "unknown":
			config = &v1.Platform{}
		default:
			config, err = v1.ParsePlatform(says)
			ts.Check(err)
		}
		last = programImage(ts, *config, program)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: last, Descriptor: v1.Descriptor{Platform: spec}})
	}
	switch {
	case strings.HasSuffix(place, ".tar"):
		tag, err := name.NewTag("app:1")
		ts.Check(err)
		ts.Check(tarball.WriteToFile(ts.MkAbs(place), tag, last))
	case strings.HasPrefix(place, "./"):
		path, err := layout.Write(ts.MkAbs(place), empty.Index)
		ts.Check(err)
		ts.Check(path.AppendIndex(index))
	default:
		ts.Check(remote.WriteIndex(reference(ts, place), index))
	}
}

func reference(ts *testscript.TestScript, text string) name.Reference {
	ref, err := name.ParseReference(text)
	ts.Check(err)
	return ref
}

// programImage is an image that starts /app.
func programImage(ts *testscript.TestScript, platform v1.Platform, program string) v1.Image {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name, data string) {
		ts.Check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(data))}))
		_, err := io.WriteString(w, data)
		ts.Check(err)
	}
	switch program {
	case "none":
		add("other", "data")
	case "big":
		noise := make([]byte, 4000)
		for i := range noise {
			noise[i] = byte(i * i * i >> 5)
		}
		add("data", string(noise))
		add("app", program64("amd64"))
	case "armv6":
		add("app", string(corpus.ELF{Arch: "arm", ARM: []byte{6, 6}}.Bytes()))
	case "arm":
		add("app", string(corpus.ELF{Arch: "arm"}.Bytes()))
	default:
		add("app", program64(program))
	}
	ts.Check(w.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
	ts.Check(err)
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	ts.Check(err)
	config, err := img.ConfigFile()
	ts.Check(err)
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
	config.Config.Entrypoint = []string{"/app"}
	img, err = mutate.ConfigFile(img, config)
	ts.Check(err)
	return img
}

// program64 is the smallest ELF program of a 64-bit little-endian architecture.
func program64(arch string) string {
	machine := map[string]uint16{"amd64": 62, "arm64": 183, "riscv64": 243}[arch]
	b := make([]byte, 120)
	copy(b, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(b[16:], 2)
	binary.LittleEndian.PutUint16(b[18:], machine)
	binary.LittleEndian.PutUint64(b[32:], 64)
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[56:], 1)
	binary.LittleEndian.PutUint32(b[64:], 1) // PT_LOAD of the whole file
	binary.LittleEndian.PutUint64(b[96:], 120)
	return string(b)
}

// digestOf puts the digest that a tag points at into a variable, or of its image for a platform: digest VARIABLE IMAGE [PLATFORM]. A tag
// that is not there gives none.
func digestOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: digest VARIABLE IMAGE [PLATFORM]")
	}
	ref := reference(ts, args[1])
	got, err := remote.Get(ref)
	if err != nil {
		ts.Setenv(args[0], "none")
		return
	}
	ts.Setenv(args[0], got.Digest.String())
	if len(args) == 3 {
		platform, err := v1.ParsePlatform(args[2])
		ts.Check(err)
		got, err = remote.Get(ref, remote.WithPlatform(*platform))
		ts.Check(err)
		image, err := got.Image()
		ts.Check(err)
		digest, err := image.Digest()
		ts.Check(err)
		ts.Setenv(args[0], digest.String())
	}
}

// damage changes or removes blobs of a layout: damage DIR (layer | manifest) (change | remove).
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: damage DIR (layer | manifest) (change | remove)")
	}
	begins := map[string]string{"layer": "\x1f\x8b", "manifest": `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest`}[args[1]]
	blobs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "blobs", "sha256", "*"))
	ts.Check(err)
	done := false
	for _, blob := range blobs {
		data, err := os.ReadFile(blob)
		ts.Check(err)
		if !bytes.HasPrefix(data, []byte(begins)) {
			continue
		}
		done = true
		ts.Check(os.Remove(blob))
		if args[2] == "change" {
			data[len(data)-1] ^= 1
			ts.Check(os.WriteFile(blob, data, 0o600))
		}
	}
	if !done {
		ts.Fatalf("there is no %s in %s", args[1], args[0])
	}
}

var digests = regexp.MustCompile(`[0-9a-f]{64}|\b[0-9a-f]{12}\b`)

// comparePlain compares a file with another, in which words stand for what is another each time, as the registry's address:
// cmpplain stdout file.
func comparePlain(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cmpplain FILE FILE")
	}
	got := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("REGISTRY"), "REGISTRY")
	got = digests.ReplaceAllStringFunc(got, func(digest string) string { return "DIGEST" + strings.Repeat("_", min(len(digest), 12)-6) })
	want := ts.ReadFile(args[1])
	if got == want {
		return
	}
	ts.Fatalf("%s differs from %s; got:\n%s", args[0], args[1], got)
}
