package verify

import (
	"bytes"
	"context"
	judge "debug/elf"
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
)

// FuzzELF holds what is promised about hostile headers: at most two more reads, inside the file and bounded; every
// refusal is a *damage; and where debug/elf accepts the file too, both read the same.
func FuzzELF(f *testing.F) {
	for name := range platformMachines {
		f.Add([]byte(elfFor(platformMachines[name])))
		f.Add([]byte(elfFor(platformMachines[name], withLoader("/lib/ld.so"))))
	}
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		size := int64(len(data))
		reads := 0
		read := func(offset, length int64) ([]byte, error) {
			reads++
			if reads > 2 || offset < 0 || length < 0 || length > maxSegmentTable || offset+length > size {
				t.Fatalf("read %d of %d bytes at %d in a file of %d", reads, length, offset, size)
			}
			return data[offset : offset+length], nil
		}
		got, err := readELF(data[:min(len(data), headBytes)], size, read)
		if broken := (*damage)(nil); err != nil && !errors.As(err, &broken) {
			t.Fatalf("got error %v; want a *damage", err)
		}
		if err == nil && bytes.HasPrefix(data, []byte("\x7fELF")) {
			compareWithJudge(t, data, got)
		}
	})
}

func compareWithJudge(t *testing.T, data []byte, got program) {
	t.Helper()
	reference, err := judge.NewFile(bytes.NewReader(data))
	if err != nil {
		return
	}
	order := reference.Data == judge.ELFDATA2MSB
	if uint16(reference.Machine) != got.machine.number || 32*int(reference.Class) != got.machine.bits || order != got.machine.big || uint16(reference.Type) != got.kind {
		t.Errorf("got %+v; debug/elf reads %+v", got, reference.FileHeader)
	}
	if got.kind != etExec && got.kind != etDyn {
		return
	}
	loader := ""
	for _, p := range reference.Progs {
		if p.Type != judge.PT_INTERP {
			continue
		}
		text := make([]byte, p.Filesz)
		if _, err := p.ReadAt(text, 0); err != nil {
			t.Fatalf("accepted a loader path that debug/elf cannot read: %v", err)
		}
		loader, _, _ = strings.Cut(string(text), "\x00")
		break
	}
	if loader != got.loader {
		t.Errorf("got loader %q; debug/elf reads %q", got.loader, loader)
	}
}

// FuzzShebang: a line that was accepted once is printed and read again as it was.
func FuzzShebang(f *testing.F) {
	for _, text := range []string{
		"#!/bin/sh", "#! /bin/sh -e \n", "#!\t/usr/bin/env -S a  b\t\n", "#!/bin/sh\r\n", "#!", "#!\n", "#! \x00", "#!/a\x00b c\n", "#!a \x00 b",
		"#!" + strings.Repeat("/", 300), "#!/bin/sh " + strings.Repeat("x", 400), "#!" + strings.Repeat("x", 253) + "\n", "#!" + strings.Repeat("x", 254) + "\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, ok := parseShebang(data)
		if !ok {
			return
		}
		if strings.ContainsAny(first.interp, " \t\n\x00") || strings.ContainsAny(first.arg, "\n\x00") {
			t.Errorf("%+v holds what ends a word", first)
		}
		again, ok := parseShebang([]byte(first.String() + "\n"))
		if !ok || again != first {
			t.Errorf("%q gave %+v, printed and read again %+v", data, first, again)
		}
	})
}

// FuzzResolve makes a tree from text, a line "path target" for each link and "path" for each file, and resolves a path
// in it. The tree refuses what is not clean, and what lies behind a link or a file.
func FuzzResolve(f *testing.F) {
	f.Add("/bin usr/bin\n/usr/bin/sh", "/bin/sh")
	f.Add("/a ../../../../b\n/b /c/..\n/c .", "/a/../x")
	f.Add("/a /a/a", "/a")
	f.Add("/a b\n/b a", "a/b/c/")
	f.Add("/a ././b/./\n/b/c", "//./a/c/")
	f.Fuzz(func(t *testing.T, text, name string) {
		files := map[string]node{}
		for line := range strings.Lines(text) {
			where, target, isLink := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			where = path.Clean("/" + where)
			if files[where] = plain(""); isLink {
				files[where] = link(target)
			}
		}
		delete(files, "/")
		m := newMemory(files)
		got, err := newTree(m, "/").resolve(context.Background(), name)
		var absent *lookupError
		if err != nil {
			if !errors.As(err, &absent) {
				t.Fatalf("resolving %q: %v", name, err)
			}
			return
		}
		if got.path != path.Clean(got.path) || !path.IsAbs(got.path) || got.file.Mode&fs.ModeSymlink != 0 {
			t.Errorf("resolving %q gave %+v", name, got)
		}
	})
}

// FuzzShell: no text makes the shell reader panic, hang, or start anything but what it was asked about.
func FuzzShell(f *testing.F) {
	for _, text := range []string{
		`exec "$@"`, "a && b || c | d & e", `X=1 ${X:-y} "a$X" $'q'`, "cd /x; set -- a; . /f; eval x", "f() { f; }; f", "((((", "time", "! a", "exec -a x y", "{ a; }", "${", "case x in x) y;; esac",
		"exec sh -c 'exec \"$0\"' a",
	} {
		f.Add(text)
	}
	p := platform(f, "linux/arm64")
	f.Fuzz(func(t *testing.T, text string) {
		files := newMemory(map[string]node{"/bin/sh": elf("arm64"), "/usr/bin/env": elf("arm64"), "/run": exe("#!/bin/sh\n" + text)})
		config := shellForm(text)
		config.Cmd = append(config.Cmd, "/run", "x")
		if _, err := checkImage(t.Context(), p, imageFor(p, config), files); err != nil {
			t.Fatal(err)
		}
		files = newMemory(files.files)
		if _, err := checkImage(t.Context(), p, imageFor(p, cmdAfter("/run", "sh", "-c", text)), files); err != nil {
			t.Fatal(err)
		}
	})
}

// String prints the line so that it is read again as it is.
func (s shebang) String() string {
	return strings.TrimRight("#!"+s.interp+" "+s.arg, " ")
}
