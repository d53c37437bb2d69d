package source

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// layoutScheme is what BuildKit and skopeo write in front of the path of a layout; a path alone does as well.
const layoutScheme = "oci-layout://"

// Reference names an image. Make one with Parse.
type Reference struct {
	text   string
	remote name.Reference // nil: on disk
	path   string
	tag    string  // in a layout; empty: any
	digest v1.Hash // in a layout; zero: any
}

// String is the reference as it was written.
func (r Reference) String() string { return r.text }

// Remote is the name in a registry; ok is false for what is on disk.
func (r Reference) Remote() (ref name.Reference, ok bool) { return r.remote, r.remote != nil }

// WithDigest is the reference to what was verified: with its digest instead of a tag that may move. On disk it stays as it was
// written.
func (r Reference) WithDigest(digest string) string {
	if r.remote == nil || digest == "" {
		return r.text
	}
	return r.remote.Context().Name() + "@" + digest
}

// Parse reads a reference: oci-layout://PATH with :TAG or @DIGEST behind it, a path that begins with /, ./ or ../ or ends with
// .tar, or the name of an image in a registry. It does not look whether there is such an image.
func Parse(text string) (Reference, error) {
	path, isLayout := strings.CutPrefix(text, layoutScheme)
	switch {
	case isLayout:
		return parseLayout(text, path)
	case isPath(text):
		return Reference{text: text, path: text}, nil
	}
	remote, err := name.ParseReference(text)
	if err != nil {
		return Reference{}, &plan.InputError{Value: text, Rule: "it is not the name of an image", Hint: "write a name as in ghcr.io/owner/app:1.4, oci-layout://PATH, or a path that begins with ./ or /"}
	}
	return Reference{text: text, remote: remote}, nil
}

func isPath(text string) bool {
	for _, prefix := range []string{"/", "./", "../"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return text == "." || text == ".." || strings.HasSuffix(text, ".tar")
}

func parseLayout(text, path string) (Reference, error) {
	r := Reference{text: text, path: path}
	if before, digest, ok := strings.Cut(path, "@"); ok {
		hash, err := v1.NewHash(digest)
		if err != nil {
			return Reference{}, &plan.InputError{Value: text, Rule: fmt.Sprintf("%q is not a digest", digest), Hint: "write it as in oci-layout://out@sha256:… with 64 hexadecimal digits"}
		}
		r.path, r.digest = before, hash
	} else if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
		r.path, r.tag = path[:i], path[i+1:]
	}
	if r.path == "" {
		return Reference{}, &plan.InputError{Value: text, Rule: "there is no path", Hint: "write oci-layout://PATH"}
	}
	return r, nil
}
