package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra/doc"

	"github.com/org/multiarch-action/internal/cli"
)

const manualFile = "multiarch-action-man.tar.gz"

// manual writes an archive of manual pages, one for each command, to be unpacked in a folder such as /usr/local/share/man.
func (r *release) manual(context.Context) error {
	dir, err := os.MkdirTemp("", "multiarch-action-man-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it harms nobody
	if err := os.Mkdir(filepath.Join(dir, "man1"), 0o755); err != nil {
		return err
	}
	date := time.Unix(r.epoch, 0).UTC()
	header := &doc.GenManHeader{Title: "MULTIARCH-ACTION", Section: "1", Date: &date, Source: "multiarch-action " + r.version, Manual: "multiarch-action"}
	if err := doc.GenManTree(cli.Command(), header, filepath.Join(dir, "man1")); err != nil {
		return fmt.Errorf("manual pages: %w", err)
	}
	if err := archive(filepath.Join(r.programs(), manualFile), dir, date); err != nil {
		return fmt.Errorf("manual pages: %w", err)
	}
	fmt.Printf("release: manual      %s\n", manualFile)
	return nil
}

// archive packs a folder's files. Nothing of the machine is in it: neither its clock nor its users.
func archive(file, dir string, date time.Time) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(out)
	packed := tar.NewWriter(zipped)
	defer func() { err = errors.Join(err, packed.Close(), zipped.Close(), out.Close()) }()
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, Size: int64(len(content)), ModTime: date, Typeflag: tar.TypeReg}
		if err := packed.WriteHeader(header); err != nil {
			return err
		}
		_, err = packed.Write(content)
		return err
	})
}
