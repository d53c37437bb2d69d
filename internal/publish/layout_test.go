package publish_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

// written is a layout with an index of an image for each architecture, as a builder writes it, and the index's descriptor.
func written(t *testing.T, architectures ...string) (publish.Layout, ocispec.Descriptor) {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, architecture := range architectures {
		image, err := random.Image(100, 2)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		config = config.DeepCopy()
		config.OS, config.Architecture = "linux", architecture
		if image, err = mutate.ConfigFile(image, config); err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}})
	}
	folder := t.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err == nil {
		err = path.AppendIndex(index)
	}
	if err != nil {
		t.Fatal(err)
	}
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	media, err := index.MediaType()
	if err != nil {
		t.Fatal(err)
	}
	return publish.Layout{folder}, ocispec.Descriptor{MediaType: string(media), Digest: digest.Digest(hash.String())}
}

// joined is the image of two builders, each with its own folder.
func joined(t *testing.T) publish.Image {
	t.Helper()
	amd, amdRoot := written(t, "amd64")
	arm, armRoot := written(t, "arm64")
	both := append(amd, arm...)
	var images []plan.Pushed
	for _, root := range []ocispec.Descriptor{amdRoot, armRoot} {
		read, err := both.Read(root)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, read...)
	}
	if len(images) != 2 || images[1].Platform.String() != "linux/arm64" || images[1].Layers != 2 || images[1].Size == 0 {
		t.Fatalf("Read() = %+v", images)
	}
	document, err := publish.Index{Images: images}.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("app:1.4")
	if err != nil {
		t.Fatal(err)
	}
	return publish.Image{Layout: both, Document: document, Names: []plan.Tag{{Tag: tag}}, Annotations: map[string]string{"a": "b"}, Platforms: images}
}

// valid checks a layout by another library and returns the index.json.
func valid(t *testing.T, folder string) v1.IndexManifest {
	t.Helper()
	path, err := layout.FromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return *manifest
}

func TestImageOfSeveralBuildersIsWrittenIntoOneFolder(t *testing.T) {
	t.Parallel()
	image, folder := joined(t), filepath.Join(t.TempDir(), "a", "layout")
	for range 2 { // the second time everything is there
		if err := image.WriteFolder(folder); err != nil {
			t.Fatal(err)
		}
	}
	other := image
	other.Names = nil
	if err := other.WriteFolder(folder); err != nil {
		t.Fatal(err)
	}
	index := valid(t, folder)
	if len(index.Manifests) != 2 {
		t.Fatalf("index.json = %+v, want the image without a name and the one with it", index)
	}
	want := map[string]string{"a": "b", "io.containerd.image.name": "docker.io/library/app:1.4", "org.opencontainers.image.ref.name": "1.4"}
	if diff := cmp.Diff(want, index.Manifests[1].Annotations); diff != "" || index.Manifests[1].Digest != image.Document.Hash {
		t.Errorf("the entry's annotations differ (-want +got):\n%s", diff)
	}
}

func TestArchiveHoldsTheImageAndIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	image := joined(t)
	var first, second bytes.Buffer
	if err := errors.Join(image.WriteArchive(&first), image.WriteArchive(&second)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of one image differ")
	}
	folder := t.TempDir()
	names := unpack(t, &first, folder)
	if index := valid(t, folder); index.Manifests[0].Digest != image.Document.Hash {
		t.Errorf("index.json = %+v", index)
	}
	if strings.Contains(strings.Join(names, " "), "manifest.json") {
		t.Errorf("an index has no manifest.json, and the archive holds %q", names)
	}
}

func unpack(t *testing.T, archive io.Reader, folder string) []string {
	t.Helper()
	var names []string
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		path := filepath.Join(folder, filepath.FromSlash(header.Name))
		raw, err := io.ReadAll(r)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchiveForDockerLoadHoldsThePlainManifest(t *testing.T) {
	t.Parallel()
	image := joined(t)
	image.Platforms = image.Platforms[1:]
	image, err := image.For(plan.OutputDocker)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := image.WriteArchive(&archive); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	unpack(t, &archive, folder)
	if index := valid(t, folder); index.Manifests[0].Digest != image.Platforms[0].Descriptor.Digest {
		t.Errorf("index.json = %+v, want the manifest of linux/arm64", index)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var saved []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(raw, &saved); err != nil || len(saved) != 1 || len(saved[0].Layers) != 2 || saved[0].RepoTags[0] != "docker.io/library/app:1.4" {
		t.Errorf("manifest.json = %s, %v", raw, err)
	}
}

func TestWriteFileLeavesTheOldFileWhenItFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := publish.WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("WriteFile() = %v, want %v", err, broken)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if raw, err := os.ReadFile(path); string(raw) != "old" || err != nil {
		t.Errorf("the file holds %q, %v", raw, err)
	}
}

func TestLayoutNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	in, root := written(t, "amd64")
	if err := os.RemoveAll(filepath.Join(in[0], "blobs")); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Read(root); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "blob "+root.Digest.String()) {
		t.Errorf("Read() = %v, want an error that names the blob", err)
	}
}
