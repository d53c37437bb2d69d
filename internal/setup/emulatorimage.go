package setup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/multiarch-action/internal/registry"
)

// EmulatorImage is an image that holds static emulators as /usr/bin/qemu-<architecture>, as tonistiigi/binfmt has them, or
// with the further ending -static. Only the files that are needed are taken out of it, for the platform of this machine.
type EmulatorImage struct {
	Name       string            // as the user knows it
	References []name.Reference  // where it is pulled from, tried in turn: mirrors, then the registry that its name says
	Transport  http.RoundTripper // to registries; it is given patience, if it is not a registry.Transport
	Keychain   authn.Keychain    // nil: none, that is as anybody
	Cache      string            // folder that keeps the files from one run to the next, by digest; empty: they are not kept
	Say        func(string)      // is told before something is pulled; nil: nobody is
}

const (
	// maxEmulator is more than any emulator has, in bytes.
	maxEmulator = 256 << 20
	// imageFolder is where images keep their emulators.
	imageFolder = "usr/bin"
	// namesFile lists the emulators of an image that was read to its end, so that nobody looks for others in it again.
	namesFile = "names"
	pullTries = 3
)

// fetch returns an emulator, or why there is none, for each architecture.
func (i *EmulatorImage) fetch(ctx context.Context, guests []architecture, host architecture) supplies {
	store, err := i.store(ctx, host)
	if err == nil {
		err = i.fill(ctx, store, guests)
	}
	found := supplies{byName: map[string]supply{}, discard: store.discard}
	for _, guest := range guests {
		found.byName[guest.name] = i.supply(store, guest, err)
	}
	return found
}

// supply is what became of one emulator.
func (i *EmulatorImage) supply(store *emulatorStore, guest architecture, err error) supply {
	emulator := guest.emulators()[1]
	if err != nil {
		return supply{none: &obstacle{
			problem: fmt.Sprintf("%s could not be taken from the image %s: %v", emulator, i.Name, err),
			hint:    "see that its registry can be reached, name a mirror of it in --buildkitd-config or another image by --binfmt-image",
		}}
	}
	file, problem := store.find(guest)
	switch {
	case problem != nil:
		return supply{none: &obstacle{
			problem: fmt.Sprintf("%s of the image %s cannot be used: %v", emulator, i.Name, problem),
			hint:    "name another image by --binfmt-image",
		}}
	case file == "":
		return supply{absent: true, none: &obstacle{
			problem: fmt.Sprintf("the image %s has no %s", i.Name, emulator),
			hint:    "name an image that has it by --binfmt-image",
		}}
	}
	return supply{path: file, origin: i.Name}
}

// store opens the folder for the image's files. Its digest is asked for only if the name does not say it.
func (i *EmulatorImage) store(ctx context.Context, host architecture) (*emulatorStore, error) {
	store := &emulatorStore{host: host, discard: func() {}}
	if len(i.References) == 0 {
		return store, errors.New("it has no address")
	}
	digest := i.References[0].Identifier()
	if _, pinned := i.References[0].(name.Digest); !pinned {
		descriptor, err := i.get(ctx)
		if err != nil {
			return store, err
		}
		digest = descriptor.Digest.String()
	}
	return store, store.open(i.Cache, strings.ReplaceAll(digest, ":", "-"))
}

// fill takes what the store lacks out of the image.
func (i *EmulatorImage) fill(ctx context.Context, store *emulatorStore, guests []architecture) error {
	var wanted []string
	for _, guest := range guests {
		if file, _ := store.find(guest); file == "" && !store.lacks(guest) {
			wanted = append(wanted, guest.emulators()...)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if i.Say != nil {
		i.Say("taking emulators from " + i.Name)
	}
	descriptor, err := i.get(ctx)
	if err != nil {
		return err
	}
	image, err := descriptor.Image()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	return store.extract(layers, wanted)
}

// get asks for the image at one address after the other.
func (i *EmulatorImage) get(ctx context.Context) (*remote.Descriptor, error) {
	options := append(
		registry.Patient(registry.Over(i.Transport)),
		remote.WithContext(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}),
	)
	if i.Keychain != nil {
		options = append(options, remote.WithAuthFromKeychain(i.Keychain))
	}
	var problems []string
	for _, reference := range i.References {
		descriptor, err := remote.Get(reference, options...)
		if err == nil {
			return descriptor, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		problems = append(problems, fmt.Sprintf("%s: %v", reference.Context().RegistryStr(), err))
	}
	return nil, errors.New(strings.Join(problems, "; "))
}

// emulatorStore is the folder of an image's emulators on this machine.
type emulatorStore struct {
	host    architecture
	folder  string
	discard func() // removes the folder, if it is not kept
}

// open makes the folder below the cache, or a temporary one where that is not possible: handlers stand for root, so a folder
// that others may write to is not used.
func (s *emulatorStore) open(cache, digest string) error {
	if cache != "" {
		s.folder = filepath.Join(cache, digest, s.host.name)
		if os.MkdirAll(s.folder, 0o755) == nil && ownFolder(s.folder) {
			return nil
		}
	}
	folder, err := os.MkdirTemp("", "multiarch-emulators-")
	if err != nil {
		return fmt.Errorf("making a folder for its files: %w", err)
	}
	s.folder, s.discard = folder, func() { _ = os.RemoveAll(folder) } // a temporary one
	return nil
}

// find returns the emulator of an architecture if it is there, and says if it is there but of no use.
func (s *emulatorStore) find(guest architecture) (file string, problem error) {
	for _, name := range guest.emulators() {
		file := filepath.Join(s.folder, name)
		err := checkEmulator(file, s.host)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			problem = err
		}
	}
	return "", problem
}

// lacks reports whether it is known that the image does not have an emulator.
func (s *emulatorStore) lacks(guest architecture) bool {
	text, err := os.ReadFile(filepath.Join(s.folder, namesFile))
	if err != nil {
		return false
	}
	names := strings.Fields(string(text))
	return !slices.ContainsFunc(guest.emulators(), func(name string) bool { return slices.Contains(names, name) })
}

// extract writes the wanted files of the layers into the folder. Upper layers hide what lower ones have. Every layer that is
// begun is read to its end, because its digest is checked only there, and no file gets its name before that.
func (s *emulatorStore) extract(layers []v1.Layer, wanted []string) error {
	var names []string
	for _, layer := range slices.Backward(layers) {
		var inside []string
		var err error
		for range pullTries { // what cannot be opened was tried again by the transport; what breaks off was not
			if inside, err = s.extractLayer(layer, wanted); err == nil {
				break
			}
		}
		if err != nil {
			return err
		}
		names = append(names, inside...)
		wanted = slices.DeleteFunc(wanted, func(name string) bool { return slices.Contains(inside, name) })
	}
	return os.WriteFile(filepath.Join(s.folder, namesFile), []byte(strings.Join(names, "\n")), 0o644)
}

// extractLayer returns the names of all emulators in a layer.
func (s *emulatorStore) extractLayer(layer v1.Layer, wanted []string) (inside []string, err error) {
	stream, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	written := map[string]string{} // temporary names by names
	defer func() {
		for _, temporary := range written {
			_ = os.Remove(temporary) // those that got their names are not there
		}
	}()
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		folder, base := path.Split(path.Clean("/" + header.Name))
		if folder != "/"+imageFolder+"/" || header.Typeflag != tar.TypeReg || !strings.HasPrefix(base, "qemu-") {
			continue
		}
		inside = append(inside, base)
		if !slices.Contains(wanted, base) {
			continue
		}
		if written[base], err = s.write(archive, header); err != nil {
			return nil, err
		}
	}
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return nil, err
	}
	for name, temporary := range written {
		if err := os.Rename(temporary, filepath.Join(s.folder, name)); err != nil {
			return nil, err
		}
	}
	return inside, nil
}

func (s *emulatorStore) write(content io.Reader, header *tar.Header) (file string, err error) {
	if header.Size > maxEmulator {
		return "", fmt.Errorf("%s has %d bytes, which no emulator has", header.Name, header.Size)
	}
	temporary, err := os.CreateTemp(s.folder, ".new-")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(temporary, content)
	return temporary.Name(), errors.Join(err, temporary.Chmod(0o755), temporary.Close())
}
