package plan

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/metadata"
)

// OnlyGiven is what stands among annotations where no others are wanted than those that are given.
const OnlyGiven = "none"

// annotationLevels is the variable by which docker/metadata-action is told what to annotate.
const annotationLevels = "DOCKER_METADATA_ANNOTATIONS_LEVELS"

// onlyGiven takes OnlyGiven out of the annotations.
func (r *reader) onlyGiven() {
	kept := slices.DeleteFunc(slices.Clone(r.in.Annotations), func(entry string) bool { return strings.TrimSpace(entry) == OnlyGiven })
	r.undescribed = len(kept) < len(r.in.Annotations)
	r.in.Annotations = kept
}

// describe annotates the image with what the rules say, or else with what is known of its sources. What is given wins. It never makes an
// index of what would be a manifest alone.
func (r *reader) describe(p *Plan) {
	if docker := func(o Output) bool { return o.Image.DockerTypes }; p.Form.DockerTypes || slices.ContainsFunc(p.Outputs, docker) || len(p.Platforms) == 0 {
		return // Docker's media types have no annotations
	}
	levels, pairs, index := r.levels(), r.said, p.Index()
	if !r.rules && !r.undescribed {
		pairs = r.fromSource(p)
	}
	var added []Annotation
	for _, level := range levels {
		ofIndex := level == AnnotateIndex || level == AnnotateManifestDescriptor
		if ofIndex && !index || level == AnnotateIndex && slices.Contains(levels, AnnotateManifest) {
			continue
		}
		for _, pair := range pairs {
			if pair.Value != "" {
				added = append(added, Annotation{Target: level, Key: pair.Key, Value: pair.Value})
			}
		}
	}
	p.Annotations = append(added, p.Annotations...)
	if index && slices.Contains(levels, AnnotateIndex) && slices.Contains(levels, AnnotateManifest) {
		p.Annotations = append(p.agreed(func(key string) bool {
			return !r.undescribed && OfImage(key) || slices.ContainsFunc(pairs, func(pair metadata.Pair) bool { return pair.Key == key })
		}), p.Annotations...)
	}
}

// OfImage reports whether an annotation is about the image as a whole: those of the OCI are, but for those about the base image.
func OfImage(key string) bool {
	return strings.HasPrefix(key, "org.opencontainers.image.") && !strings.HasPrefix(key, "org.opencontainers.image.base.")
}

// agreed are annotations of the index that the manifests of all platforms have: publish, which knows only them, gives an index the same.
func (p *Plan) agreed(wanted func(key string) bool) []Annotation {
	said := maps.Clone(p.AnnotationsOf(AnnotateManifest, p.Platforms[0]))
	for _, other := range p.Platforms {
		theirs := p.AnnotationsOf(AnnotateManifest, other)
		maps.DeleteFunc(said, func(key, value string) bool { return !wanted(key) || theirs[key] != value })
	}
	var out []Annotation
	for _, key := range slices.Sorted(maps.Keys(said)) {
		out = append(out, Annotation{Target: AnnotateIndex, Key: key, Value: said[key]})
	}
	return out
}

// levels are the documents that are annotated with what nobody has given.
func (r *reader) levels() []AnnotationTarget {
	known := []AnnotationTarget{AnnotateManifest, AnnotateIndex, AnnotateManifestDescriptor, AnnotateIndexDescriptor}
	var out []AnnotationTarget
	for text := range strings.SplitSeq(defaultTo(r.world.Getenv(annotationLevels), "manifest,index"), ",") {
		level := AnnotationTarget(strings.TrimSpace(text))
		if !slices.Contains(known, level) {
			r.problem(annotationLevels, text, "it is not a document that can be annotated", "write manifest, index, manifest-descriptor or index-descriptor, separated by commas")
			continue
		}
		out = append(out, level)
	}
	return out
}

// fromSource is what the CI host or the Git checkout knows of the sources. A remote context is known if it is the commit that the host is
// about. The time is the commit's, so that the same commit gives the same digest.
func (r *reader) fromSource(p *Plan) []metadata.Pair {
	paths := []string{p.Context}
	switch base := r.world.DefaultContext; {
	case r.world.Source == nil || p.Call.Method != CallBuild:
		return nil
	case p.ContextKind == ContextFolder:
		paths = append(paths, p.localSources()...)
	case p.ContextKind == ContextGit && base != "" && (p.Context == base || strings.HasPrefix(p.Context, base+":")):
		paths[0] = r.world.Dir
	default:
		return nil
	}
	event, err := r.world.Source(paths, r.written(p))
	if err != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("the image gets no annotations about its source: %v", err))
		return nil
	}
	commit, made, licence := r.commit(event), event.CommitTime, event.Repository.License
	if event.Modified {
		if p.HoldsImage() {
			p.Notes = append(p.Notes, "the sources differ from the commit in Git, so the image claims no revision")
		}
		commit, made = "", time.Time{}
	}
	if p.SourceDateEpoch != nil && (commit != "" || event.Repository.URL != "") {
		made = time.Unix(*p.SourceDateEpoch, 0)
	}
	if licence == "NOASSERTION" { // GitHub's word for one that it does not know
		licence = ""
	}
	created := ""
	if !made.IsZero() {
		created = made.UTC().Format(metadata.TimeFormat)
	}
	return []metadata.Pair{
		{Key: ocispec.AnnotationCreated, Value: created},
		{Key: ocispec.AnnotationDescription, Value: event.Repository.Description},
		{Key: ocispec.AnnotationLicenses, Value: licence},
		{Key: ocispec.AnnotationRevision, Value: commit},
		{Key: ocispec.AnnotationSource, Value: event.Repository.URL},
		{Key: ocispec.AnnotationURL, Value: event.Repository.URL},
	}
}

// localSources are what the build reads of this machine besides its context.
func (p *Plan) localSources() []string {
	var out []string
	if filepath.IsAbs(p.Dockerfile) {
		out = append(out, p.Dockerfile)
	}
	for _, override := range p.Overrides {
		if filepath.IsAbs(override.Dockerfile) {
			out = append(out, override.Dockerfile)
		}
	}
	for _, c := range p.Contexts {
		if c.Kind == ContextFolder {
			out = append(out, c.Value)
		}
	}
	return out
}

// written are the files and folders that the run writes.
func (r *reader) written(p *Plan) []string {
	var out []string
	for _, path := range []string{p.Summary, p.Report, p.JUnit, p.Dotenv, p.Links, p.IIDFile, p.MetadataFile} {
		if path != "" {
			out = append(out, r.absolute(path))
		}
	}
	for _, o := range p.Outputs {
		if o.Dest != Stdout {
			out = append(out, o.Dest)
		}
	}
	return out
}
