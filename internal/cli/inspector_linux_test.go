package cli

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/folder"
	"github.com/org/multiarch-action/internal/layers"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify"
	"github.com/org/multiarch-action/internal/verify/corpus"
)

// TestFilesInAFolderGiveTheSameFindingsAsLayers is about every image of the corpus: in a folder, as the program on a builder sees it,
// and in its layer, as a registry has it.
func TestFilesInAFolderGiveTheSameFindingsAsLayers(t *testing.T) {
	t.Parallel()
	found := 0
	for _, image := range slices.Concat(corpus.Bad(), corpus.Good()) {
		p, err := plan.ParsePlatform(image.Platform)
		if err != nil {
			t.Fatal(err)
		}
		request := verify.RequestFor(plan.VerifyFull, p, ocispec.Image{Config: image.Config})
		dir := t.TempDir()
		unpack(t, image, dir)
		files, err := folder.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := fromLayer(t, image, request)
		got, err := verify.InspectFiles(t.Context(), request, owned{folderFiles(files), image})
		if err != nil {
			t.Errorf("%s: %v", image.Name, err)
		}
		if diff := cmp.Diff(wire(t, want), wire(t, got)); diff != "" {
			t.Errorf("%s: what is found differs (-layer +folder):\n%s", image.Name, diff)
		}
		if err := files.Close(); err != nil {
			t.Error(err)
		}
		found += len(got.Findings)
	}
	if found < 60 {
		t.Errorf("only %d findings", found)
	}
}

// wire is what is sent back from a builder. What was sent and read is sent the same.
func wire(t *testing.T, inspection verify.Inspection) string {
	t.Helper()
	text, err := json.Marshal(inspection)
	if err != nil {
		t.Fatal(err)
	}
	var read verify.Inspection
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read)
	if err != nil || string(again) != string(text) {
		t.Errorf("sent %s, read and sent again %s, %v", text, again, err)
	}
	return string(text)
}

func fromLayer(t *testing.T, image corpus.Image, request verify.Request) verify.Inspection {
	t.Helper()
	built, err := image.Build(request.Platform)
	if err != nil {
		t.Fatal(err)
	}
	list, err := built.Layers()
	if err != nil {
		t.Fatal(err)
	}
	read, err := layers.NewReader(layers.Limits{}, nil).Read(t.Context(), []layers.Layer{{
		Size: -1, Open: func(context.Context) (io.ReadCloser, error) { return list[0].Compressed() },
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	inspection, err := verify.InspectFiles(t.Context(), request, layerFiles(read))
	if err != nil {
		t.Errorf("%s: %v", image.Name, err)
	}
	return inspection
}

// unpack writes an image's files as an ordinary user can: all belong to that user, and a device is a file; owned says what they are.
func unpack(t *testing.T, image corpus.Image, dir string) {
	t.Helper()
	names := slices.Sorted(maps.Keys(image.Files))
	for _, name := range names {
		f, path := image.Files[name], filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case f.Mode.IsDir():
			err = os.MkdirAll(path, 0o755)
		case f.Mode&fs.ModeSymlink != 0:
			err = os.Symlink(f.Link, path)
		default:
			err = os.WriteFile(path, f.Data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Backward(names) {
		if mode := image.Files[name].Mode; mode&fs.ModeSymlink == 0 {
			if err := os.Chmod(filepath.Join(dir, name), mode.Perm()|0o400); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// owned gives files modes and owners that only root could have given them.
type owned struct {
	filesOf[folder.File]
	image corpus.Image
}

// Stat describes a file.
func (o owned) Stat(ctx context.Context, path string) (verify.File, error) {
	file, err := o.filesOf.Stat(ctx, path)
	return o.as(path, file), err
}

// Walk visits all files below a folder.
func (o owned) Walk(ctx context.Context, root string, skip func(path string, kind fs.FileMode) bool, visit func(path string, file verify.File) error) error {
	return o.filesOf.Walk(ctx, root, skip, func(path string, file verify.File) error { return visit(path, o.as(path, file)) })
}

func (o owned) as(path string, file verify.File) verify.File {
	file.UID, file.GID = 0, 0
	if f, ok := o.image.Files[path]; ok {
		file.UID, file.GID = f.UID, f.GID
		if file.Mode.IsRegular() {
			file.Mode = f.Mode
		}
	}
	return file
}

// TestTheProgramOnABuilderAnswers runs the command that a builder runs.
func TestTheProgramOnABuilderAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	answer := filepath.Join(t.TempDir(), "answer")
	bad := corpus.Bad()[0]
	p, err := plan.ParsePlatform(bad.Platform)
	if err != nil {
		t.Fatal(err)
	}
	unpack(t, bad, dir)
	request, err := json.Marshal(versionedRequest{"v1", verify.RequestFor(plan.VerifyFull, p, ocispec.Image{Config: bad.Config})})
	if err != nil {
		t.Fatal(err)
	}
	half := len(request) / 2
	run := func(version string, request ...string) (code int, stderr string) {
		var out strings.Builder
		code = Run(t.Context(), World{
			Args: append([]string{inspectorCommandName, dir, answer}, request...), Version: version,
			Getenv: func(string) string { return "" }, Stdout: io.Discard, Stderr: &out,
		})
		return code, out.String()
	}
	if code, stderr := run("v1", string(request[:half]), string(request[half:])); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	text, err := os.ReadFile(answer)
	if err != nil {
		t.Fatal(err)
	}
	var got verify.Inspection
	if err := json.Unmarshal(text, &got); err != nil || len(got.Findings) == 0 || got.Findings[0].Check != bad.Finds {
		t.Errorf("answer %s, %v; want a finding of %s", text, err, bad.Finds)
	}
	if code, stderr := run("v1", "{"); code == 0 || !strings.Contains(stderr, "request to look at files: reading: ") {
		t.Errorf("half a request: exit code %d, %s", code, stderr)
	}
	if code, stderr := run("v2", string(request)); code == 0 || !strings.Contains(stderr, "it is of version v1, and this program is v2") {
		t.Errorf("the request of another version: exit code %d, %s", code, stderr)
	}
}
