package plan

import (
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
)

// DefaultBinfmtImage is where emulators are taken from: release 10.2.3-68 of https://github.com/tonistiigi/binfmt, which has
// QEMU 10.2.3. The digest is that of the index for all processors.
const DefaultBinfmtImage = "tonistiigi/binfmt:qemu-v10.2.3-68@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0"

// Binfmt says whether emulators are registered.
type Binfmt string

// The ways to deal with platforms that do not run natively.
const (
	BinfmtAuto   Binfmt = "auto"   // register what the build needs
	BinfmtAlways Binfmt = "always" // register for all platforms, whatever the build needs
	BinfmtNever  Binfmt = "never"  // register nothing
)

// noImage is what the user writes where no image is to be used.
const noImage = "none"

func (r *reader) binfmtImage() string {
	image := defaultTo(r.in.BinfmtImage, DefaultBinfmtImage)
	if image == noImage {
		return ""
	}
	if _, err := name.ParseReference(image, name.WeakValidation); err != nil {
		r.problem("--binfmt-image", image, "it is not an image reference", "write none, or for example "+DefaultBinfmtImage)
	}
	return image
}

// References are the addresses that an image is pulled from, in turn: the mirrors that the configuration names for its
// registry, then the registry itself, each over plain HTTP where the configuration says so.
func (c BuilderConfig) References(image string) ([]name.Reference, error) {
	original, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return nil, err
	}
	registries := c.Registries()
	repository := original.Context()
	// The registry that is called docker.io has another host name.
	host := repository.RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io"
	}
	mirrors, _ := registries[host]["mirrors"].([]any)
	var out []name.Reference
	for _, value := range append(slices.Clone(mirrors), any(repository.RegistryStr())) {
		address, _ := value.(string)
		reference, err := c.at(address, original)
		if err != nil {
			return nil, err
		}
		out = append(out, reference)
	}
	return out, nil
}

// at is the image at another address, which may have a path after the host.
func (c BuilderConfig) at(address string, image name.Reference) (name.Reference, error) {
	separator := ":"
	if _, pinned := image.(name.Digest); pinned {
		separator = "@"
	}
	text := address + "/" + image.Context().RepositoryStr() + separator + image.Identifier()
	options := []name.Option{name.WeakValidation}
	reference, err := name.ParseReference(text, options...)
	if err != nil {
		return nil, err
	}
	if plain, _ := c.Registries()[reference.Context().RegistryStr()]["http"].(bool); plain {
		options = append(options, name.Insecure)
	}
	return name.ParseReference(text, options...)
}

// NewSetup turns inputs into the plan of a set-up without a build: which emulators, which builder. Without platforms it is
// for all that an emulator may be had for. If anything is wrong it returns InputErrors.
func NewSetup(in Inputs, world World) (*Plan, error) {
	in.Builder, in.KeepBuilder = "", "" // a builder is started, and stays
	r := &reader{in: in, world: world}
	p := &Plan{
		KeepHandlers: true,
		Verify:       VerifyOff,
		Progress:     ProgressPlain,
		Binfmt:       oneOf(r, "--binfmt", in.Binfmt, BinfmtAuto, BinfmtAlways, BinfmtNever),
		BinfmtImage:  r.binfmtImage(),

		RegistryRetry: r.registryRetry(),
	}
	if len(in.Platforms) > 0 {
		p.Platforms = r.platforms()
	}
	p.Builder = r.builder(p)
	p.Builder.Keep = true
	if len(r.problems) > 0 {
		return nil, r.problems.inOrder()
	}
	return p, nil
}

var setupInputs = map[string]bool{
	"platforms": true, "buildkit-image": true, "buildkitd-config": true, "buildkitd-config-inline": true, "buildkitd-flags": true,
	"driver-opts": true, "registry-mirrors": true, "insecure-registries": true, "registry-cas": true, "registry-retry": true,
	"binfmt": true, "binfmt-image": true,
}

// SetupInputs returns those rows of BuildInputs that concern a set-up without a build.
func SetupInputs() []Input {
	return slices.DeleteFunc(BuildInputs(), func(i Input) bool { return !setupInputs[i.Name] })
}
