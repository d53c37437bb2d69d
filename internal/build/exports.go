package build

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// Exported is what left the builder.
type Exported struct {
	// Descriptor is of the index that holds the good platforms, or of the manifest where only one platform was asked for. Its
	// digest is empty if nothing was pushed.
	Descriptor ocispec.Descriptor
	// Config is the digest of the image's config, where it is a single manifest.
	Config string
	// Folder is the request's. It holds blobs as an OCI layout does, and what FilesIn names.
	Folder string
	// Images are descriptors as the first one, by form: of images whose blobs are in the folder.
	Images map[plan.ImageForm]ocispec.Descriptor
}

// FilesIn is where, in the folder of a request, the files of an output are: a folder, or an archive, whatever the output is.
func FilesIn(folder string, output int) string {
	return filepath.Join(folder, fmt.Sprintf("output-%d", output))
}

// exports says where good platforms go. BuildKit merges the answers of all exporters, and the last one wins: the registry's.
func (j *job) exports(ctx context.Context) ([]buildkit.ExportEntry, error) {
	out, err := j.files()
	if err != nil {
		return nil, err
	}
	for _, form := range j.forms() {
		archive, err := newUnpacker(j.Folder, form)
		if err != nil {
			return nil, err
		}
		j.archives = append(j.archives, archive)
		out = append(out, buildkit.ExportEntry{
			Type: buildkit.ExporterOCI, Attrs: j.imageAttrs(form, map[string]string{"name": nameList(j.Plan.Repositories()), "attestation-inline": "true"}),
			Output: func(map[string]string) (io.WriteCloser, error) { return archive, nil },
		})
	}
	if j.Plan.Load && !j.Plan.Index() {
		out = append(out, buildkit.ExportEntry{
			Type: buildkit.ExporterDocker, Attrs: j.imageAttrs(plan.ImageForm{}, map[string]string{"name": nameList(j.Plan.Loaded())}),
			Output: func(map[string]string) (io.WriteCloser, error) { return j.pipeToEngine(ctx), nil },
		})
	}
	if j.Plan.Push {
		for _, names := range j.registries() {
			out = append(out, buildkit.ExportEntry{Type: buildkit.ExporterImage, Attrs: j.imageAttrs(j.Plan.Form, map[string]string{
				"name": names, "push": "true", "push-by-digest": "true", "unpack": "false",
			})})
		}
	}
	return out, nil
}

// files are the exporters of images' files.
func (j *job) files() ([]buildkit.ExportEntry, error) {
	var out []buildkit.ExportEntry
	for i, output := range j.Plan.Outputs {
		if output.HoldsImage() {
			continue
		}
		attrs := j.epoch(map[string]string{"platform-split": strconv.FormatBool(output.Split)})
		if output.Prefix != "" {
			attrs["attestation-prefix"] = output.Prefix
		}
		path := FilesIn(j.Folder, i)
		if output.Type == plan.OutputTar {
			out = append(out, buildkit.ExportEntry{
				Type: buildkit.ExporterTar, Attrs: attrs,
				Output: func(map[string]string) (io.WriteCloser, error) { return os.Create(path) },
			})
			continue
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			return nil, fmt.Errorf("folder of the run: %w", err)
		}
		out = append(out, buildkit.ExportEntry{Type: buildkit.ExporterLocal, Attrs: attrs, OutputDir: path})
	}
	return out, nil
}

// forms are those in which images are wanted as files, each once.
func (j *job) forms() []plan.ImageForm {
	var out []plan.ImageForm
	add := func(form plan.ImageForm) {
		if !slices.Contains(out, form) {
			out = append(out, form)
		}
	}
	for _, output := range j.Plan.Outputs {
		if output.HoldsImage() {
			add(output.Image)
		}
	}
	if j.Plan.Load && j.Plan.Index() {
		add(j.Plan.Form)
	}
	return out
}

// registries are the names to push to, by entry of exports. Repositories of one registry share an entry, so that their layers are mounted
// instead of sent again; registries have entries of their own, which BuildKit serves at the same time. Statements name the repositories
// of their entry, so with attestations there is one entry: every repository is to hold the same.
func (j *job) registries() []string {
	repositories := j.Plan.Repositories()
	if j.Plan.Attest.Any() {
		return []string{nameList(repositories)}
	}
	var order []string
	names := map[string][]string{}
	for _, repo := range repositories {
		registry := repo.RegistryStr()
		if len(names[registry]) == 0 {
			order = append(order, registry)
		}
		names[registry] = append(names[registry], repo.Name())
	}
	out := make([]string, len(order))
	for i, registry := range order {
		out[i] = strings.Join(names[registry], ",")
	}
	return out
}

// imageAttrs adds how an image is encoded, and what makes the same inputs give the same digest.
func (j *job) imageAttrs(form plan.ImageForm, attrs map[string]string) map[string]string {
	if form.Compression != "" {
		attrs["compression"] = form.Compression
	}
	if form.Level != "" {
		attrs["compression-level"] = form.Level
	}
	if form.Force {
		attrs["force-compression"] = "true"
	}
	if form.DockerTypes {
		attrs["oci-mediatypes"] = "false"
	}
	if j.Plan.SourceDateEpoch != nil && !form.KeepTimes {
		attrs["rewrite-timestamp"] = "true"
	}
	// GitLab's registry refuses a manifest that refers to one which it does not have yet (moby/buildkit#7007).
	gitlab := j.Plan.Attest.Any() && slices.ContainsFunc(j.Plan.Tags, func(t plan.Tag) bool { return strings.Contains(t.RegistryStr(), "gitlab") })
	if form.NoArtifacts || gitlab {
		attrs["oci-artifact"] = "false"
	}
	return j.epoch(attrs)
}

func (j *job) epoch(attrs map[string]string) map[string]string {
	if epoch := j.Plan.SourceDateEpoch; epoch != nil {
		attrs["source-date-epoch"] = strconv.FormatInt(*epoch, 10)
	}
	return attrs
}

// pipeToEngine returns a writer whose content the engine reads while it is written. Closing it waits for the engine.
func (j *job) pipeToEngine(ctx context.Context) io.WriteCloser {
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := j.Load(ctx, reader)
		_ = reader.CloseWithError(err) // never fails
		done <- err
	}()
	return &enginePipe{PipeWriter: writer, done: done}
}

type enginePipe struct {
	*io.PipeWriter
	done <-chan error
}

func (p *enginePipe) Close() error {
	_ = p.PipeWriter.Close() // never fails
	return <-p.done
}

// exported finds out from the exporters' answer what was pushed, and from the archives what they hold.
func (j *job) exported(response map[string]string) (Exported, error) {
	out := Exported{Folder: j.Folder, Config: response[exptypes.ExporterImageConfigDigestKey], Images: map[plan.ImageForm]ocispec.Descriptor{}}
	for _, archive := range j.archives {
		root, err := archive.root()
		if err != nil {
			return Exported{}, err
		}
		out.Images[archive.form] = root
	}
	if encoded := response[exptypes.ExporterImageDescriptorKey]; j.Plan.Push && encoded != "" {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil {
			err = json.Unmarshal(raw, &out.Descriptor)
		}
		if err != nil {
			return Exported{}, fmt.Errorf("builder: reading the descriptor of what it pushed: %w", err)
		}
	}
	return out, nil
}

// nameList writes the full names of repositories or tags as exporters read them.
func nameList[T interface{ Name() string }](of []T) string {
	names := make([]string, len(of))
	for i, n := range of {
		names[i] = n.Name()
	}
	return strings.Join(names, ",")
}
