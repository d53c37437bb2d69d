package cli

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/report"
)

// wantsFiles reports whether the builders are to write anything that is not pushed or loaded at once.
func (r *run) wantsFiles() bool {
	return len(r.plan.Outputs) > 0 || r.loadsIndex()
}

// loadsIndex reports whether the engine is given an index: by us, when all of it is there and verified. A plain manifest it reads while
// the builder writes it.
func (r *run) loadsIndex() bool { return r.plan.Load && r.plan.Index() }

// outputFolder makes an empty folder for what one builder writes.
func (r *run) outputFolder() (string, error) {
	if !r.wantsFiles() {
		return "", nil
	}
	r.foldersLock.Lock()
	defer r.foldersLock.Unlock()
	if r.folders == "" {
		folder, err := os.MkdirTemp(r.home.Folder(), "multiarch-outputs-")
		if err != nil {
			return "", fmt.Errorf("folder for outputs: %w", err)
		}
		r.folders = folder
	}
	folder, err := os.MkdirTemp(r.folders, "builder-")
	if err != nil {
		return "", fmt.Errorf("folder for outputs: %w", err)
	}
	return folder, nil
}

// closeOutputs takes away what was not moved to its place. Folders of images may be such that an ordinary user cannot empty them.
func (r *run) closeOutputs() error {
	if r.folders == "" {
		return nil
	}
	_ = filepath.WalkDir(r.folders, func(path string, entry fs.DirEntry, err error) error { // what is left is told by RemoveAll
		if err == nil && entry.IsDir() {
			err = writable(path)
		}
		return err
	})
	return os.RemoveAll(r.folders)
}

// writable lets us change what a folder of ours holds.
func writable(folder string) error {
	info, err := os.Lstat(folder)
	if err != nil || info.Mode().Perm()&0o700 == 0o700 {
		return err
	}
	return os.Chmod(folder, info.Mode()|0o700)
}

// writeOutputs puts everything in its place that the builders have written. All platforms are good; of images the index is verified
// first, of all forms, so that either nothing is written or everything.
func (r *run) writeOutputs(ctx context.Context, exported []build.Exported) error {
	if !r.wantsFiles() {
		return nil
	}
	return r.stage("outputs", func() error {
		images, err := r.staged(exported)
		if err != nil {
			return err
		}
		for i, output := range r.plan.Outputs {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			staged := images[output.Image]
			staged.Names = r.plan.NamesOf(output)
			image, err := staged.For(output.Type)
			if err == nil {
				err = r.write(i, output, image, exported)
			}
			if err != nil {
				return fmt.Errorf("output %s to %q: %w", output.Type, output.Dest, err)
			}
			row := report.Output{Type: string(output.Type), Dest: output.Dest}
			if output.HoldsImage() {
				row.Digest = image.Document.Hash.String()
			}
			r.report.Outputs = append(r.report.Outputs, row)
			if output.Dest != plan.Stdout {
				r.say("outputs", "wrote %s to %s", output.Type, output.Dest)
			}
		}
		if !r.loadsIndex() {
			return nil
		}
		staged := images[r.plan.Form]
		staged.Names = r.plan.Loaded()
		image, err := staged.For(plan.OutputDocker)
		if err != nil {
			return err
		}
		return r.load(ctx, image)
	})
}

// forms are those in which images are wanted as files. The report is about the first, if nothing is pushed.
func (r *run) forms() []plan.ImageForm {
	var out []plan.ImageForm
	for _, output := range r.plan.Outputs {
		if output.HoldsImage() {
			out = append(out, output.Image)
		}
	}
	if r.loadsIndex() {
		out = append(out, r.plan.Form)
	}
	return out
}

// staged are the images that the builders have written, by form, assembled and verified.
func (r *run) staged(exported []build.Exported) (map[plan.ImageForm]publish.Image, error) {
	out := map[plan.ImageForm]publish.Image{}
	var layout publish.Layout
	for _, e := range exported {
		layout = append(layout, e.Folder)
	}
	for _, form := range r.forms() {
		if _, done := out[form]; done {
			continue
		}
		var images []plan.Pushed
		for _, e := range exported {
			read, err := layout.Read(e.Images[form])
			if err != nil {
				return nil, err
			}
			images = append(images, read...)
		}
		images = r.inOrder(images, report.StatusBuilt)
		document, err := r.stagedDocument(layout, images)
		if err != nil {
			return nil, err
		}
		out[form] = publish.Image{
			Layout: layout, Document: document, Platforms: images,
			Annotations: r.plan.AnnotationsOf(plan.AnnotateIndexDescriptor, plan.Platform{}),
		}
	}
	return out, nil
}

// stagedDocument makes the document of one form and verifies it, unless it is the one that was pushed and verified.
func (r *run) stagedDocument(layout publish.Layout, images []plan.Pushed) (publish.Document, error) {
	if len(images) != len(r.plan.Platforms) {
		return publish.Document{}, fmt.Errorf("builder: it wrote %d of %d platforms", len(images), len(r.plan.Platforms))
	}
	var document publish.Document
	var err error
	if r.plan.Index() {
		document, err = r.assemble(images)
	} else {
		document, err = layout.Fetch(images[0].Descriptor)
	}
	if err != nil {
		return publish.Document{}, err
	}
	if r.report.Digest == document.Hash.String() {
		return document, nil
	}
	if r.report.Digest == "" {
		r.describe(document, images)
		if err := r.nameAttestations(images, layout.Attestation); err != nil {
			return publish.Document{}, err
		}
	}
	if !document.Type.IsIndex() {
		return document, nil
	}
	index, err := document.Index()
	if err != nil {
		return publish.Document{}, err
	}
	r.report.Findings = append(r.report.Findings, r.verification.index(r.plan.Platforms, index, images)...)
	if plan.Failed(r.report.Findings) {
		return publish.Document{}, errRejected
	}
	return document, nil
}

// write puts one output in its place.
func (r *run) write(i int, output plan.Output, image publish.Image, exported []build.Exported) error {
	var parts []string
	for _, e := range exported {
		parts = append(parts, build.FilesIn(e.Folder, i))
	}
	switch {
	case output.Type == plan.OutputLocal:
		if output.Delete {
			if err := deleteOthers(output.Dest, parts); err != nil {
				return err
			}
		}
		for _, part := range parts {
			if err := moveInto(part, output.Dest); err != nil {
				return err
			}
		}
		return nil
	case output.Type == plan.OutputTar:
		return r.writeFile(output.Dest, func(w io.Writer) error { return joinArchives(w, parts) })
	case output.Layout:
		return image.WriteFolder(output.Dest)
	}
	return r.writeFile(output.Dest, image.WriteArchive)
}

func (r *run) writeFile(dest string, write func(io.Writer) error) error {
	if dest == plan.Stdout {
		return write(r.Stdout)
	}
	return publish.WriteFile(dest, write)
}

// load gives the engine an image.
func (r *run) load(ctx context.Context, image publish.Image) error {
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(image.WriteArchive(writer)) }() // never fails
	err := r.engine.LoadImage(ctx, reader)
	_ = reader.Close() // lets the writer go
	return err
}

// joinArchives writes archives one after the other into one.
func joinArchives(w io.Writer, paths []string) error {
	if len(paths) == 1 {
		file, err := os.Open(paths[0])
		if err != nil {
			return err
		}
		_, err = io.Copy(w, file)
		return errors.Join(err, file.Close())
	}
	out := tar.NewWriter(w)
	for _, path := range paths {
		if err := appendArchive(out, path); err != nil {
			return err
		}
	}
	return out.Close()
}

func appendArchive(out *tar.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	for in := tar.NewReader(file); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = out.WriteHeader(header)
		}
		if err == nil {
			_, err = io.Copy(out, in) //nolint:gosec // its own builder wrote it
		}
		if err != nil {
			return err
		}
	}
}

// loaded puts into the report what the engine was given.
func (r *run) loaded(exported []build.Exported) {
	if r.report.Loaded = r.plan.Load; !r.plan.Load || r.report.Digest != "" {
		return
	}
	for _, e := range exported {
		r.report.ImageID = e.Config
	}
}
