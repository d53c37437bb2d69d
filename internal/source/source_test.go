package source_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/layers"
	patience "github.com/org/multiarch-action/internal/registry"
	"github.com/org/multiarch-action/internal/source"
)

// serve starts a registry on loopback. Requests go through before, which may answer them itself and then returns true.
func serve(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	backend := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			backend.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// image is an image of two layers for a platform.
func image(t *testing.T, platform string) v1.Image {
	t.Helper()
	img := must[v1.Image](t)(random.Image(100, 2))
	config := must[*v1.ConfigFile](t)(img.ConfigFile()).DeepCopy()
	spec := must[*v1.Platform](t)(v1.ParsePlatform(platform))
	config.OS, config.Architecture, config.Variant = spec.OS, spec.Architecture, spec.Variant
	return must[v1.Image](t)(mutate.ConfigFile(mutate.MediaType(img, types.OCIManifestSchema1), config))
}

// index is an index of images for platforms, with an attestation.
func index(t *testing.T, platforms ...string) v1.ImageIndex {
	t.Helper()
	out := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range platforms {
		spec := must[*v1.Platform](t)(v1.ParsePlatform(platform))
		out = mutate.AppendManifests(out, mutate.IndexAddendum{Add: image(t, platform), Descriptor: v1.Descriptor{Platform: spec}})
	}
	return mutate.AppendManifests(out, mutate.IndexAddendum{Add: image(t, "unknown/unknown"), Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}, Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
	}})
}

func push(t *testing.T, ref string, what any) {
	t.Helper()
	parsed := must[name.Reference](t)(name.ParseReference(ref))
	var err error
	switch what := what.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(parsed, what)
	case v1.Image:
		err = remote.Write(parsed, what)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, text string) (*source.Source, error) {
	t.Helper()
	s, err := source.Opener{}.Open(t.Context(), must[source.Reference](t)(source.Parse(text)))
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

// platforms opens a reference and says what platforms it has, after it has read all their layers.
func platforms(t *testing.T, text string) []string {
	t.Helper()
	s := must[*source.Source](t)(open(t, text))
	var out []string
	for _, d := range must[[]v1.Descriptor](t)(s.Images(t.Context())) {
		image := must[*source.Image](t)(s.Image(t.Context(), d))
		files := must[*layers.Files](t)(layers.NewReader(layers.Limits{}, nil).Read(t.Context(), image.Layers))
		files.Close()
		out = append(out, image.Config.OS+"/"+image.Config.Architecture)
		if image.Size < 200 || len(image.Layers) != 2 {
			t.Errorf("%s: %d layers of %d bytes", text, len(image.Layers), image.Size)
		}
	}
	return out
}

// One index is the same from wherever it comes.
func TestSources(t *testing.T) {
	t.Parallel()
	host, dir := serve(t, nil), t.TempDir()
	both, one := index(t, "linux/amd64", "linux/arm64"), image(t, "linux/arm64")
	push(t, host+"/app:1", both)
	push(t, host+"/one:1", one)
	digest := must[v1.Hash](t)(both.Digest())
	path := must[layout.Path](t)(layout.Write(filepath.Join(dir, "layout"), empty.Index))
	for tag, i := range map[string]v1.ImageIndex{"1.0": both, "2.0": index(t, "linux/s390x")} {
		if err := path.AppendIndex(i, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})); err != nil {
			t.Fatal(err)
		}
	}
	only := must[layout.Path](t)(layout.Write(filepath.Join(dir, "only"), empty.Index))
	if err := only.AppendImage(one); err != nil {
		t.Fatal(err)
	}
	archived(t, filepath.Join(dir, "layout"), filepath.Join(dir, "layout.tar"))
	saved := filepath.Join(dir, "saved.tar")
	if err := tarball.WriteToFile(saved, must[name.Tag](t)(name.NewTag("app:1")), one); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		host + "/app:1":                                          {"linux/amd64", "linux/arm64"},
		host + "/app@" + digest.String():                         {"linux/amd64", "linux/arm64"},
		host + "/one:1":                                          {"linux/arm64"},
		"oci-layout://" + dir + "/only":                          {"linux/arm64"},
		dir + "/only":                                            {"linux/arm64"},
		"oci-layout://" + dir + "/layout:1.0":                    {"linux/amd64", "linux/arm64"},
		"oci-layout://" + dir + "/layout.tar:2.0":                {"linux/s390x"},
		"oci-layout://" + dir + "/layout@" + digest.String():     {"linux/amd64", "linux/arm64"},
		"oci-layout://" + dir + "/layout.tar@" + digest.String(): {"linux/amd64", "linux/arm64"},
		saved: {"linux/arm64"},
	} {
		if diff := cmp.Diff(want, platforms(t, text)); diff != "" {
			t.Errorf("%s: the platforms differ (-want +got):\n%s", text, diff)
		}
	}
	if got := platforms(t, dir+"/layout"); len(got) != 3 {
		t.Errorf("all of the layout: got %v", got)
	}
	s := must[*source.Source](t)(open(t, host+"/app:1"))
	if s.Digest != digest || s.Index == nil || len(s.Index.Manifests) != 3 {
		t.Errorf("got %s, %v", s.Digest, s.Index)
	}
}

// archived packs a folder with tar files' usual spelling of names.
func archived(t *testing.T, dir, to string) {
	t.Helper()
	file := must[*os.File](t)(os.Create(to))
	w := tar.NewWriter(file)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"App:1":                     `"App:1": it is not the name of an image; write a name as in ghcr.io/owner/app:1.4, oci-layout://PATH, or a path that begins with ./ or /`,
		"oci-layout://":             `"oci-layout://": there is no path; write oci-layout://PATH`,
		"oci-layout://a@sha256:abc": `"oci-layout://a@sha256:abc": "sha256:abc" is not a digest; write it as in oci-layout://out@sha256:… with 64 hexadecimal digits`,
	} {
		_, err := source.Parse(text)
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	for _, text := range []string{"busybox", "ghcr.io/owner/app:1.4", "./out", "/out", "../out", ".", "out.tar", "oci-layout://out", "oci-layout://localhost:5000/x"} {
		if ref, err := source.Parse(text); err != nil || ref.String() != text {
			t.Errorf("%s: got %s, %v", text, ref, err)
		}
	}
}

// What cannot be verified is said clearly. REGISTRY and DIR stand for the addresses, which are others each time.
func TestErrors(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/v2/chart/manifests/1": `{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2},"layers":[]}`,
		"/v2/old/manifests/1":   `{"schemaVersion":1,"fsLayers":[]}`,
		"/v2/both/manifests/1":  `{"schemaVersion":2,"manifests":[],"layers":[]}`,
		"/v2/html/manifests/1":  `<html>`,
		"/v2/type/manifests/1":  `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}`,
		"/v2/huge/manifests/1":  `{"schemaVersion":2,"manifests":[]}` + strings.Repeat(" ", 4<<20),
		"/v2/size/manifests/1":  `{"schemaVersion":2,"config":{},"layers":[{"size":-1,"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}`,
	}
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		answer, ok := answers[r.URL.Path]
		if strings.HasPrefix(r.URL.Path, "/v2/secret") {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		if ok {
			_, _ = io.WriteString(w, answer) // the client's test sees what arrives
		}
		return ok
	})
	dir := t.TempDir()
	files := map[string]string{"plain.tar": "no tar file at all" + strings.Repeat(".", 600), "empty.tar": strings.Repeat("\x00", 1024)}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string][2]string{
		host + "/none:1":   {"image REGISTRY/none:1: reading: GET http://REGISTRY/v2/none/manifests/1: NAME_UNKNOWN: Unknown name", "check the name and the tag; some registries say so too where a login is needed"},
		host + "/secret:1": {"image REGISTRY/secret:1: reading: GET http://REGISTRY/v2/secret/manifests/1: unexpected status code 401 Unauthorized; it was asked without a login", "log in with an account that may read there, for example by docker login; some registries say so too where there is no such repository"},
		host + "/chart:1":  {`image REGISTRY/chart:1: reading: it is no image but an artifact of type "application/vnd.cncf.helm.config.v1+json"`, "name an image; charts, signatures, attestations and other artifacts hold no programs to verify"},
		host + "/old:1":    {"image REGISTRY/old:1: reading: it is an image of schema 1, which registries and engines have given up", "build it anew, or pull and push it by an engine that still can"},
		host + "/both:1":   {"image REGISTRY/both:1: reading: found a document that is both: clients differ in what they take it for, expected an index or an image manifest", ""},
		host + "/type:1":   {"image REGISTRY/type:1: reading: found a document with the content of one type and the media type of another, expected one type", ""},
		host + "/html:1":   {"image REGISTRY/html:1: reading: found invalid character '<' looking for beginning of value, expected an index or an image manifest", ""},
		host + "/huge:1":   {"image REGISTRY/huge:1: reading: found more, expected a document of at most 4194304 bytes", ""},
		host + "/size:1":   {"image REGISTRY/size:1: reading: sha256:0000000000000000000000000000000000000000000000000000000000000000 found -1, expected a size", ""},
		dir + "/none":      {"image DIR/none: reading: stat DIR/none: no such file or directory", "write a path that exists; names of images in registries do not begin with ./ or / and do not end with .tar"},
		dir:                {"image DIR: reading: it is not there: open DIR/index.json: no such file or directory", "name a folder with the OCI image layout, as docker buildx build --output type=oci,tar=false makes it, or an archive of one"},
		dir + "/plain.tar": {"image DIR/plain.tar: reading: listing the archive: archive/tar: invalid tar header", "name an archive as docker save or docker buildx build --output type=oci write it; if it is compressed, unpack it first"},
		dir + "/empty.tar": {"image DIR/empty.tar: reading: the archive has neither index.json nor manifest.json", "name an archive as docker save or docker buildx build --output type=oci write it"},
	} {
		s, err := open(t, text)
		if err == nil {
			_, err = s.Image(t.Context(), must[[]v1.Descriptor](t)(s.Images(t.Context()))[0])
		}
		if err == nil {
			t.Errorf("%s: no error", text)
			continue
		}
		plain := strings.NewReplacer(host, "REGISTRY", dir, "DIR")
		var hinted interface{ Hint() string }
		if !errors.As(err, &hinted) {
			t.Fatalf("%s: %v gives no hint", text, err)
		}
		if diff := cmp.Diff(want, [2]string{plain.Replace(err.Error()), hinted.Hint()}); diff != "" {
			t.Errorf("%s: error and hint differ (-want +got):\n%s", text, diff)
		}
	}
}

// A registry that gives other bytes than the index names is found out.
func TestDocumentsAreCompared(t *testing.T) {
	t.Parallel()
	both := index(t, "linux/amd64")
	child := must[*v1.IndexManifest](t)(both.IndexManifest()).Manifests[0]
	evil := false
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !evil || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, child.Digest.Hex) {
			return false
		}
		_, _ = io.WriteString(w, strings.Repeat(" ", int(child.Size))) // the client's test sees what arrives
		return true
	})
	push(t, host+"/app:1", both)
	evil = true
	s := must[*source.Source](t)(open(t, host+"/app:1"))
	_, err := s.Image(t.Context(), child)
	var bad *source.BadImageError
	if !errors.As(err, &bad) || bad.Defect != source.DefectDigest || bad.Digest != child.Digest.String() {
		t.Errorf("got %v", err)
	}
	_, err = open(t, host+"/app@"+child.Digest.String())
	if !errors.As(err, &bad) {
		t.Errorf("by its digest: got %v", err)
	}
}

// Who is known is asked for only where a stranger may not read, and a wrong password does not keep anyone from public images.
func TestLoginOnlyWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		user, _, known := r.BasicAuth()
		if strings.HasPrefix(r.URL.Path, "/v2/private/") && user != "me" || known && user != "me" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	one := image(t, "linux/amd64")
	push(t, host+"/public/app:1", one)
	parsed := must[name.Reference](t)(name.ParseReference(host + "/private/app:1"))
	if err := remote.Write(parsed, one, remote.WithAuth(&authn.Basic{Username: "me", Password: "x"})); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		user, image string
		asked       int
		good        bool
	}{
		{"me", "public/app:1", 0, true},
		{"wrong", "public/app:1", 0, true},
		{"me", "private/app:1", 1, true},
		{"wrong", "private/app:1", 2, false}, // again to say what kind of login it is
	} {
		keys := &keychain{login: &authn.Basic{Username: test.user, Password: "s3cret"}}
		s, err := source.Opener{Keychain: keys}.Open(t.Context(), must[source.Reference](t)(source.Parse(host+"/"+test.image)))
		if (err == nil) != test.good || keys.asked != test.asked {
			t.Errorf("%s reads %s: %v; the login was looked up %d times", test.user, test.image, err, keys.asked)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Error("the password is in the error")
		}
		if s != nil {
			_ = s.Close() // a connection
		}
	}
}

type keychain struct {
	login authn.Authenticator
	asked int
}

func (k *keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	k.asked++
	return k.login, nil
}

func TestIndexesInIndexes(t *testing.T) {
	t.Parallel()
	host := serve(t, nil)
	nest := func(i v1.ImageIndex) v1.ImageIndex {
		return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: i})
	}
	three := nest(nest(index(t, "linux/amd64", "linux/arm64")))
	push(t, host+"/three:1", three)
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms(t, host+"/three:1")); diff != "" {
		t.Errorf("the platforms differ (-want +got):\n%s", diff)
	}
	push(t, host+"/four:1", nest(three))
	_, err := must[*source.Source](t)(open(t, host+"/four:1")).Images(t.Context())
	var bad *source.BadImageError
	if !errors.As(err, &bad) || bad.Defect != source.DefectLimits {
		t.Errorf("got %v", err)
	}
}

func TestMissingBlobs(t *testing.T) {
	t.Parallel()
	host, dir := serve(t, nil), t.TempDir()
	layer := static.NewLayer([]byte("x"), types.OCILayer)
	img := must[v1.Image](t)(mutate.AppendLayers(image(t, "linux/amd64"), layer))
	path := must[layout.Path](t)(layout.Write(filepath.Join(dir, "l"), empty.Index))
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	missing := must[v1.Hash](t)(layer.Digest())
	if err := os.Remove(filepath.Join(dir, "l", "blobs", missing.Algorithm, missing.Hex)); err != nil {
		t.Fatal(err)
	}
	raw := must[[]byte](t)(img.RawManifest())
	push(t, host+"/app:1", img)
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	s := must[*source.Source](t)(open(t, dir+"/l"))
	got := must[*source.Image](t)(s.Image(t.Context(), must[[]v1.Descriptor](t)(s.Images(t.Context()))[0]))
	if _, err := got.Layers[2].Open(t.Context()); !source.IsMissing(err) {
		t.Errorf("in the layout: got %v", err)
	}
	s = must[*source.Source](t)(open(t, host+"/app:1"))
	manifest.Config.Digest.Hex = strings.Repeat("0", 64)
	if _, err := s.Image(context.Background(), v1.Descriptor{Digest: manifest.Config.Digest, MediaType: types.OCIManifestSchema1}); !source.IsMissing(err) {
		t.Errorf("in the registry: got %v", err)
	}
}

// A registry that stops in the middle of a layer does not keep anyone waiting for ever.
func TestARegistryThatStops(t *testing.T) {
	t.Parallel()
	one := image(t, "linux/amd64")
	layer := must[[]v1.Layer](t)(one.Layers())[0]
	digest := must[v1.Hash](t)(layer.Digest())
	stopped, end := false, make(chan struct{})
	t.Cleanup(func() { close(end) })
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !stopped || !strings.HasSuffix(r.URL.Path, digest.Hex) {
			return false
		}
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "begin") // the client's test sees what arrives
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-end:
		}
		return true
	})
	push(t, host+"/app:1", one)
	stopped = true
	impatient, err := patience.New(patience.Config{Stall: 300 * time.Millisecond, Budget: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	s, err := source.Opener{Transport: impatient}.Open(t.Context(), must[source.Reference](t)(source.Parse(host+"/app:1")))
	if err != nil {
		t.Fatal(err)
	}
	got := must[*source.Image](t)(s.Image(t.Context(), must[[]v1.Descriptor](t)(s.Images(t.Context()))[0]))
	_, err = layers.NewReader(layers.Limits{}, nil).Read(t.Context(), got.Layers)
	var stall *patience.StallError
	if !errors.As(err, &stall) || err.Error() != "layer 1 of 2 ("+digest.String()+"): reading: nothing came for 300ms" {
		t.Errorf("got %v", err)
	}
}
