package setup

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var allowEntry = cmp.AllowUnexported(binfmtEntry{})

// What Linux 6.18 shows of a handler that was registered with the flags PCF.
const shownARM64 = `enabled
interpreter /usr/bin/qemu-aarch64-static
flags: POCF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
`

func TestParseEntry(t *testing.T) {
	t.Parallel()
	arm64, _ := architectureOf("arm64")
	disabled := arm64.handler("x", "/usr/bin/qemu-aarch64-static", "POCF")
	disabled.enabled = false
	for _, test := range []struct {
		name, text string
		want       binfmtEntry
	}{
		{"a handler of QEMU", shownARM64, arm64.handler("x", "/usr/bin/qemu-aarch64-static", "POCF")},
		{"a disabled handler", strings.Replace(shownARM64, "enabled", "disabled", 1), disabled},
		{
			"a handler by extension", "enabled\ninterpreter /usr/bin/jar wrapper\nflags: \nextension .jar\n",
			binfmtEntry{name: "x", enabled: true, interpreter: "/usr/bin/jar wrapper"},
		},
		{
			"a handler without a mask", "enabled\ninterpreter /bin/python3.11\nflags: \noffset 2\nmagic a70d0d0a\n",
			binfmtEntry{name: "x", enabled: true, interpreter: "/bin/python3.11", offset: 2, magic: []byte("\xa7\r\r\n")},
		},
		{
			"lines of a newer kernel", "enabled\nfuture 1\ninterpreter /x\nflags: F\noffset 0\nmagic 4d5a\nmore\n",
			binfmtEntry{name: "x", enabled: true, interpreter: "/x", flags: "F", magic: []byte("MZ")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseEntry("x", test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, allowEntry); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseEntryRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", `x: reading the handler: "" is neither enabled nor disabled`},
		{"on\n", `x: reading the handler: "on" is neither enabled nor disabled`},
		{"enabled\nmagic 7g\n", `x: reading the handler: "magic 7g": encoding/hex: invalid byte: U+0067 'g'`},
		{"enabled\noffset -1\n", `x: reading the handler: "offset -1": an offset cannot be negative`},
		{"enabled\noffset a\n", `x: reading the handler: "offset a": strconv.Atoi: parsing "a": invalid syntax`},
		{"enabled\nmagic 7f45\nmask ff\n", `x: reading the handler: magic has 2 bytes, mask 1`},
	} {
		got, err := parseEntry("x", test.text)
		if err == nil {
			t.Errorf("%q: got %+v, want an error", test.text, got)
		} else if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}

// shown spells an entry as the kernel does.
func shown(e binfmtEntry) string {
	state := map[bool]string{true: "enabled", false: "disabled"}[e.enabled]
	text := fmt.Sprintf("%s\ninterpreter %s\nflags: %s\n", state, e.interpreter, e.flags)
	if len(e.magic) == 0 {
		return text + "extension .x\n"
	}
	text += fmt.Sprintf("offset %d\nmagic %x\n", e.offset, e.magic)
	if len(e.mask) > 0 {
		text += fmt.Sprintf("mask %x\n", e.mask)
	}
	return text
}

// Whatever is accepted is spelled in one way from then on, and a handler matches the program that consists of its magic.
func FuzzParseEntry(f *testing.F) {
	f.Add(shownARM64)
	f.Add("disabled\ninterpreter /usr/bin/jar wrapper\nflags: \nextension .jar\n")
	f.Add("enabled\noffset 250\nmagic 00000000000000000000\n")
	f.Add("enabled\nmagic 4d5a\nmask 0000\n")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := parseEntry("x", text)
		if err != nil {
			return
		}
		program := append(make([]byte, min(first.offset, headSize)), first.magic...)
		fits := len(first.magic) > 0 && first.offset+len(first.magic) <= headSize
		if got := first.matches(program); got != fits {
			t.Errorf("matches its own magic at %d: got %v, want %v", first.offset, got, fits)
		}
		if len(first.magic) == 0 {
			first.magic, first.mask, first.offset = nil, nil, 0
		}
		second, err := parseEntry("x", shown(first))
		if err != nil {
			t.Fatalf("%q was accepted, %q is not: %v", text, shown(first), err)
		}
		if got, want := shown(second), shown(first); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLine(t *testing.T) {
	t.Parallel()
	arm64, _ := architectureOf("arm64")
	got := arm64.handler("multiarch-7-arm64", "/usr/bin/qemu-aarch64-static", "PCF").line()
	want := `:multiarch-7-arm64:M:0:` +
		`\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:` +
		`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:` +
		`/usr/bin/qemu-aarch64-static:PCF`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		entry binfmtEntry
		head  string
		want  bool
	}{
		{"all bits count without a mask", binfmtEntry{magic: []byte("MZ")}, "4d5a90", true},
		{"one bit differs", binfmtEntry{magic: []byte("MZ")}, "4d5b90", false},
		{"the bit that differs is masked", binfmtEntry{magic: []byte("MZ"), mask: []byte{0xff, 0xfe}}, "4d5b90", true},
		{"a bit of magic is masked", binfmtEntry{magic: []byte("MZ"), mask: []byte{0xff, 0x00}}, "4d00", true},
		{"at an offset", binfmtEntry{offset: 1, magic: []byte("MZ")}, "004d5a", true},
		{"a short program is followed by zeros", binfmtEntry{magic: []byte{0x4d, 0, 0}}, "4d", true},
		{"beyond what the kernel reads", binfmtEntry{offset: 255, magic: []byte{0, 0}}, "", false},
		{"a handler by extension matches no head", binfmtEntry{}, "4d", false},
	} {
		head, err := hex.DecodeString(test.head)
		if err != nil {
			t.Fatal(err)
		}
		if got := test.entry.matches(head); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestDifference(t *testing.T) {
	t.Parallel()
	want := binfmtEntry{name: "x", enabled: true, interpreter: "/q", flags: "POCF", magic: []byte{1, 2}, mask: []byte{3, 4}}
	for _, test := range []struct {
		change func(*binfmtEntry)
		text   string
	}{
		{func(*binfmtEntry) {}, ""},
		{func(e *binfmtEntry) { e.enabled = false }, "it is disabled"},
		{func(e *binfmtEntry) { e.interpreter = "/r" }, "its emulator is /r instead of /q"},
		{func(e *binfmtEntry) { e.flags = "F" }, `its flags are "F" instead of "POCF"`},
		{func(e *binfmtEntry) { e.offset = 1 }, "its magic is 0102 at 1 instead of 0102 at 0"},
		{func(e *binfmtEntry) { e.magic = []byte{1} }, "its magic is 01 at 0 instead of 0102 at 0"},
		{func(e *binfmtEntry) { e.mask = nil }, "its mask is  instead of 0304"},
	} {
		got := want
		test.change(&got)
		if diff := cmp.Diff(test.text, got.difference(want)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseHandlerName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, run, architecture string
		ok                      bool
	}{
		{"multiarch-7-arm64", "7", "arm64", true},
		{"multiarch-a-b.c_d-s390x", "a-b.c_d", "s390x", true},
		{"multiarch-a-b.c_d-s390x.second", "a-b.c_d", "s390x", true},
		{"multiarch-7-s390x.third", "7", "s390x.third", false},
		{"multiarch-7-unknown", "7", "unknown", false},
		{"multiarch-arm64", "", "", false},
		{"multiarch--arm64", "", "", false},
		{"qemu-aarch64", "", "", false},
		{"WSLInterop", "", "", false},
	} {
		run, architecture, ok := parseHandlerName(test.name)
		if run != test.run || architecture != test.architecture || ok != test.ok {
			t.Errorf("%s: got %q, %q, %v, want %q, %q, %v", test.name, run, architecture, ok, test.run, test.architecture, test.ok)
		}
		if ok && handlerName(run, architecture) != strings.TrimSuffix(test.name, secondSuffix) {
			t.Errorf("%s: got %q back", test.name, handlerName(run, architecture))
		}
	}
}

func TestRemoveEntryChecksThatItIsGone(t *testing.T) {
	t.Parallel()
	root := t.TempDir() // not binfmt_misc: nothing goes away here
	if err := os.WriteFile(filepath.Join(root, "multiarch-7-arm64"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := removeEntry(root, "multiarch-7-arm64")
	want := "multiarch-7-arm64: removing the handler: it is still listed in " + root
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := removeEntry(root, "multiarch-7-arm"); err != nil {
		t.Errorf("one that is not there: got %v, want no error", err)
	}
}

func TestListEntriesLeavesOutWhatItCannotRead(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{"status": "enabled\n", "register": "", "good": shownARM64, "odd": "bpf\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := listEntries(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].name != "good" {
		t.Errorf("got %+v, want the one named good", entries)
	}
}

func TestListEntriesWhereNothingIsMounted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	_, err := listEntries(root)
	if want := root + ": binfmt_misc is not mounted there"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s...", err, want)
	}
}
