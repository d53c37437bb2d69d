package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/report"
)

// metadata is what docker buildx build writes into a metadata file, under its names. buildx.build.ref is not in it: it names a build in the
// history of a builder that outlives the build.
func (r *run) metadata() (map[string]any, error) {
	var names []string
	for _, tag := range r.plan.Names() {
		names = append(names, publish.DockerName(tag))
	}
	out := map[string]any{"containerimage.digest": r.report.Digest, "image.name": strings.Join(names, ",")}
	if hash, err := v1.NewHash(r.report.Digest); err == nil {
		d := v1.Descriptor{MediaType: types.MediaType(r.report.MediaType), Digest: hash, Size: r.report.Size}
		out["containerimage.descriptor"] = d
		if !d.MediaType.IsIndex() {
			out["containerimage.config.digest"] = r.report.ImageID
		}
	}
	return out, r.addProvenance(out)
}

// provenanceKey is what a metadata file has, for each platform, of the build's provenance.
const provenanceKey = "buildx.build.provenance"

// addProvenance adds the images' provenance, if they have any.
func (r *run) addProvenance(metadata map[string]any) error {
	for platform, p := range r.provenance.all {
		raw, err := build.ProvenanceForMetadata(p.Type, p.Predicate, r.plan.MetadataProvenance)
		if err != nil {
			return fmt.Errorf("metadata: %s: %w", platform, err)
		}
		key := provenanceKey
		if len(r.plan.Platforms) > 1 || r.plan.MultiPlatform() {
			key += "/" + platform
		}
		if raw != nil {
			metadata[key] = raw
		}
	}
	return nil
}

// provenance is how the images were built, by platform.
type provenance struct {
	lock sync.Mutex
	all  map[string]publish.Provenance
}

func (p *provenance) keep(of plan.Platform, what publish.Provenance) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.all == nil {
		p.all = map[string]publish.Provenance{}
	}
	if what.Type != "" {
		p.all[of.String()] = what
	}
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
		metadata, err := r.metadata()
		if err != nil {
			return err
		}
		raw, err := json.MarshalIndent(metadata, "", "  ")
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
