package layers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/fingerprint"
	"github.com/org/multiarch-action/internal/layers"
)

// counted is a layer that knows how often it was opened.
func counted(l layers.Layer, opened *int) []layers.Layer {
	open := l.Open
	l.Open = func(ctx context.Context) (io.ReadCloser, error) {
		*opened++
		return open(ctx)
	}
	return []layers.Layer{l}
}

func TestWhatIsKeptIsNotReadAgain(t *testing.T) {
	t.Parallel()
	script := "#!/bin/sh\n" + strings.Repeat("echo\n", 5000)
	config := strings.Repeat("/usr/lib\n", 20000)
	loader := "\x7fELF\x02\x01\x01" + strings.Repeat("/lib\x00", 100000)
	data := strings.Repeat("data", 100000)
	opened := 0
	files := read(t, counted(stack(t, entries{
		file("s", script), file("x", data).mode(0o755), file("etc/ld.so.cache", config), file("lib/ld-linux.so.2", loader), file("data", data),
	})[0], &opened))
	for _, ask := range []struct {
		path, want string
		offset     int64
	}{
		{"/s", script, 0},
		{"/x", data[:64<<10], 0},
		{"/etc/ld.so.cache", config, 0},
		{"/lib/ld-linux.so.2", loader[1000:70000], 1000},
		{"/data", data[:256], 0},
		{"/data", data[100:256], 100},
	} {
		got, err := files.ReadAt(t.Context(), ask.path, ask.offset, int64(len(ask.want)))
		if err != nil || string(got) != ask.want {
			t.Errorf("%s: got %d bytes, %v", ask.path, len(got), err)
		}
	}
	if opened != 1 {
		t.Errorf("the layer was read %d times", opened)
	}
}

// TestFingerprintsOfPrograms: they are made of both ends of a file, wherever these are in the window through which it passes, and known
// without anything being read.
func TestFingerprintsOfPrograms(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{})
	for _, size := range []int{60, 4095, 5000, 8192, 4 << 20, 4<<20 + 100, 4<<20 + 4096, 4<<20 + 5000, 9 << 20} {
		data := make([]byte, size)
		_, _ = random.Read(data) // never fails
		copy(data, "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00")
		file, err := read(t, stack(t, entries{file("app", string(data))})).Stat(t.Context(), "/app")
		want := fingerprint.Of(data[:min(size, fingerprint.Edge)], data[max(0, size-fingerprint.Edge):], int64(size))
		if err != nil || file.Fingerprint != want {
			t.Errorf("%d bytes: got %x, want %x, %v", size, file.Fingerprint, want, err)
		}
	}
	text, err := read(t, stack(t, entries{file("text", "text")})).Stat(t.Context(), "/text")
	if err != nil || text.Fingerprint != 0 {
		t.Errorf("a text has the fingerprint %x, %v", text.Fingerprint, err)
	}
}

// A large image has more programs and libraries than there is room for. What tells that they are such is kept of each.
func TestTheBeginningOfEveryProgramIsKept(t *testing.T) {
	t.Parallel()
	const programs = 2000
	noise := rand.NewChaCha8([32]byte{1})
	list := entries{}
	want, names := make([]string, programs), make([]string, programs)
	for i := range want {
		data := make([]byte, 8<<10)
		_, _ = noise.Read(data) // never fails
		if i%2 == 0 {
			copy(data, "\x7fELF\x02\x01\x01")
		}
		want[i] = string(data[:256])
		name, mode := fmt.Sprint(i), int64(0o755)
		if i%3 == 0 {
			name, mode = name+".so", 0o644
		}
		names[i] = "/" + name
		list = append(list, file(name, string(data)).mode(mode))
	}
	opened := 0
	files, err := layers.NewReader(layers.Limits{Kept: 4 << 20}, nil).Read(t.Context(), counted(stack(t, list)[0], &opened))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for i := range want {
		got, err := files.ReadAt(t.Context(), names[i], 0, 256)
		if err != nil || string(got) != want[i] {
			t.Fatalf("program %d: got %d bytes, %v", i, len(got), err)
		}
	}
	if opened != 1 {
		t.Errorf("the layer was read %d times", opened)
	}
}

func TestWhatIsNotKeptIsReadAgainOnce(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("0123456789", 100000)
	opened := 0
	files := read(t, counted(stack(t, entries{file("other", "x"), file("data", data), file("last", "y")})[0], &opened))
	for _, offset := range []int64{500, 900_000, 999_990, 0} {
		got, err := files.ReadAt(t.Context(), "/data", offset, 1000)
		if want := data[offset:min(offset+1000, int64(len(data)))]; err != nil || string(got) != want {
			t.Errorf("at %d: got %d bytes, %v", offset, len(got), err)
		}
	}
	if opened != 2 {
		t.Errorf("the layer was read %d times", opened)
	}
	for _, ask := range [][2]int64{{int64(len(data)), 10}, {1 << 40, 1}, {-1, 5}, {0, 0}} {
		if got, err := files.ReadAt(t.Context(), "/data", ask[0], ask[1]); err != nil || len(got) != 0 {
			t.Errorf("%d bytes at %d: got %q, %v", ask[1], ask[0], got, err)
		}
	}
}

func TestReadingAgainHasALimit(t *testing.T) {
	t.Parallel()
	all := entries{}
	for i := range 4 {
		all = append(all, file(fmt.Sprint(i), strings.Repeat("data", 1000)))
	}
	files, err := layers.NewReader(layers.Limits{Rereads: 3}, nil).Read(t.Context(), stack(t, all))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		_, err = files.ReadAt(t.Context(), "/"+fmt.Sprint(i), 2000, 10)
	}
	var limit *layers.LimitError
	if !errors.As(err, &limit) || limit.Limit != layers.LimitRereads {
		t.Errorf("got %v", err)
	}
}

// A registry that gives other bytes the second time is found out.
func TestReadingAgainChecksTheLayerAgain(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("good", 1000)
	good, bad := tarOf(t, file("a", data)), tarOf(t, file("a", strings.Repeat("evil", 1000)))
	layer := layerOf(good, good)
	first := true
	layer.Open = func(context.Context) (io.ReadCloser, error) {
		now := bad
		if first {
			now = good
		}
		first = false
		return io.NopCloser(bytes.NewReader(now)), nil
	}
	_, err := read(t, []layers.Layer{layer}).ReadAt(t.Context(), "/a", 1000, 4)
	var wrong *layers.BadLayerError
	if !errors.As(err, &wrong) || wrong.Defect != layers.BadDigest {
		t.Errorf("got %v", err)
	}
}

// Without room everything can still be read.
func TestMemoryForContentIsBounded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	noise := func() string {
		b := make([]byte, 60<<10)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return "#!" + string(b)
	}
	all, want := entries{}, map[string]string{}
	for i := range 40 {
		name, text := fmt.Sprintf("f%02d", i), noise()
		all, want["/"+name] = append(all, file(name, text)), text
	}
	files, err := layers.NewReader(layers.Limits{Kept: 1 << 20}, nil).Read(t.Context(), stack(t, all))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, listing(t, files)); diff != "" {
		t.Errorf("the files differ")
	}
}

func TestFilesOfOneReaderShareItsMemory(t *testing.T) {
	t.Parallel()
	reader := layers.NewReader(layers.Limits{Kept: 1 << 10}, nil)
	list := stack(t, entries{file("s", "#!"+strings.Repeat("x", 5000))})
	noise := make([]byte, 50<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	first, err := reader.Read(t.Context(), stack(t, entries{file("s", "#!"+string(noise))}))
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	readSecond := func() {
		second, err := reader.Read(t.Context(), counted(list[0], &opened))
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if _, err := second.ReadAt(t.Context(), "/s", 0, 5000); err != nil {
			t.Fatal(err)
		}
	}
	readSecond()
	if opened != 2 {
		t.Errorf("the layer was read %d times, though the first image has taken all memory", opened)
	}
	first.Close()
	opened = 0
	readSecond()
	if opened != 1 {
		t.Errorf("the layer was read %d times, though the first image is closed", opened)
	}
}
