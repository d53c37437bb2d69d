package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// AnnotationTarget is the document that an annotation is written into (image-spec annotations.md).
type AnnotationTarget string

// The documents, under the names of docker buildx build --annotation.
const (
	AnnotateManifest           AnnotationTarget = "manifest"            // of each platform
	AnnotateManifestDescriptor AnnotationTarget = "manifest-descriptor" // the platform's entry in the index
	AnnotateIndex              AnnotationTarget = "index"
	AnnotateIndexDescriptor    AnnotationTarget = "index-descriptor" // the entry in the index.json of an OCI layout
)

// Annotation is a key and a value that a document of the image carries.
type Annotation struct {
	Target   AnnotationTarget `json:"target"`
	Platform *Platform        `json:"platform,omitempty"` // nil: all platforms
	Key      string           `json:"key"`
	Value    string           `json:"value"`
}

// For reports whether the annotation goes into that document of a platform.
func (a Annotation) For(target AnnotationTarget, p Platform) bool {
	return a.Target == target && (a.Platform == nil || a.Platform.Equal(p))
}

const annotationFlag = "--annotation"

// annotationTarget is one document before the colon: index, manifest[linux/amd64].
var annotationTarget = regexp.MustCompile(`^([a-z-]+)(?:\[([^\]]*)\])?$`)

// annotations reads [TARGET[[PLATFORM]],…:]KEY=VALUE, as docker buildx build does.
func (r *reader) annotations(platforms []Platform) []Annotation {
	var out []Annotation
	for _, text := range r.in.Annotations {
		name, value, given := strings.Cut(text, "=")
		targets, key, several := strings.Cut(name, ":")
		if !several {
			targets, key = string(AnnotateManifest), name
		}
		if !given || key == "" || strings.ContainsAny(key, " \t\n") {
			r.problem(annotationFlag, text, "it is not KEY=VALUE", "for example org.opencontainers.image.title=app or index:org.opencontainers.image.title=app")
			continue
		}
		for _, target := range strings.Split(targets, ",") {
			if a, ok := r.annotation(text, target, platforms); ok {
				a.Key, a.Value = key, value
				out = append(out, a)
			}
		}
	}
	return out
}

func (r *reader) annotation(text, target string, platforms []Platform) (Annotation, bool) {
	known := []AnnotationTarget{AnnotateManifest, AnnotateIndex, AnnotateManifestDescriptor, AnnotateIndexDescriptor}
	parts := annotationTarget.FindStringSubmatch(strings.TrimSpace(target))
	if parts == nil || !slices.Contains(known, AnnotationTarget(parts[1])) {
		r.problem(annotationFlag, text, fmt.Sprintf("%q is not a document that can be annotated", target),
			"write manifest, index, manifest-descriptor or index-descriptor before the colon, for example manifest[linux/arm64]:KEY=VALUE")
		return Annotation{}, false
	}
	a := Annotation{Target: AnnotationTarget(parts[1])}
	if parts[2] == "" {
		return a, true
	}
	p, err := ParsePlatform(parts[2])
	switch {
	case err != nil:
		r.problem(annotationFlag, text, err.Error(), "")
	case a.Target == AnnotateIndex || a.Target == AnnotateIndexDescriptor:
		r.problem(annotationFlag, text, "there is one index for all platforms", "leave out the platform")
	case !slices.ContainsFunc(platforms, p.Equal):
		r.problem(annotationFlag, text, fmt.Sprintf("%s is not built", p), "name a platform of --platform")
	default:
		a.Platform = &p
		return a, true
	}
	return a, false
}

// AnnotationsOf are the annotations of one document, by their keys; nil if there are none. The platform concerns manifests and their
// descriptors alone. What was given last wins, and what names the platform before what names none.
func (p *Plan) AnnotationsOf(target AnnotationTarget, platform Platform) map[string]string {
	var out map[string]string
	for _, own := range []bool{false, true} {
		for _, a := range p.Annotations {
			if own == (a.Platform != nil) && a.For(target, platform) {
				if out == nil {
					out = map[string]string{}
				}
				out[a.Key] = a.Value
			}
		}
	}
	return out
}
