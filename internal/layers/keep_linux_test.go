package layers_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/layers"
)

// at makes a file of an image what Go's own readers want.
type at struct {
	t     *testing.T
	files *layers.Files
	path  string
}

func (a at) ReadAt(b []byte, offset int64) (int, error) {
	data, err := a.files.ReadAt(a.t.Context(), a.path, offset, int64(len(b)))
	if n := copy(b, data); err != nil || n == len(b) {
		return n, err
	}
	return len(data), io.EOF
}

// What Go's own readers of ELF files and of build information ask for is kept: the layer is read once. The program is this test,
// larger than the window through which it passes.
func TestPartsOfProgramsAreKept(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	files := read(t, counted(stack(t, entries{file("app", string(program)).mode(0o755)})[0], &opened))
	want, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	got, err := elf.NewFile(at{t, files, "/app"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.FileHeader, got.FileHeader); diff != "" || len(got.Progs) != len(want.Progs) || len(got.Sections) != len(want.Sections) {
		t.Errorf("the headers differ (-want +got):\n%s", diff)
	}
	end := int64(len(program) - 4096)
	if tail, err := files.ReadAt(t.Context(), "/app", end, 4096); err != nil || !bytes.Equal(tail, program[end:]) {
		t.Errorf("the end of the program: %d bytes, %v", len(tail), err)
	}
	info, err := buildinfo.Read(at{t, files, "/app"})
	if err != nil || info.GoVersion != runtime.Version() {
		t.Errorf("build information: %v, %v", info, err)
	}
	if len(program) < 4<<20 {
		t.Errorf("the program has %d bytes and shows nothing", len(program))
	}
	if opened > 2 { // names of sections in front of the symbols' names may have to be read again
		t.Errorf("the layer was read %d times", opened)
	}
}
