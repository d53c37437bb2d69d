package plan

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/util/gitutil"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ContextKind says where the files of a context come from.
type ContextKind string

// The kinds of contexts.
const (
	ContextFolder  ContextKind = "folder"
	ContextGit     ContextKind = "git"        // the builder fetches it
	ContextHTTP    ContextKind = "http"       // an archive, or a Dockerfile alone, that the builder fetches
	ContextArchive ContextKind = "archive"    // on standard input
	ContextNone    ContextKind = "none"       // a Dockerfile on standard input, and no files
	ContextImage   ContextKind = "image"      // a named context only
	ContextTarget  ContextKind = "target"     // a named context only: another stage of the same Dockerfile
	ContextLayout  ContextKind = "oci-layout" // a named context only
)

// Stdin is what stands for a file or folder.
const Stdin = "-"

// NamedContext is what FROM NAME and COPY --from=NAME use instead of an image of that name.
type NamedContext struct {
	Name string      `json:"name"` // as the Dockerfile frontend looks it up: as short as possible, without :latest
	Kind ContextKind `json:"kind"`
	// Value is an absolute folder, a URL, an image reference, the name of a stage, or the absolute folder of an OCI layout.
	Value  string        `json:"value"`
	Digest digest.Digest `json:"digest,omitempty"` // of the image in an OCI layout
}

// contextInputs are where the files come from.
func contextInputs() []Input {
	return []Input{
		{
			Name: "build-contexts", Flag: "build-context", Kind: KindLines,
			Help: "named context NAME=FOLDER, NAME=docker-image://IMAGE, NAME=GIT-URL, NAME=target:STAGE or NAME=oci-layout://FOLDER:TAG",
			list: func(in *Inputs) *[]string { return &in.BuildContexts },
		},
	}
}

// files finds the context and the Dockerfile.
func (r *reader) files(p *Plan) {
	text := r.withDefaultContext("context", defaultTo(strings.TrimSpace(r.in.Context), "."))
	p.Context, p.ContextKind = text, ContextFolder
	info, err := r.world.Stat(r.absolute(text))
	switch {
	case text == Stdin:
		p.ContextKind = r.fromStdin(p)
		return
	case err == nil && info.IsDir():
		p.Context = r.absolute(text)
	case isGit(text):
		p.ContextKind = ContextGit
	case isHTTP(text):
		p.ContextKind = ContextHTTP
	default:
		r.problem("context", text, "there is no such folder", "name the folder that holds what the Dockerfile copies")
		if r.in.File == "" || r.in.File == Stdin {
			return
		}
	}
	p.Dockerfile = r.dockerfile("--file", r.in.File, p)
}

// fromStdin reads standard input as the context: an archive, or a Dockerfile alone.
func (r *reader) fromStdin(p *Plan) ContextKind {
	if r.in.File == Stdin {
		r.problem("--file", Stdin, "standard input is the context already", "leave out one of the two")
		return ContextNone
	}
	text, archive, err := r.readStdin()
	switch {
	case err != nil:
		r.problem("context", Stdin, "standard input cannot be read: "+err.Error(), "")
	case archive:
		p.Dockerfile = defaultTo(r.in.File, "Dockerfile")
		return ContextArchive
	case r.in.File != "":
		r.problem("--file", r.in.File, "standard input is a Dockerfile already", "leave out one of the two, or send a tar archive")
	case len(text) == 0:
		r.problem("context", Stdin, "standard input is empty", "send a Dockerfile or a tar archive")
	}
	p.Dockerfile, p.DockerfileText = Stdin, text
	return ContextNone
}

func (r *reader) readStdin() (text []byte, archive bool, err error) {
	if r.world.ReadStdin == nil {
		return nil, false, nil
	}
	return r.world.ReadStdin()
}

// dockerfile finds a Dockerfile: by default in the context. In a context that is elsewhere a relative path is one within it.
func (r *reader) dockerfile(input, text string, p *Plan) string {
	elsewhere := p.ContextKind != ContextFolder
	switch {
	case text == Stdin:
		content, archive, err := r.readStdin()
		if err != nil || archive || len(content) == 0 {
			r.problem(input, text, "standard input is not a Dockerfile", "send the text of one")
		}
		p.DockerfileText = content
		return Stdin
	case elsewhere && !filepath.IsAbs(text):
		return defaultTo(text, "Dockerfile")
	}
	path := filepath.Join(p.Context, "Dockerfile")
	if text != "" {
		path = r.absolute(text)
	}
	info, err := r.world.Stat(path)
	if text == "" && err != nil {
		// The frontend knows this spelling too.
		if lower, problem := r.world.Stat(filepath.Join(p.Context, "dockerfile")); problem == nil {
			path, info, err = filepath.Join(p.Context, "dockerfile"), lower, nil
		}
	}
	if err != nil || info.IsDir() {
		r.problem(input, defaultTo(text, path), "there is no such Dockerfile", "name it with --file, relative to the working directory")
	}
	return path
}

// withDefaultContext puts the Git URL of the commit that the CI host is about where GitHub's actions for docker have a placeholder.
func (r *reader) withDefaultContext(input, text string) string {
	const placeholder = "{{defaultContext}}"
	if !strings.Contains(text, placeholder) {
		return text
	}
	if r.world.DefaultContext == "" {
		r.problem(input, text, "the host says of no commit that it is about it", "write the Git URL, or . for the working tree")
	}
	return strings.ReplaceAll(text, placeholder, r.world.DefaultContext)
}

func isGit(text string) bool {
	_, ok, err := dfgitutil.ParseGitRef(text)
	return ok && err == nil
}

func isHTTP(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

const contextHint = "for example --build-context assets=../assets or base=docker-image://alpine:3.22"

func (r *reader) namedContexts() []NamedContext {
	var out []NamedContext
	for _, text := range r.in.BuildContexts {
		key, value, found := strings.Cut(r.withDefaultContext("--build-context", text), "=")
		if !found || value == "" {
			r.problem("--build-context", text, "it is not NAME=VALUE", contextHint)
			continue
		}
		named, err := reference.ParseNormalizedNamed(key)
		if err != nil {
			r.problem("--build-context", text, "its name is not that of an image or stage: "+err.Error(), contextHint)
			continue
		}
		c := r.namedContext(text, value)
		c.Name = strings.TrimSuffix(reference.FamiliarString(named), ":latest")
		out = append(slices.DeleteFunc(out, func(other NamedContext) bool { return other.Name == c.Name }), c)
	}
	return out
}

func (r *reader) namedContext(text, value string) NamedContext {
	if image, ok := strings.CutPrefix(value, "docker-image://"); ok {
		if _, err := reference.ParseNormalizedNamed(image); err != nil {
			r.problem("--build-context", text, "it is not an image reference: "+err.Error(), contextHint)
		}
		return NamedContext{Kind: ContextImage, Value: image}
	}
	if stage, ok := strings.CutPrefix(value, "target:"); ok {
		return NamedContext{Kind: ContextTarget, Value: stage}
	}
	if layout, ok := strings.CutPrefix(value, "oci-layout://"); ok {
		return r.layoutContext(text, layout)
	}
	switch info, err := r.world.Stat(r.absolute(value)); {
	case err == nil && info.IsDir():
		return NamedContext{Kind: ContextFolder, Value: r.absolute(value)}
	case isGit(value):
		return NamedContext{Kind: ContextGit, Value: value}
	case isHTTP(value):
		return NamedContext{Kind: ContextHTTP, Value: value}
	}
	r.problem("--build-context", text, "there is no such folder", contextHint)
	return NamedContext{Kind: ContextFolder}
}

// layoutContext finds an image in an OCI layout, by FOLDER[:TAG][@DIGEST]. Without a tag it is latest, or the only image of the layout.
func (r *reader) layoutContext(text, layout string) NamedContext {
	folder, id, _ := strings.Cut(layout, "@")
	tag := "latest"
	if i := strings.LastIndexByte(folder, ':'); i > 1 && !strings.ContainsAny(folder[i:], `/\`) {
		folder, tag = folder[:i], folder[i+1:]
	}
	c := NamedContext{Kind: ContextLayout, Value: r.absolute(folder), Digest: digest.Digest(id)}
	if id == "" {
		c.Digest = r.inLayout(c.Value, tag)
	}
	switch {
	case c.Digest == "":
		r.problem("--build-context", text, "there is no OCI layout with that image", "name a folder that has index.json, and one of its tags or digests")
	case c.Digest.Validate() != nil:
		r.problem("--build-context", text, "it is not a digest behind the @", contextHint)
	}
	return c
}

func (r *reader) inLayout(folder, tag string) digest.Digest {
	raw, err := r.world.ReadFile(filepath.Join(folder, ocispec.ImageIndexFile))
	var index ocispec.Index
	if err != nil || json.Unmarshal(raw, &index) != nil {
		return ""
	}
	for _, m := range index.Manifests {
		if m.Annotations[ocispec.AnnotationRefName] == tag {
			return m.Digest
		}
	}
	if len(index.Manifests) == 1 {
		return index.Manifests[0].Digest
	}
	return ""
}

// gitURLs are the Git repositories that the builder is asked to fetch.
func (p *Plan) gitURLs() []*gitutil.GitURL {
	texts := []string{}
	if p.ContextKind == ContextGit {
		texts = append(texts, p.Context)
	}
	for _, c := range p.Contexts {
		if c.Kind == ContextGit {
			texts = append(texts, c.Value)
		}
	}
	var out []*gitutil.GitURL
	for _, text := range texts {
		if parsed, err := gitutil.ParseURL(text); err == nil {
			out = append(out, parsed)
		}
	}
	return out
}

// gitHosts are the servers that Git repositories are fetched from by HTTPS.
func (p *Plan) gitHosts() []string {
	var out []string
	for _, u := range p.gitURLs() {
		if u.Scheme == gitutil.HTTPSProtocol || u.Scheme == gitutil.HTTPProtocol {
			out = append(out, u.Host)
		}
	}
	return out
}

// overSSH reports whether a Git repository is fetched by SSH.
func (p *Plan) overSSH() bool {
	return slices.ContainsFunc(p.gitURLs(), func(u *gitutil.GitURL) bool { return u.Scheme == gitutil.SSHProtocol })
}

// Printable is a context without the password that a URL may hold.
func Printable(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	u.User = nil
	return u.String()
}
