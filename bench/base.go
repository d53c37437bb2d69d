package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/stream"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// What the large base image holds besides its own base: as much as an application on Debian with its libraries, in as many files.
const (
	largeSize     = 300 << 20 // bytes of a platform, roughly
	smallPrograms = 1500
	textFiles     = 10_000
	filesInFolder = 100
	largeTag      = "bench/large-base:2"
)

// endings are those of most files below /usr in images for Python and Node.js, where one of ten has none or another.
var endings = []string{".py", ".pyc", ".js", ".json", ".d.ts", ".txt", ".md", ".h", ".html", ""}

// largeBase pushes an image of 300 MB for every platform that has Debian where there is Debian for the platform, and else busybox,
// below a layer of programs for the platform and of other files. It is made once: its tag says that it is there.
func largeBase(ctx context.Context, registry string) error {
	ref, err := name.ParseReference(registry + "/" + largeTag)
	if err != nil {
		return err
	}
	if _, err := remote.Head(ref, remote.WithContext(ctx)); err == nil || !isAbsent(err) {
		return err
	}
	images := make([]mutate.IndexAddendum, len(platforms))
	var g errgroup.Group
	g.SetLimit(2)
	for i, text := range platforms {
		g.Go(func() (err error) {
			images[i], err = largeImage(ctx, ref, text)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("%s: making it: %w", ref, err)
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), images...)
	return remote.WriteIndex(ref, index, remote.WithContext(ctx))
}

func isAbsent(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

func largeImage(ctx context.Context, ref name.Reference, text string) (mutate.IndexAddendum, error) {
	platform, err := v1.ParsePlatform(text)
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	get := func(image string) (v1.Image, error) {
		from, err := name.ParseReference(ref.Context().RegistryStr() + "/library/" + image)
		if err != nil {
			return nil, err
		}
		return remote.Image(from, remote.WithContext(ctx), remote.WithPlatform(*platform))
	}
	busybox, err := get("busybox")
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	program, err := programOf(busybox)
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	base := busybox
	if debian, err := get("debian:bookworm-slim"); err == nil {
		base = debian
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(writeLarge(writer, program, "opt/bench/")) }() // never fails
	mediaType, err := base.MediaType()
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	layerType := types.OCILayer
	if mediaType == types.DockerManifestSchema2 {
		layerType = types.DockerLayer
	}
	layer := stream.NewLayer(reader, stream.WithCompressionLevel(gzip.BestSpeed), stream.WithMediaType(layerType))
	if err := remote.WriteLayer(ref.Context(), layer, remote.WithContext(ctx)); err != nil {
		return mutate.IndexAddendum{}, err
	}
	image, err := mutate.AppendLayers(base, layer)
	return mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}}, err
}

// programOf is the one program of busybox.
func programOf(busybox v1.Image) ([]byte, error) {
	content := mutate.Extract(busybox)
	defer func() { _ = content.Close() }() // only read
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if err != nil {
			return nil, fmt.Errorf("busybox: looking for its program: %w", err)
		}
		if header.Typeflag == tar.TypeReg && path.Base(header.Name) == "busybox" {
			return io.ReadAll(archive)
		}
	}
}

// writeLarge writes the files below a folder. Each is another one, as in a real image.
func writeLarge(to io.Writer, program []byte, folder string) error {
	l := largeLayer{folder: folder, archive: tar.NewWriter(to), noise: rand.New(rand.NewPCG(1, uint64(len(program))))}
	small := smallProgram(program)
	for i := range smallPrograms {
		l.add(fmt.Sprintf("lib/%d/lib%d.so", i/filesInFolder, i), 0o755, small, 20<<10)
	}
	for i := range textFiles {
		l.add(fmt.Sprintf("share/%d/text%d%s", i/filesInFolder, i, endings[i%len(endings)]), 0o644, []byte("text\n"), 1<<10+l.noise.IntN(8<<10))
	}
	for i := 0; l.written < largeSize; i++ {
		l.add(fmt.Sprintf("bin/%d/program%d", i/filesInFolder, i), 0o755, program, 64)
	}
	return errors.Join(l.err, l.archive.Close())
}

type largeLayer struct {
	folder  string
	archive *tar.Writer
	noise   *rand.Rand
	written int
	err     error
}

// add writes a file that begins with the content, and then has a tail that does not compress well and is no other file's.
func (l *largeLayer) add(name string, mode int64, content []byte, tail int) {
	size := len(content) + tail
	err := l.archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: l.folder + name, Mode: mode, Size: int64(size)})
	_, err2 := l.archive.Write(content)
	rest := make([]byte, tail)
	for i := range rest {
		rest[i] = byte('a' + l.noise.IntN(16))
	}
	_, err3 := l.archive.Write(rest)
	l.err = errors.Join(l.err, err, err2, err3)
	l.written += size
}

// smallProgram is an ELF program with the header of another, and one segment: the header itself.
func smallProgram(like []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if like[5] == 2 {
		order = binary.BigEndian
	}
	var segment []byte
	header := 52
	if like[4] == 2 {
		header = 64
	}
	program := bytes.Clone(like[:header])
	const ptLoad, readAndExecute = 1, 5
	if header == 64 {
		order.PutUint64(program[32:], uint64(header)) // e_phoff
		order.PutUint64(program[40:], 0)              // e_shoff
		order.PutUint16(program[56:], 1)              // e_phnum
		order.PutUint32(program[60:], 0)              // e_shnum, e_shstrndx
		segment = make([]byte, 56)
		order.PutUint32(segment, ptLoad)
		order.PutUint32(segment[4:], readAndExecute)
		order.PutUint64(segment[32:], uint64(header))
	} else {
		order.PutUint32(program[28:], uint32(header))
		order.PutUint32(program[32:], 0)
		order.PutUint16(program[44:], 1)
		order.PutUint32(program[48:], 0)
		segment = make([]byte, 32)
		order.PutUint32(segment, ptLoad)
		order.PutUint32(segment[16:], uint32(header))
		order.PutUint32(segment[24:], readAndExecute)
	}
	return append(program, segment...)
}
