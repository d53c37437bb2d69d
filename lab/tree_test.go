package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestATreeIsTheSameBytesWhateverTheOrderAndTheTimes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "program")
	write(t, path, "content")
	entries := []entry{dirEntry("bin", 0o755), programEntry("bin/program", path), linkEntry("bin/sh", "program"), textEntry("etc", "x")}
	first := packed(t, entries)
	slices.Reverse(entries)
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if second := packed(t, entries); !bytes.Equal(first, second) {
		t.Error("the second packing differs from the first")
	}
}

func TestWriteTreeDescribesEveryKind(t *testing.T) {
	t.Parallel()
	stream := tar.NewReader(bytes.NewReader(packed(t, []entry{
		dirEntry("tmp", 0o1777), textEntry("etc/group", "root:x:0:\n"), linkEntry("bin/sh", "busybox"),
		{name: "bin/su", kind: tar.TypeReg, mode: 0o4755, uid: 1, gid: 2, body: "su"},
	})))
	var got []tar.Header
	for {
		header, err := stream.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !header.ModTime.Equal(epoch) {
			t.Errorf("%s: got time %v, want %v", header.Name, header.ModTime, epoch)
		}
		got = append(got, tar.Header{
			Name: header.Name, Typeflag: header.Typeflag, Mode: header.Mode, Uid: header.Uid, Gid: header.Gid, Size: header.Size, Linkname: header.Linkname,
		})
	}
	want := []tar.Header{
		{Name: "bin/sh", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "busybox"},
		{Name: "bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 1, Gid: 2, Size: 2},
		{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644, Size: 10},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestWalkTreePutsAFileBeforeItsHardLinks(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "a", "file"), "once") // a walk meets a/file before a-b, plain sorting after it
	if err := os.Link(filepath.Join(root, "a", "file"), filepath.Join(root, "a-b")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "skipped", "file"), "never")
	entries, err := walkTree(root, "under", func(name string) bool { return name == "skipped" })
	if err != nil {
		t.Fatal(err)
	}
	stream := tar.NewReader(bytes.NewReader(packed(t, entries)))
	var got []string
	for {
		header, err := stream.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, header.Name+">"+header.Linkname)
	}
	if diff := cmp.Diff([]string{"under/a/>", "under/a/file>", "under/a-b>under/a/file"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func packed(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeTree(&b, entries); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
