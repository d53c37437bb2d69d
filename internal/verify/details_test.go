package verify

import (
	"bytes"
	"debug/buildinfo"
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/verify/corpus"
)

// detailsOf reads a file that is in memory, and holds the reads to their bounds.
func detailsOf(t testing.TB, data []byte) details {
	t.Helper()
	size := int64(len(data))
	got, err := readDetails(data[:min(len(data), headBytes)], size, func(offset, length int64) ([]byte, error) {
		if offset < 0 || length <= 0 || length > maxPiece || offset+length > size {
			t.Fatalf("read %d bytes at %d in a file of %d", length, offset, size)
		}
		return data[offset : offset+length], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDetailsOfEveryArchitecture(t *testing.T) {
	t.Parallel()
	for arch := range platformMachines {
		want := details{
			soname: "libx.so.1", needed: []string{"liba.so.1", "libb.so.1"}, rpath: []string{"/a", "$ORIGIN/b"}, runpath: []string{"/c"},
			goInfo: map[string]string{"GOOS": "linux", "GOARCH": arch}, defined: []string{"libx.so.1", "X_1"},
			versions: map[string][]string{"liba.so.1": {"A_1", "A_2"}, "libb.so.1": {"B_1"}},
		}
		e := corpus.ELF{
			Arch: arch, Kind: 3, Interp: "/lib/ld.so", Needed: want.needed, Soname: want.soname, RPath: "/a:$ORIGIN/b", RunPath: "/c",
			Versions: want.versions, Defines: want.defined,
			Go: []string{"GOOS=linux", "GOARCH=" + arch}, Level: 7, ARM: []byte{4, 'X', 0, 6, 10, 7, 'A', 9, 2, 10, 3, 28, 1, 32, 1, 'c', 0, 67, 'v', 0},
		}
		switch arch {
		case "amd64":
			want.x86Level = 3
		case "arm":
			want.arm = armAttributes{known: true, arch: 10, profile: 'A', thumb: 2, fp: 3, hardFloat: true}
		}
		if diff := cmp.Diff(want, detailsOf(t, e.Bytes()), cmp.AllowUnexported(details{}, armAttributes{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", arch, diff)
		}
	}
}

// TestGoSettingsOfRealPrograms compares with Go's own reader.
func TestGoSettingsOfRealPrograms(t *testing.T) {
	t.Parallel()
	for name, program := range buildAll(t, architectures()) {
		info, err := buildinfo.Read(strings.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, s := range info.Settings {
			want[s.Key] = s.Value
		}
		if diff := cmp.Diff(want, detailsOf(t, []byte(program)).goInfo); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if want["GOARCH"] != name {
			t.Errorf("%s: the program says GOARCH=%s", name, want["GOARCH"])
		}
	}
}

// TestLibrariesOfARealProgram compares the libraries of Go's own linker's output with what was asked for.
func TestLibrariesOfARealProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/go.mod", "module example.com/pie\n\ngo 1.26\n")
	write(t, dir+"/main.go", "package main\n\nfunc main() {}\n")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=pie", "-o", dir+"/pie", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64", "GOWORK=off", "GOFLAGS=", "GOARM64=v8.1")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := os.ReadFile(dir + "/pie")
	if err != nil {
		t.Fatal(err)
	}
	program, err := readELF(data[:headBytes], int64(len(data)), func(offset, length int64) ([]byte, error) { return data[offset : offset+length], nil })
	if err != nil || program.loader != "/lib/ld-linux-aarch64.so.1" {
		t.Errorf("got loader %q, error %v", program.loader, err)
	}
	got := detailsOf(t, data)
	if got.needed != nil || got.goInfo["GOARM64"] != "v8.1" {
		t.Errorf("got %+v; want no libraries and GOARM64=v8.1", got)
	}
}

func TestLoaderFoldersAreReadFromTheLoader(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"x\x00/lib/x86_64-linux-gnu/\x00/usr/lib/x86_64-linux-gnu/\x00/lib/\x00/usr/lib/\x00y": {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"},
		"\x00/etc/ld.so.cache\x00/lib64/\x00/usr/lib64/\x00":                                   {"/lib64", "/usr/lib64"},
		"\x00/proc/\x00x\x00/lib/\x00/usr/lib/\x00":                                            {"/lib", "/usr/lib"},
		"\x00/nix/store/x/lib/\x00":                                                            nil,
		"/lib/\x00/usr/lib/":                                                                   nil,
	}
	for data, want := range tests {
		if diff := cmp.Diff(want, foldersIn([]byte(data))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", data, diff)
		}
	}
}

func TestLoaderConfig(t *testing.T) {
	t.Parallel()
	folders, includes := parseLoaderConfig("# all\n/usr/local/lib # ours\ninclude /etc/ld.so.conf.d/*.conf other.conf\n/a:/b, /c\t/d=libc6\nhwcap 0 nosegneg\nrelative\n/e/../f/\r\n")
	if diff := cmp.Diff([]string{"/usr/local/lib", "/a", "/b", "/c", "/d", "/f"}, folders); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/etc/ld.so.conf.d/*.conf", "other.conf"}, includes); diff != "" {
		t.Errorf("includes (-want +got):\n%s", diff)
	}
}

func TestCacheBehindTheOldFormat(t *testing.T) {
	t.Parallel()
	want := map[string][]string{"liba.so": {"/x/liba.so", "/y/liba.so"}, "libb.so": {"/x/libb.so"}}
	for arch, order := range map[string]binary.ByteOrder{"amd64": binary.LittleEndian, "s390x": binary.BigEndian} {
		data := corpus.Cache(arch, "/x/liba.so", "/y/liba.so", "/x/libb.so")
		for _, front := range []string{"", "ld.so-1.7.0\x00\x00\x00\x00\x00\x00"} {
			got, ok := parseCache(append([]byte(front), data...), order)
			if diff := cmp.Diff(want, got); diff != "" || !ok {
				t.Errorf("%s: understood %t (-want +got):\n%s", arch, ok, diff)
			}
		}
	}
}

// FuzzDetails: whatever the headers say, reads stay inside the file and bounded, and texts are texts.
func FuzzDetails(f *testing.F) {
	for _, arch := range []string{"amd64", "arm", "s390x", "386"} {
		f.Add(corpus.ELF{
			Arch: arch, Kind: 3, Needed: []string{"liba.so"}, RunPath: "/x:/y", RPath: "$ORIGIN", Soname: "libx.so", Level: 3,
			Versions: map[string][]string{"liba.so": {"A_1", "A_2"}}, Defines: []string{"X_1"},
			ARM: []byte{6, 10, 28, 1}, Go: []string{"GOARM=7"},
		}.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := detailsOf(t, data)
		texts := slices.Concat(got.defined, got.needed, got.rpath, got.runpath, []string{got.soname})
		for _, text := range texts {
			if strings.Contains(text, "\x00") || len(text) > maxName {
				t.Errorf("read the text %q", text)
			}
		}
		if len(got.needed) > maxLibraries || got.x86Level < 0 || got.x86Level > 4 {
			t.Errorf("got %d libraries, level %d", len(got.needed), got.x86Level)
		}
	})
}

// FuzzARMAttributes: attributes of another vendor in front change nothing.
func FuzzARMAttributes(f *testing.F) {
	f.Add([]byte("\x15\x00\x00\x00aeabi\x00\x01\x0b\x00\x00\x00\x06\x0a\x1c\x01\x09\x02"))
	f.Add([]byte("\x0c\x00\x00\x00aeabi\x00\x01\xff"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, parts []byte) {
		plain := parseARMAttributes(append([]byte("A"), parts...), binary.LittleEndian)
		behind := parseARMAttributes(append([]byte("A\x0a\x00\x00\x00gnu\x00\x06\x0e"), parts...), binary.LittleEndian)
		if plain != behind {
			t.Errorf("%q: got %+v; behind another vendor %+v", parts, plain, behind)
		}
	})
}

// FuzzLoaderConfig: folders are absolute and clean, and give themselves when they are written down.
func FuzzLoaderConfig(f *testing.F) {
	f.Add("include /etc/ld.so.conf.d/*.conf\n/usr/local/lib\n")
	f.Add("/a:/b,/c /d=x#\nhwcap 1 /x\n")
	f.Fuzz(func(t *testing.T, text string) {
		folders, _ := parseLoaderConfig(text)
		again, _ := parseLoaderConfig(strings.Join(folders, "\n"))
		if diff := cmp.Diff(folders, again); diff != "" {
			t.Errorf("%q: written down and read again (-first +again):\n%s", text, diff)
		}
	})
}

// FuzzCache: every entry has a name and an absolute path, and no more entries than there is room for.
func FuzzCache(f *testing.F) {
	f.Add(corpus.Cache("amd64", "/lib/liba.so", "/usr/lib/libb.so"), false)
	f.Add(corpus.Cache("s390x", "/lib/liba.so"), true)
	f.Add([]byte(cacheMagic), false)
	f.Fuzz(func(t *testing.T, data []byte, big bool) {
		var order binary.ByteOrder = binary.LittleEndian
		if big {
			order = binary.BigEndian
		}
		paths, ok := parseCache(data, order)
		if ok != (paths != nil) || ok && !bytes.Contains(data, []byte(cacheMagic)) {
			t.Errorf("understood %t, with %d names", ok, len(paths))
		}
		total := 0
		for name, list := range maps.All(paths) {
			total += len(list)
			if name == "" || slices.ContainsFunc(list, func(p string) bool { return !strings.HasPrefix(p, "/") }) {
				t.Errorf("%q: %q", name, list)
			}
		}
		if total*cacheEntry > len(data) {
			t.Errorf("%d paths in %d bytes", total, len(data))
		}
	})
}

// FuzzAccounts: an account that was found has the name or the number that was asked for.
func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n", "app")
	f.Add("staff:x:50:app,web\n#x:y:1\n:::\n", "50")
	f.Fuzz(func(t *testing.T, text, name string) {
		got, ok := findAccount(parseAccounts(text), name)
		number, err := strconv.Atoi(name)
		if ok && got.name != name && (err != nil || got.number != number) {
			t.Errorf("asked for %q, got %+v", name, got)
		}
	})
}

// TestHostileTextsTakeNoTime gives readers the inputs that are worst for them. Without bounds each takes minutes.
func TestHostileTextsTakeNoTime(t *testing.T) {
	t.Parallel()
	if got := foldersIn([]byte(strings.Repeat("\x00/a/", 1<<20))); len(got) < 1000 {
		t.Errorf("got %d folders", len(got))
	}
	entries := maxCache / cacheEntry
	data := []byte(cacheMagic)
	data = binary.LittleEndian.AppendUint32(data, uint32(entries-2))
	data = append(data, bytes.Repeat([]byte{1}, maxCache-len(data))...)
	if _, ok := parseCache(data, binary.LittleEndian); !ok {
		t.Error("the cache was not read")
	}
	p := platform(t, "linux/amd64")
	config := entrypoint("/app")
	config.Env = []string{"LD_LIBRARY_PATH=" + strings.Repeat("/a:", 1<<20), "LD_PRELOAD=" + strings.Repeat("/x:", 1<<20)}
	files := newMemory(map[string]node{
		"/app": exe(string(corpus.ELF{Arch: "amd64", Interp: "/lib/ld-linux.so.2", Needed: []string{"liba.so"}}.Bytes())), "/lib/ld-linux.so.2": elf("amd64"),
	})
	got, err := checkImage(t.Context(), p, imageFor(p, config), files)
	if err != nil || !slices.Equal(brief(got), []string{"error program/lib-missing /app → liba.so"}) {
		t.Errorf("got %q, error %v", brief(got), err)
	}
}
