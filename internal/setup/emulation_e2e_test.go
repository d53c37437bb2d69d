//go:build e2e && linux

package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// These tests register handlers in the kernel, as root, with QEMU from PATH or from $LAB_QEMU_DIR. Other programs may do
// so at the same time: only the own names are looked at, and that entries of nobody's tests ("multiarch-", "lab-")
// stay as they are. What breaks on purpose uses architectures that nobody builds for.

func searchPath() []string {
	return append([]string{os.Getenv("LAB_QEMU_DIR")}, filepath.SplitList(os.Getenv("PATH"))...)
}

// newTestConfig names a run of its own, whose handlers are gone after the test whatever it does.
func newTestConfig(t *testing.T) EmulationConfig {
	t.Helper()
	config := EmulationConfig{
		Run:        fmt.Sprintf("e2e.%d.%d", os.Getpid(), time.Now().UnixNano()),
		SearchPath: searchPath(),
		Root:       binfmtRoot,
	}
	if o := reachBinfmt(config.Root); o != nil {
		t.Fatalf("binfmt_misc is needed: %s; %s", o.problem, o.hint)
	}
	before := foreignEntries(t)
	t.Cleanup(func() {
		if t.Failed() {
			logEntries(t)
		}
		if _, err := Unregister(config); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(before, foreignEntries(t)); diff != "" {
			t.Errorf("handlers of others changed: %s", diff)
		}
		if left := ownEntries(t, config); len(left) > 0 {
			t.Errorf("got %q left behind", left)
		}
	})
	return config
}

// logEntries shows what the kernel held when a test failed.
func logEntries(t *testing.T) {
	t.Helper()
	entries, err := listEntries(binfmtRoot)
	t.Logf("handlers at the end: %+v, %v", entries, err)
}

// foreignEntries are the contents of the handlers that no test makes.
func foreignEntries(t *testing.T) map[string]string {
	t.Helper()
	files, err := os.ReadDir(binfmtRoot)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "multiarch-") || strings.HasPrefix(f.Name(), "lab-") || f.Name() == "register" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(binfmtRoot, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		contents[f.Name()] = string(text)
	}
	return contents
}

func ownEntries(t *testing.T, config EmulationConfig) []string {
	t.Helper()
	leftovers, err := Leftovers(config)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range leftovers {
		if l.Run == config.Run {
			names = append(names, l.Handler)
		}
	}
	return names
}

// registerFor registers a handler that is there before the program comes, for example somebody else's.
func registerFor(t *testing.T, name, guestName, emulator, flags string) {
	t.Helper()
	guest, _ := architectureOf(guestName)
	if o := registerEntry(binfmtRoot, guest.handler(name, emulator, flags)); o != nil {
		t.Fatal(o.problem)
	}
	t.Cleanup(func() {
		if err := removeEntry(binfmtRoot, name); err != nil {
			t.Error(err)
		}
	})
}

func realEmulator(t *testing.T, guestName string) string {
	t.Helper()
	guest, _ := architectureOf(guestName)
	host, _ := architectureOf(runtime.GOARCH)
	path, skipped := findEmulator(searchPath(), guest, host)
	if path == "" {
		t.Fatalf("no emulator for %s: %q", guestName, skipped)
	}
	return path
}

func emulateOne(t *testing.T, config EmulationConfig, platform string) Emulation {
	t.Helper()
	got, err := Emulate(t.Context(), config, parsePlatforms(t, platform))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("got %+v, want one result", got)
	}
	return got[0]
}

func TestEveryArchitectureIsRegisteredProvedAndRemoved(t *testing.T) {
	config := newTestConfig(t)
	host, _ := architectureOf(runtime.GOARCH)
	var platforms, want []string
	for _, a := range architectures {
		platforms = append(platforms, "linux/"+a.name)
	}
	got, err := Emulate(t.Context(), config, parsePlatforms(t, platforms...))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got {
		if e.Architecture != architectures[i].name {
			t.Errorf("result %d is for %s, want the order of the platforms", i, e.Architecture)
		}
		if host.mayRun(architectures[i]) && e.Way == WayNative {
			continue
		}
		lasting := !strings.HasPrefix(e.Handler, handlerPrefix) || strings.HasPrefix(e.Handler, handlerPrefix+KeptRun)
		if e.Way == WayPresent && lasting && e.Problem == "" {
			continue // somebody else's, or kept, as documented
		}
		want = append(want, handlerName(config.Run, e.Architecture))
		if e.Way != WayRegistered || e.Handler != handlerName(config.Run, e.Architecture) || e.Version == "" || e.Emulator == "" {
			t.Errorf("got %+v, want it registered", e)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, ownEntries(t, config)); diff != "" {
		t.Error(diff)
	}
	removed, err := Unregister(config)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, removed); diff != "" {
		t.Error(diff)
	}
	if left := ownEntries(t, config); left != nil {
		t.Errorf("got %q, want nothing left", left)
	}
}

func TestTheMachinesOwnProgramsAreNative(t *testing.T) {
	config := newTestConfig(t)
	names := []string{runtime.GOARCH}
	if runtime.GOARCH == "amd64" {
		names = append(names, "386") // amd64 kernels run these too
	}
	for _, name := range names {
		got := emulateOne(t, config, "linux/"+name)
		want := Emulation{OS: "linux", Architecture: name, Platforms: parsePlatforms(t, "linux/"+name), Way: WayNative}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestASecondCallFindsTheHandlersOfTheFirst(t *testing.T) {
	config := newTestConfig(t)
	registerFor(t, "multiarch-e2e.other-mips64", "mips64", realEmulator(t, "mips64"), "PCF")
	first := emulateOne(t, config, "linux/mips64")
	second := emulateOne(t, config, "linux/mips64")
	if first.Way != WayRegistered {
		t.Errorf("got %+v, want it registered", first)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestAHandlerOfOthersIsUsedAndLeftAlone(t *testing.T) {
	config := newTestConfig(t)
	name := fmt.Sprintf("lab-present-%d-mips64le", os.Getpid())
	real := realEmulator(t, "mips64le")
	registerFor(t, name, "mips64le", real, "PCF")
	before, err := os.ReadFile(filepath.Join(binfmtRoot, name))
	if err != nil {
		t.Fatal(err)
	}
	got := emulateOne(t, config, "linux/mips64le")
	want := Emulation{
		OS: "linux", Architecture: "mips64le", Platforms: parsePlatforms(t, "linux/mips64le"),
		Way: WayPresent, Handler: name, Emulator: real, Version: got.Version,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if removed, err := Unregister(config); removed != nil || err != nil {
		t.Errorf("got %q, %v removed, want nothing", removed, err)
	}
	after, err := os.ReadFile(filepath.Join(binfmtRoot, name))
	if err != nil || string(after) != string(before) {
		t.Errorf("got %q, %v, want %q", after, err, before)
	}
}

func TestAHandlerOfAnotherRunIsNotReliedOn(t *testing.T) {
	config := newTestConfig(t)
	other := EmulationConfig{Run: config.Run + "-other", Root: config.Root, SearchPath: config.SearchPath}
	name := handlerName(other.Run, "mips64le")
	registerFor(t, name, "mips64le", realEmulator(t, "mips64le"), "PCF")
	got := emulateOne(t, config, "linux/mips64le")
	if got.Way != WayRegistered || got.Handler != handlerName(config.Run, "mips64le") {
		t.Errorf("got %+v, want a handler of our own", got)
	}
	if removed, err := Unregister(other); err != nil || !slices.Equal(removed, []string{name}) {
		t.Errorf("got %q, %v, want %s removed and no other", removed, err, name)
	}
	if again := emulateOne(t, config, "linux/mips64le"); again.Way != WayRegistered {
		t.Errorf("after the other run ended: got %+v, want our handler", again)
	}
}

func TestAKeptHandlerIsReliedOn(t *testing.T) {
	const architecture = "mips" // that nobody has use for, so nobody has kept it
	config := newTestConfig(t)
	keeping := config
	keeping.Run = KeptRun
	kept := emulateOne(t, keeping, "linux/"+architecture)
	t.Cleanup(func() {
		if err := removeEntry(binfmtRoot, handlerName(KeptRun, architecture)); err != nil {
			t.Error(err)
		}
	})
	if kept.Way != WayRegistered {
		t.Fatalf("got %+v, want it registered", kept)
	}
	got := emulateOne(t, config, "linux/"+architecture)
	if got.Way != WayPresent || got.Handler != handlerName(KeptRun, architecture) || got.Problem != "" {
		t.Errorf("got %+v, want it present through the kept handler", got)
	}
	if own := ownEntries(t, config); own != nil {
		t.Errorf("got %q, want no handler of this run", own)
	}
}

// Two set-ups keep their handlers under one name: one registers it, and all others find it.
func TestSetUpsAtTheSameTimeAgree(t *testing.T) {
	config := newTestConfig(t)
	config.Run = KeptRun
	t.Cleanup(func() {
		if err := removeEntry(binfmtRoot, handlerName(KeptRun, "mips")); err != nil {
			t.Error(err)
		}
	})
	platforms := parsePlatforms(t, "linux/mips")
	for range 10 {
		var group errgroup.Group
		for range 4 {
			group.Go(func() error {
				results, err := Emulate(t.Context(), config, platforms)
				for _, e := range results {
					if e.Way != WayRegistered && e.Way != WayPresent || e.Problem != "" {
						t.Errorf("got %+v, want it to run", e)
					}
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if err := removeEntry(binfmtRoot, handlerName(KeptRun, "mips")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHandlerOfAnotherRunIsBetterThanNone(t *testing.T) {
	config := newTestConfig(t)
	name := handlerName(config.Run+"-other", "loong64")
	registerFor(t, name, "loong64", realEmulator(t, "loong64"), "PCF")
	config.SearchPath = []string{t.TempDir()}
	got := emulateOne(t, config, "linux/loong64")
	want := "the handler " + name + " belongs to another run, which may remove it at any moment; no emulator "
	if got.Way != WayPresent || !strings.HasPrefix(got.Problem, want) || got.Hint == "" {
		t.Errorf("got %+v, want problem %s...", got, want)
	}
}

func TestRunsAtTheSameTimeDoNotDisturbEachOther(t *testing.T) {
	var group errgroup.Group
	platforms := parsePlatforms(t, "linux/mips", "linux/mipsle", "linux/ppc64")
	for range 6 {
		config := newTestConfig(t)
		group.Go(func() error {
			for range 5 {
				results, err := Emulate(t.Context(), config, platforms)
				for _, e := range results {
					if e.Way != WayRegistered {
						t.Errorf("got %+v, want it registered", e)
					}
				}
				removed, problem := Unregister(config)
				if len(removed) != len(results) {
					t.Errorf("got %q removed, want %d", removed, len(results))
				}
				if err = errors.Join(err, problem); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// Whenever it is cancelled: what is registered bears the name of the run, and Unregister removes it.
func TestCancelledWhileRegistering(t *testing.T) {
	platforms := parsePlatforms(t, "linux/mips64", "linux/mips64le", "linux/loong64", "linux/ppc64")
	stop := errors.New("stop")
	cancelled := 0
	for after := time.Duration(0); after < 60*time.Millisecond; after += 3 * time.Millisecond {
		config := newTestConfig(t)
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, stop)
		_, err := Emulate(ctx, config, platforms)
		cancel()
		if errors.Is(err, stop) {
			cancelled++
		} else if err != nil {
			t.Errorf("after %v: got %v, want %v or nothing", after, err, stop)
		}
		own := ownEntries(t, config)
		removed, err := Unregister(config)
		if err != nil || !slices.Equal(own, removed) {
			t.Errorf("after %v: got %q, %v removed, want %q", after, removed, err, own)
		}
	}
	if cancelled == 0 {
		t.Error("no call was cancelled")
	}
}

// The kernel shows one list in every place where it is mounted, so that mounting it again changes nothing for others.
func TestBinfmtIsMountedWhereItIsNot(t *testing.T) {
	config := newTestConfig(t)
	config.Root = t.TempDir()
	t.Cleanup(func() {
		if err := syscall.Unmount(config.Root, 0); err != nil {
			t.Error(err)
		}
	})
	registerFor(t, handlerName(config.Run+"-other", "mips64"), "mips64", realEmulator(t, "mips64"), "PCF")
	if got := emulateOne(t, config, "linux/mips64"); got.Way != WayRegistered {
		t.Errorf("got %+v, want it registered", got)
	}
	want := []string{handlerName(config.Run, "mips64")}
	if removed, err := Unregister(config); err != nil || !slices.Equal(removed, want) {
		t.Errorf("got %q, %v removed, want %q", removed, err, want)
	}
}

func BenchmarkEmulateFiveArchitectures(b *testing.B) {
	platforms := parsePlatforms(b, "linux/loong64", "linux/mips64", "linux/mips64le", "linux/ppc64", "linux/mips")
	config := EmulationConfig{Run: fmt.Sprintf("bench.%d", os.Getpid()), SearchPath: searchPath()}
	b.Cleanup(func() { _, _ = Unregister(config) })
	for b.Loop() {
		results, err := Emulate(b.Context(), config, platforms)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range results {
			if e.Way != WayRegistered {
				b.Fatalf("got %+v", e)
			}
		}
		b.StopTimer()
		if _, err := Unregister(config); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
