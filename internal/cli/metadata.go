package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/report"
)

// metadata is what docker buildx build writes into a metadata file, under its names. buildx.build.ref is not in it: it names a build in the
// history of a builder that outlives the build.
func (r *run) metadata() map[string]any {
	names := make([]string, len(r.plan.Tags))
	for i, tag := range r.plan.Tags {
		names[i] = publish.DockerName(tag)
	}
	out := map[string]any{"containerimage.digest": r.report.Digest, "image.name": strings.Join(names, ",")}
	if hash, err := v1.NewHash(r.report.Digest); err == nil {
		d := v1.Descriptor{MediaType: types.MediaType(r.report.MediaType), Digest: hash, Size: r.report.Size}
		out["containerimage.descriptor"] = d
		if !d.MediaType.IsIndex() {
			out["containerimage.config.digest"] = r.report.ImageID
		}
	}
	return out
}

// resultFiles writes the files that other programs read. A run that has no result leaves them as they are.
func (r *run) resultFiles() error {
	if r.report.Outcome != report.Published && r.report.Outcome != report.Built {
		return nil
	}
	if path := r.plan.IIDFile; path != "" {
		if err := writeText(path, r.report.ImageID); err != nil {
			return err
		}
	}
	if path := r.plan.MetadataFile; path != "" {
		raw, err := json.MarshalIndent(r.metadata(), "", "  ")
		if err != nil {
			return fmt.Errorf("file %q: encoding: %w", path, err)
		}
		return writeText(path, string(raw)+"\n")
	}
	return nil
}

func writeText(path, text string) error {
	err := publish.WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("file %q: writing: %w", path, err)
	}
	return nil
}

// usesStdout reports whether standard output carries an archive.
func (r *run) usesStdout() bool {
	return slices.ContainsFunc(r.plan.Outputs, func(o plan.Output) bool { return o.Dest == plan.Stdout })
}
