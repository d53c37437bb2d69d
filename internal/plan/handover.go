package plan

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// HandoverSchema is raised when a field of a Handover changes its meaning or goes away.
const HandoverSchema = 1

// Handover is what a build on one machine hands to the run that publishes: one platform's image, and all that tells it from those of
// other images, runs and attempts.
type Handover struct {
	SchemaVersion int      `json:"schemaVersion"`
	Image         string   `json:"image"` // the repository
	Tags          []string `json:"tags"`  // for which it was built, in order
	Platform      Platform `json:"platform"`
	Key           string   `json:"key"` // of the run
	Attempt       int64    `json:"attempt,omitempty"`
	Revision      string   `json:"revision,omitempty"`
	// Building says that an attempt to build it has begun, and that nothing is to be taken until it has ended.
	Building bool `json:"building,omitempty"`
	// Manifests are the image's, and behind it those of attestations about it.
	Manifests []v1.Descriptor `json:"manifests,omitempty"`
}

// Annotations of the index that stands for a handover in a registry.
const (
	handoverPrefix   = "multiarch-action.staged."
	handoverSchema   = handoverPrefix + "schema"
	handoverImage    = handoverPrefix + "image"
	handoverTags     = handoverPrefix + "tags"
	handoverPlatform = handoverPrefix + "platform"
	handoverKey      = handoverPrefix + "key"
	handoverAttempt  = handoverPrefix + "attempt"
	handoverRevision = handoverPrefix + "revision"
	handoverBuilding = handoverPrefix + "building"
)

// Annotations write a handover as annotations of an index of its manifests.
func (h Handover) Annotations() map[string]string {
	out := map[string]string{
		handoverSchema: strconv.Itoa(HandoverSchema), handoverImage: h.Image, handoverTags: strings.Join(h.Tags, ","), handoverPlatform: h.Platform.String(),
		handoverKey: h.Key, handoverAttempt: strconv.FormatInt(h.Attempt, 10), handoverRevision: h.Revision,
	}
	if h.Building {
		out[handoverBuilding] = "true"
	}
	return out
}

// HandoverOf reads what Annotations wrote, with the manifests of the index that has them.
func HandoverOf(index v1.IndexManifest) (Handover, error) {
	a := index.Annotations
	out := Handover{Image: a[handoverImage], Key: a[handoverKey], Revision: a[handoverRevision], Building: a[handoverBuilding] == "true", Manifests: index.Manifests}
	if tags := a[handoverTags]; tags != "" {
		out.Tags = strings.Split(tags, ",")
	}
	var err error
	if out.SchemaVersion, err = strconv.Atoi(a[handoverSchema]); err != nil {
		return Handover{}, fmt.Errorf("it was not written by a staged build")
	}
	if out.Platform, err = ParsePlatform(a[handoverPlatform]); err != nil {
		return Handover{}, err
	}
	if out.Attempt, err = strconv.ParseInt(a[handoverAttempt], 10, 64); err != nil {
		return Handover{}, fmt.Errorf("attempt %q: it is not a number", a[handoverAttempt])
	}
	return out, out.check()
}

// ReadHandover reads a file with a handover.
func ReadHandover(raw []byte) (Handover, error) {
	var out Handover
	if err := json.Unmarshal(raw, &out); err != nil {
		return Handover{}, fmt.Errorf("it is not a record of a staged build: %w", err)
	}
	return out, out.check()
}

func (h Handover) check() error {
	switch {
	case h.SchemaVersion != HandoverSchema:
		return fmt.Errorf("it has the form %d, and this program knows form %d: use one version of it for all jobs", h.SchemaVersion, HandoverSchema)
	case h.Image == "" || h.Platform.OS() == "":
		return fmt.Errorf("it names no image or no platform")
	case len(h.Manifests) == 0:
		return fmt.Errorf("it names no manifest")
	}
	return nil
}

// notInTags are characters that a tag cannot have (OCI distribution-spec, "Pulling manifests").
var notInTags = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// maxStagingKey leaves room in a tag, which has 128 characters at most, for the rest of its name.
const maxStagingKey = 72

// StagingTag names the tag under which a platform is handed over. The same key and platform always give the same name, others another.
func StagingTag(key string, p Platform) string {
	return "staged-" + tagPart(key, maxStagingKey) + "-" + tagPart(strings.ReplaceAll(p.String(), "/", "-"), 32)
}

// tagPart makes a text part of a tag. One that has to be changed for it gets a sum of the whole behind it.
func tagPart(text string, longest int) string {
	plain := notInTags.ReplaceAllString(text, "-")
	if plain == text && len(text) <= longest {
		return text
	}
	return plain[:min(len(plain), longest-13)] + fmt.Sprintf("-%.6x", sha256.Sum256([]byte(text)))
}

// Replaces says whether a handover may take the place of one that is there under the same name.
func (h Handover) Replaces(there Handover) error {
	switch {
	case there.Image != h.Image || there.Key != h.Key || !there.Platform.Equal(h.Platform):
		return fmt.Errorf("%s of %s is handed over there under the key %q, not %s of %s under %q", there.Platform, there.Image, there.Key, h.Platform, h.Image, h.Key)
	case there.Attempt > h.Attempt:
		return fmt.Errorf("attempt %d has handed it over, and this is attempt %d: the older must not replace the newer", there.Attempt, h.Attempt)
	case !slices.Equal(there.Tags, h.Tags) && there.Attempt == h.Attempt && there.Revision == h.Revision:
		return fmt.Errorf("another build of this run has handed it over, for the tags %s, and this one is for %s: give each image a key of its own, for example --staged=%s-debug",
			strings.Join(there.Tags, ", "), strings.Join(h.Tags, ", "), h.Key)
	}
	return nil
}

// Accepts says whether what is handed over for a platform is what is waited for: of this image, run and revision.
func (s Staging) Accepts(h Handover, image string, p Platform) error {
	differ := func(what, got, want string) error {
		return fmt.Errorf("it is of another %s: %s, and %s is to be published", what, shownOr(got, "none"), shownOr(want, "none"))
	}
	switch {
	case h.Image != image:
		return differ("image", h.Image, image)
	case !h.Platform.Equal(p):
		return differ("platform", h.Platform.String(), p.String())
	case s.Key != "" && h.Key != s.Key:
		return differ("run", h.Key, s.Key)
	case s.Revision != "" && h.Revision != s.Revision:
		return differ("revision", h.Revision, s.Revision)
	}
	return nil
}

func shownOr(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// Together says whether two platforms that were handed over belong into one index.
func (h Handover) Together(other Handover) error {
	switch {
	case h.Revision != other.Revision:
		return fmt.Errorf("%s is of revision %s, and %s of revision %s", h.Platform, shownOr(h.Revision, "none"), other.Platform, shownOr(other.Revision, "none"))
	case h.Key != other.Key:
		return fmt.Errorf("%s is of run %s, and %s of run %s", h.Platform, shownOr(h.Key, "none"), other.Platform, shownOr(other.Key, "none"))
	case !slices.Equal(h.Tags, other.Tags):
		return fmt.Errorf("%s was built for %s, and %s for %s: they are different images", h.Platform, strings.Join(h.Tags, ", "), other.Platform, strings.Join(other.Tags, ", "))
	}
	return nil
}
