//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// pair is two platforms, one of which is emulated.
var pair = []string{"linux/amd64", "linux/arm64"}

// layoutRoot opens a layout on disk, checks all that is in it, and returns the descriptor that its index names.
func layoutRoot(t *testing.T, folder string) (v1.Descriptor, v1.ImageIndex) {
	t.Helper()
	path, err := layout.FromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index, validate.Fast); err != nil { // the whole of it knows no zstd
		t.Errorf("%s: %v", folder, err)
	}
	wantBlobs(t, filepath.Join(folder, "blobs", "sha256"))
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("%s: index.json is %+v, %v", folder, manifest, err)
	}
	return manifest.Manifests[0], index
}

// wantBlobs checks that every file has the digest by which it is called.
func wantBlobs(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%s holds %d blobs, %v", folder, len(entries), err)
	}
	for _, entry := range entries {
		if hash, _, err := v1.SHA256(strings.NewReader(text(t, folder, entry.Name()))); err != nil || hash.Hex != entry.Name() {
			t.Errorf("blob %s has the digest %s, %v", entry.Name(), hash, err)
		}
	}
}

// unpacked unpacks an archive.
func unpacked(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, "tar", "-xf", archive, "-C", dir)
	return dir
}

// blob reads a blob of a layout as JSON.
func blob(t *testing.T, folder string, hash v1.Hash, into any) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "blobs", hash.Algorithm, hash.Hex))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Error(err)
	}
	return string(raw)
}

// greeting writes what platform it was built for.
const greeting = `FROM busybox
ARG TARGETPLATFORM
ARG NPM_TOKEN
RUN echo "$TARGETPLATFORM" > /greeting
CMD ["cat", "/greeting"]
`

// One build pushes, writes an archive, a layout, a folder of files and an archive of files, with provenance, SBOM and annotations;
// the index is the same everywhere.
func TestOneBuildFillsEveryOutput(t *testing.T) {
	t.Parallel()
	ref, out := tag(t), t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }
	stale := filepath.Join(at("files"), "linux_s390x")
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	r := builds(folder(t, map[string]string{"Dockerfile": greeting}), pair, "-t", ref, "--push",
		"-o", "type=oci,dest="+at("app.tar"), "-o", "type=oci,tar=false,dest="+at("layout"), "-o", "type=oci,tar=false,oci-artifact=false,dest="+at("images"),
		"-o", "type=local,mode=delete,attestation-prefix=app-,dest="+at("files"), "--allow", "buildx.local.delete", "-o", "type=tar,dest="+at("files.tar"),
		"--provenance", "mode=max,builder-id=https://ci.example/7", "--sbom", "true", "--build-arg", "NPM_TOKEN=hunter2",
		"--annotation", "index:org.example.all=1", "--annotation", "manifest[linux/arm64],manifest-descriptor:org.example.one=2", "--annotation", "index-descriptor:org.example.layout=3",
		"--iidfile", at("iid"), "--metadata-file", at("metadata.json")).run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "attestations: SBOM (SPDX) of 2 platforms, provenance of 2 platforms, in 2 manifests of the index",
		"warning: build argument NPM_TOKEN looks like a secret: provenance with mode=max records its value")
	if strings.Contains(r.stderr, "hunter2") {
		t.Error("the log holds the value of the build argument")
	}
	wantNothingLeft(t, r.report.Run)

	must(t, w.crane, "validate", "--remote", ref)
	if diff := cmp.Diff(pair, peerPlatforms(t, ref)); diff != "" {
		t.Errorf("platforms in the registry differ (-want +got):\n%s", diff)
	}
	root, _ := layoutRoot(t, at("layout"))
	archived, _ := layoutRoot(t, unpacked(t, at("app.tar")))
	digest := digestOf(t, ref)
	if root.Digest.String() != digest || archived.Digest.String() != digest || r.report.Digest != digest || text(t, at("iid")) != digest {
		t.Errorf("registry %s, layout %s, archive %s, report %s, iidfile %s", digest, root.Digest, archived.Digest, r.report.Digest, text(t, at("iid")))
	}
	if root.Annotations["org.example.layout"] != "3" {
		t.Errorf("the layout's entry has the annotations %v", root.Annotations)
	}
	wantMetadata(t, at("metadata.json"), digest, ref)
	for _, platform := range pair {
		wantProvenance(t, at("metadata.json"), "buildx.build.provenance/"+platform, "https://ci.example/7")
	}
	wantAttested(t, at("layout"), root.Digest)
	old, _ := layoutRoot(t, at("images"))
	wantAttested(t, at("images"), old.Digest)
	for folder, want := range map[string]bool{"layout": true, "images": false} {
		if got := hasArtifacts(t, at(folder)); got != want {
			t.Errorf("attestations in %s are artifacts: %t, want %t", folder, got, want)
		}
	}
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was in the folder before is still there: %v", err)
	}
	for _, verified := range []string{ref, at("layout"), at("app.tar")} {
		invocation{args: []string{"verify", verified}}.run(t).wantCode(t, 0)
	}
	for platform, dir := range map[string]string{"linux/amd64": "linux_amd64", "linux/arm64": "linux_arm64"} {
		if got := text(t, at("files"), dir, "greeting"); got != platform+"\n" {
			t.Errorf("the greeting of %s is %q", platform, got)
		}
		if got := must(t, "tar", "-xOf", at("files.tar"), dir+"/greeting"); got != platform+"\n" {
			t.Errorf("the greeting of %s in the archive is %q", platform, got)
		}
		if sbom := text(t, at("files"), dir, "app-sbom.spdx.json"); !strings.Contains(sbom, `"predicateType": "https://spdx.dev/Document"`) {
			t.Errorf("the SBOM of %s is %q", platform, sbom)
		}
	}
}

func wantMetadata(t *testing.T, path, digest, ref string) {
	t.Helper()
	var metadata struct {
		Digest     string        `json:"containerimage.digest"`
		Descriptor v1.Descriptor `json:"containerimage.descriptor"`
		Name       string        `json:"image.name"`
	}
	if err := json.Unmarshal([]byte(text(t, path)), &metadata); err != nil {
		t.Fatal(err)
	}
	if metadata.Digest != digest || metadata.Descriptor.Digest.String() != digest || !metadata.Descriptor.MediaType.IsIndex() || metadata.Name != ref {
		t.Errorf("metadata = %+v", metadata)
	}
}

// wantProvenance checks that a key of a metadata file holds provenance in the form of docker buildx build, by a builder and without steps.
func wantProvenance(t *testing.T, path, key, builder string) {
	t.Helper()
	var metadata map[string]json.RawMessage
	var provenance struct {
		BuildType, BuildConfig string
		Builder                struct{ ID string }
		Materials              []struct{ URI string }
	}
	err := json.Unmarshal([]byte(text(t, path)), &metadata)
	if err == nil {
		err = json.Unmarshal(metadata[key], &provenance)
	}
	if err != nil || provenance.Builder.ID != builder || provenance.BuildType != "https://mobyproject.org/buildkit@v1" ||
		provenance.BuildConfig != "" || len(provenance.Materials) == 0 || !strings.HasPrefix(provenance.Materials[0].URI, "pkg:docker/") {
		t.Errorf("%s of the metadata is %s, %v", key, metadata[key], err)
	}
}

// hasArtifacts reports whether the attestations of a layout say what they are about.
func hasArtifacts(t *testing.T, folder string) bool {
	t.Helper()
	root, _ := layoutRoot(t, folder)
	var index v1.IndexManifest
	blob(t, folder, root.Digest, &index)
	var attestation struct {
		ArtifactType string
		Subject      *v1.Descriptor
	}
	blob(t, folder, index.Manifests[2].Digest, &attestation)
	return attestation.ArtifactType != "" && attestation.Subject != nil
}

// As docker buildx build does: the platform of this machine, in the form of several.
func TestWithoutPlatformsAndYetAnIndex(t *testing.T) {
	t.Parallel()
	ref, out := tag(t), t.TempDir()
	i := builds(folder(t, map[string]string{"Dockerfile": greeting}), nil, "-t", ref, "--push", "--build-arg", "BUILDKIT_MULTI_PLATFORM=1",
		"-o", filepath.Join(out, "files"), "--metadata-file", filepath.Join(out, "metadata.json"), "--provenance", "mode=min,builder-id=https://ci.example/8")
	i.args = append(i.args[:1], i.args[3:]...) // without --platform
	r := i.run(t)
	r.wantCode(t, 0)
	native := "linux/" + runtime.GOARCH
	r.wantStderr(t, "no platform is named, so the image is for this machine's, "+native+"; for more write --platform linux/amd64,linux/arm64")
	if got := peerPlatforms(t, ref); !slices.Equal(got, []string{native}) {
		t.Errorf("the index has the platforms %v", got)
	}
	if got := text(t, out, "files", strings.ReplaceAll(native, "/", "_"), "greeting"); got != native+"\n" {
		t.Errorf("the greeting is %q", got)
	}
	wantProvenance(t, filepath.Join(out, "metadata.json"), "buildx.build.provenance/"+native, "https://ci.example/8")
}

// wantAttested checks the annotations of an index, and that behind its two images there is an attestation of each, with an SBOM and with
// provenance that names builder and build argument.
func wantAttested(t *testing.T, folder string, root v1.Hash) {
	t.Helper()
	var index v1.IndexManifest
	blob(t, folder, root, &index)
	if len(index.Manifests) != 4 || index.Annotations["org.example.all"] != "1" {
		t.Fatalf("index = %+v", index)
	}
	for i, image := range index.Manifests[:2] {
		var manifest, attestation v1.Manifest
		blob(t, folder, image.Digest, &manifest)
		if got, want := manifest.Annotations["org.example.one"], []string{"", "2"}[i]; got != want || image.Annotations["org.example.one"] != "2" {
			t.Errorf("%s: annotations of the manifest %v, of its entry %v", image.Platform, manifest.Annotations, image.Annotations)
		}
		about := index.Manifests[2+i]
		if about.Platform.String() != "unknown/unknown" || about.Annotations["vnd.docker.reference.type"] != "attestation-manifest" ||
			about.Annotations["vnd.docker.reference.digest"] != image.Digest.String() {
			t.Errorf("entry %d = %+v", 2+i, about)
		}
		blob(t, folder, about.Digest, &attestation)
		var predicates []string
		for _, layer := range attestation.Layers {
			predicates = append(predicates, layer.Annotations["in-toto.io/predicate-type"])
			var statement struct{ Predicate json.RawMessage }
			raw := blob(t, folder, layer.Digest, &statement)
			if strings.HasPrefix(predicates[len(predicates)-1], "https://slsa.dev/") {
				for _, want := range []string{"https://ci.example/7", `"build-arg:NPM_TOKEN":"hunter2"`} {
					if !bytes.Contains(raw, []byte(want)) {
						t.Errorf("the provenance of %s does not hold %s", image.Platform, want)
					}
				}
			}
		}
		slices.Sort(predicates)
		if diff := cmp.Diff([]string{"https://slsa.dev/provenance/v1", "https://spdx.dev/Document"}, predicates); diff != "" {
			t.Errorf("predicates of %s differ (-want +got):\n%s", image.Platform, diff)
		}
	}
}

// What does not pass is neither pushed under a tag nor written nor loaded.
func TestRejectedBuildWritesNothing(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	ref := tag(t)
	r := builds(folder(t, map[string]string{"Dockerfile": wrongProgram}), pair, "-t", ref, "--push",
		"-o", "type=oci,dest="+filepath.Join(out, "app.tar"), "-o", filepath.Join(out, "files"), "--iidfile", filepath.Join(out, "iid")).run(t)
	r.wantCode(t, 3)
	alone := builds(folder(t, map[string]string{"Dockerfile": wrongProgram}), pair[1:], "-t", "multiarch-e2e/rejected:1", "--load",
		"-o", "type=docker,dest="+filepath.Join(out, "docker.tar")).run(t)
	alone.wantCode(t, 3)
	wantEmpty(t, out)
	if digestOf(t, ref) != "" {
		t.Error("the tag exists")
	}
	if images := must(t, "docker", "image", "ls", "-q", "multiarch-e2e/rejected"); images != "" {
		t.Errorf("the engine has the image %s", images)
	}
}

// Each form is what was asked for, and with SOURCE_DATE_EPOCH the same each time: in a registry, in an archive, on standard output.
func TestFormsOfImages(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": greeting})
	out := t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }
	ref := tag(t)
	all := builds(dir, pair, "-t", ref, "-o", "type=registry,compression=zstd,force-compression=true",
		"-o", "type=oci,tar=false,dest="+at("zstd")+",compression=zstd,force-compression=true",
		"-o", "type=oci,tar=false,dest="+at("estargz")+",compression=estargz,force-compression=true",
		"-o", "type=oci,tar=false,dest="+at("plain")+",compression=uncompressed,force-compression=true",
		"-o", "type=oci,tar=false,dest="+at("docker")+",oci-mediatypes=false", "-o", "type=oci,dest=-,compression=gzip,compression-level=9,force-compression=true",
		"-o", "type=tar,dest="+at("files.tar"))
	all.env = []string{"SOURCE_DATE_EPOCH=1700000000"}
	r := all.run(t)
	r.wantCode(t, 0)
	stdout := at("stdout.tar")
	if err := os.WriteFile(stdout, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]types.MediaType{
		at("zstd"): types.OCILayerZStd, at("estargz"): types.OCILayer, at("plain"): types.OCIUncompressedLayer, at("docker"): types.DockerLayer,
		unpacked(t, stdout): types.OCILayer,
	} {
		root, index := layoutRoot(t, name)
		child, err := index.ImageIndex(root.Digest)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := child.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		image, err := child.Image(manifest.Manifests[1].Digest)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, layer := range layers {
			if got, err := layer.MediaType(); got != want || err != nil {
				t.Errorf("%s: a layer is %s, %v, want %s", name, got, err, want)
			}
		}
	}
	if root, _ := layoutRoot(t, at("docker")); root.MediaType != types.DockerManifestList {
		t.Errorf("the index in Docker's types is %s", root.MediaType)
	}
	if root, _ := layoutRoot(t, at("zstd")); root.Digest.String() != digestOf(t, ref) {
		t.Errorf("layout %s, registry %s", root.Digest, digestOf(t, ref))
	}
	wantTime(t, at("files.tar"), 1700000000)

	again := builds(dir, pair, "-o", "type=oci,dest=-,compression=gzip,compression-level=9,force-compression=true", "--build-arg", "SOURCE_DATE_EPOCH=1700000000", "-t", ref).run(t)
	if first, _ := layoutRoot(t, unpacked(t, stdout)); again.report.Digest != first.Digest.String() {
		t.Errorf("a fresh builder gives %s, the first gave %s", again.report.Digest, first.Digest)
	}
}

// wantTime checks that no file of an archive is newer.
func wantTime(t *testing.T, path string, epoch int64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // only read
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.ModTime.Unix() > epoch {
			t.Errorf("%s is of %s", header.Name, header.ModTime)
		}
	}
}

// The lab's engine keeps its images in a store of its own kind, which holds no index.
func TestEngineIsGivenWhatItCanHold(t *testing.T) {
	t.Parallel()
	const ref = "multiarch-e2e/load:1"
	dir, archive := folder(t, map[string]string{"Dockerfile": greeting}), filepath.Join(t.TempDir(), "app.tar")
	run := func(platform string) {
		t.Helper()
		if got := must(t, "docker", "run", "--rm", ref); got != platform+"\n" {
			t.Errorf("docker run prints %q, want %q", got, platform)
		}
		must(t, "docker", "image", "rm", ref)
	}
	r := builds(dir, pair[:1], "-t", ref, "--load", "--provenance", "min", "-o", "type=docker,dest="+archive).run(t)
	r.wantCode(t, 0)
	run("linux/amd64")
	must(t, "docker", "load", "-i", archive)
	run("linux/amd64")
	iid := filepath.Join(t.TempDir(), "iid")
	builds(dir, pair[:1], "-t", ref, "-o", "type=docker", "--iidfile", iid).run(t).wantCode(t, 0)
	if got := strings.TrimSpace(must(t, "docker", "image", "inspect", "-f", "{{.Id}}", ref)); got != text(t, iid) {
		t.Errorf("the engine's image is %s, the file says %s", got, text(t, iid))
	}
	run("linux/amd64")
	both := builds(dir, pair, "-t", ref, "--load").run(t)
	both.wantCode(t, 2)
	both.wantStderr(t, `--load: this Docker Engine's image store holds one platform a tag, and 2 are asked for; write {"features": {"containerd-snapshotter": true}} into its /etc/docker/daemon.json`)
	wantNothingLeft(t, both.report.Run)
}

// What several builders have made is one image and one set of files.
func TestOutputsOfNodesAreJoined(t *testing.T) {
	t.Parallel()
	arm, out := startBuildkitd(t, newAuthority(t), as("linux/arm64")...), t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }
	if err := os.Mkdir(at("files"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("files/mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := builds(folder(t, map[string]string{"Dockerfile": greeting}), pair, "--node", "linux/arm64="+arm.node(),
		"-o", "type=oci,dest="+at("app.tar"), "-o", at("files"), "-o", "type=tar,dest="+at("files.tar")).run(t)
	r.wantCode(t, 0)
	if places := r.places(); places["linux/arm64"] != "native on "+arm.address || places["linux/amd64"] != "native on "+r.ownBuilder() {
		t.Errorf("places = %v", places)
	}
	root, _ := layoutRoot(t, unpacked(t, at("app.tar")))
	if root.Digest.String() != r.report.Digest {
		t.Errorf("archive %s, report %s", root.Digest, r.report.Digest)
	}
	invocation{args: []string{"verify", at("app.tar")}}.run(t).wantStderr(t, "2 platforms are good")
	for _, platform := range pair {
		name := filepath.Join(strings.ReplaceAll(platform, "/", "_"), "greeting")
		if got, archived := text(t, at("files"), name), must(t, "tar", "-xOf", at("files.tar"), name); got != platform+"\n" || archived != got {
			t.Errorf("the greeting of %s is %q, in the archive %q", platform, got, archived)
		}
	}
	if _, err := os.Stat(at("files/mine")); errors.Is(err, fs.ErrNotExist) {
		t.Error("a file that was there is gone")
	}
}

// Without attestations there is nothing in the index but the platforms, and a single platform has no index.
func TestProvenanceIsLeftOut(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	r := builds(folder(t, map[string]string{"Dockerfile": greeting}), pair, "-t", ref, "--push", "--provenance=false", "--attest", "type=sbom,disabled=true").run(t)
	r.wantCode(t, 0)
	var index v1.IndexManifest
	if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", ref)), &index); err != nil || len(index.Manifests) != 2 {
		t.Errorf("index = %+v, %v", index, err)
	}
	missing := builds(folder(t, map[string]string{"Dockerfile": greeting}), pair[:1], "-t", ref, "--push", "--sbom", "generator=multiarch.invalid/scanner:1").run(t)
	missing.wantCode(t, 1)
	missing.wantStderr(t, "multiarch.invalid/scanner:1", "no tag was moved")
	if digestOf(t, ref) != r.report.Digest {
		t.Error("the tag has moved")
	}
}
