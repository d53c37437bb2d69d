package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

const (
	arm64Text = "an ELF program for arm64 (AArch64, 64-bit, little-endian)"
	amd64Text = "an ELF program for amd64 (x86-64, 64-bit, little-endian)"
)

func cmdAfter(entry string, cmd ...string) ocispec.ImageConfig {
	return ocispec.ImageConfig{Entrypoint: []string{entry}, Cmd: cmd}
}

// TestEveryFindingReadsAsItShould shows each finding about programs with its complete text.
func TestEveryFindingReadsAsItShould(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config ocispec.ImageConfig
		files  map[string]node
		want   plan.Finding
	}{
		"nothing to start": {
			want: plan.Finding{
				Check: "program/none", Severity: "note", Found: "neither ENTRYPOINT nor CMD",
				Why: "the image has nothing to start, so no program was checked",
			},
		},
		"a program of another machine": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": elf("amd64")},
			want: plan.Finding{
				Check: "program/arch", Severity: "error", Path: "/app", Expected: arm64Text, Found: amd64Text,
				Why: `it ends with "exec format error" on every arm64 machine`, Fix: fixArch,
			},
		},
		"a program for 32-bit ARM": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": elf("arm")},
			want: plan.Finding{
				Check: "program/arch", Severity: "error", Path: "/app", Expected: arm64Text,
				Found: "an ELF program for arm (ARM, 32-bit, little-endian)",
				Why:   `many arm64 machines (Graviton 4, Apple silicon, newer Ampere) cannot run 32-bit ARM programs, and there it ends with "exec format error"`,
				Fix:   fixArch,
			},
		},
		"a program for a machine without a name": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": exe(elfFor(machine{number: 999, bits: 64}))},
			want: plan.Finding{
				Check: "program/arch", Severity: "error", Path: "/app", Expected: arm64Text,
				Found: "an ELF program for an unknown machine (number 999) (64-bit, little-endian)",
				Why:   `it ends with "exec format error" on every arm64 machine`, Fix: fixArch,
			},
		},
		"a program that is not there": {
			config: entrypoint("/app"),
			want: plan.Finding{
				Check: "program/missing", Severity: "error", Path: "/app", Expected: "a program", Found: "no such file in the image",
				Why: `starting it ends with "no such file or directory"`, Fix: fixMissing,
			},
		},
		"a name that is not on PATH": {
			config: ocispec.ImageConfig{Cmd: []string{"app"}, Env: []string{"PATH=/bin:relative:/x"}},
			want: plan.Finding{
				Check: "program/missing", Severity: "error", Path: "app", Expected: "a program of that name in a folder of PATH",
				Found: "none in /bin:relative:/x", Why: `starting it ends with "executable file not found in $PATH"`, Fix: fixMissing,
			},
		},
		"a link to nothing": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": link("opt/app")},
			want: plan.Finding{
				Check: "program/not-regular", Severity: "error", Path: "/app", Expected: "a program",
				Found: "a link to /opt/app, which is not in the image", Why: `starting it ends with "no such file or directory"`, Fix: fixMissing,
			},
		},
		"a link to itself": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": link("app")},
			want: plan.Finding{
				Check: "program/not-regular", Severity: "error", Path: "/app", Expected: "a program",
				Found: "a link that leads to itself, or through more than 40 links",
				Why:   `starting it ends with "too many levels of symbolic links"`, Fix: fixMissing,
			},
		},
		"a folder": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": {mode: fs.ModeDir | 0o755}},
			want: plan.Finding{
				Check: "program/not-regular", Severity: "error", Path: "/app", Expected: "a regular file", Found: "a folder",
				Why: `starting it ends with "permission denied"`, Fix: fixMissing,
			},
		},
		"a program that nobody may execute": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": plain(elf("arm64").data)},
			want: plan.Finding{
				Check: "program/not-executable", Severity: "error", Path: "/app", Expected: "a file that may be executed", Found: "mode 0644",
				Why: `starting it ends with "permission denied", for root too`, Fix: "set the bit where the file is made, or use COPY --chmod=755",
			},
		},
		"a Windows program": {
			config: entrypoint("/app.exe"),
			files:  map[string]node{"/app.exe": exe("MZ\x90\x00")},
			want: plan.Finding{
				Check: "program/format", Severity: "error", Path: "/app.exe", Expected: "an ELF program for arm64",
				Found: "a Windows program (PE)", Why: `starting it ends with "exec format error"`,
				Fix: "build the program with GOOS=linux, or download the Linux release of it",
			},
		},
		"text without a first line": {
			config: entrypoint("/run.sh"),
			files:  map[string]node{"/run.sh": exe("echo hello\n")},
			want: plan.Finding{
				Check: "program/no-format", Severity: "error", Path: "/run.sh",
				Expected: "an ELF program for arm64, or a script that begins with #!", Found: "text without #!",
				Why: `starting it ends with "exec format error"`,
				Fix: "begin a script with #!/bin/sh on its first line; build or download a program again",
			},
		},
		"a header that was cut": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": exe(elf("arm64").data[:40])},
			want: plan.Finding{
				Check: "program/truncated", Severity: "error", Path: "/app", Expected: "a whole ELF program",
				Found: "an ELF file of 40 bytes, which is less than its header",
				Why:   `starting it ends with "exec format error", or it dies when it reaches what is not there`,
				Fix:   "build, download or copy the program again, and compare its size and checksum",
			},
		},
		"an object file": {
			config: entrypoint("/app.o"),
			files:  map[string]node{"/app.o": elf("arm64", withKind(etRel))},
			want: plan.Finding{
				Check: "program/osabi", Severity: "error", Path: "/app.o", Expected: "an ELF program for Linux",
				Found: "an ELF object file, which is not linked", Why: "Linux refuses it, or it dies at its first system call",
				Fix: "build it with GOOS=linux, and link it to a program",
			},
		},
		"a loader that is not there": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": elf("arm64", withLoader("/lib/ld-linux-aarch64.so.1"))},
			want: plan.Finding{
				Check: "program/interp-missing", Severity: "error", Path: "/app → /lib/ld-linux-aarch64.so.1",
				Expected: "the loader that the program was linked for", Found: "no such file in the image",
				Why: `starting the program ends with "no such file or directory", although the program itself is there`,
				Fix: "link it statically (CGO_ENABLED=0 for Go), or use a base image with the C library it was built with: glibc programs do not start on Alpine",
			},
		},
		"a loader of another machine": {
			config: entrypoint("/app"),
			files:  map[string]node{"/app": elf("arm64", withLoader("/lib/ld.so")), "/lib/ld.so": link("x/ld.so"), "/lib/x/ld.so": elf("amd64")},
			want: plan.Finding{
				Check: "program/interp-arch", Severity: "error", Path: "/app → /lib/ld.so → /lib/x/ld.so",
				Expected: "a loader that is " + arm64Text, Found: amd64Text,
				Why: `starting the program ends with "accessing a corrupted shared library" or "input/output error"`,
				Fix: "take program and C library from images of one platform: look for FROM --platform and COPY --from in the Dockerfile",
			},
		},
		"a script whose interpreter is of another machine": {
			config: entrypoint("/entrypoint.sh"),
			files: map[string]node{
				"/entrypoint.sh": exe("#!/bin/sh\n"), "/bin/sh": link("/bin/busybox"), "/bin/busybox": elf("amd64"),
			},
			want: plan.Finding{
				Check: "program/script-interp", Severity: "error", Path: "/entrypoint.sh → /bin/sh → /bin/busybox",
				Expected: arm64Text, Found: amd64Text, Why: `it ends with "exec format error" on every arm64 machine`, Fix: fixArch,
			},
		},
		"a script with the line ends of Windows": {
			config: entrypoint("/entrypoint.sh"),
			files:  map[string]node{"/entrypoint.sh": exe("#!/bin/sh\r\nexec /app\r\n"), "/bin/sh": elf("arm64")},
			want: plan.Finding{
				Check: "program/script-interp", Severity: "error", Path: "/entrypoint.sh",
				Expected: "a #! line that ends with a line feed", Found: "CRLF line ends",
				Why: `the kernel takes the carriage return for a part of the interpreter's name, and starting it ends with "no such file or directory"`,
				Fix: "save the script with Unix line ends, and keep them with a line such as *.sh text eol=lf in .gitattributes",
			},
		},
		"a script that names itself": {
			config: entrypoint("/a"),
			files:  map[string]node{"/a": exe("#!/a\n")},
			want: plan.Finding{
				Check: "program/script-depth", Severity: "error", Path: "/a", Expected: "at most 5 scripts in a row",
				Found: "one more, or a script that names itself", Why: `starting it ends with "too many levels of symbolic links"`,
				Fix: "name a program, not a script, in the #! line",
			},
		},
		"a shell text that only the run can answer": {
			config: shellForm("exec $SERVER"),
			files:  map[string]node{"/bin/sh": elf("arm64")},
			want: plan.Finding{
				Check: "program/unfollowed", Severity: "note", Path: "/bin/sh",
				Found: "an expansion in the shell text that the image's Env does not answer", Why: "what is started next was not checked",
				Fix: `write ENTRYPOINT or CMD as a JSON array that names the program, as in ["/app", "--flag"], if it should be checked`,
			},
		},
		"an emulator of a build machine": {
			config: entrypoint("/usr/bin/qemu-x86_64-static", "-cpu", "max", "/app"),
			files:  map[string]node{"/usr/bin/qemu-x86_64-static": elf("arm64"), "/app": elf("amd64")},
			want: plan.Finding{
				Check: "program/arch", Severity: "error", Path: "/usr/bin/qemu-x86_64-static → /app", Expected: arm64Text,
				Found: "a program for amd64 that is started through the emulator qemu-x86_64-static",
				Why:   "the image is labelled arm64 but what it runs is for amd64",
				Fix:   "remove the emulator from the image: it belongs on the machine that builds; then build the program for the target platform",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platform(t, "linux/arm64")
			got, err := checkImage(t.Context(), p, imageFor(p, test.config), newMemory(test.files))
			if err != nil {
				t.Fatal(err)
			}
			test.want.Platform = "linux/arm64"
			if diff := cmp.Diff([]plan.Finding{test.want}, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigsAreComparedFieldByField(t *testing.T) {
	t.Parallel()
	const why = "container engines choose images by these fields, and refuse the image or start it on the wrong machine"
	const unsaid = "an engine that has the image without its index cannot tell for which machines it is"
	const fix = "let the last stage's FROM have no --platform, or --platform=$TARGETPLATFORM: a fixed one and $BUILDPLATFORM are for stages that only build"
	tests := map[string]struct {
		want string
		got  ocispec.Platform
		out  *plan.Finding
	}{
		"the same platform":                        {"linux/amd64", ocispec.Platform{OS: "linux", Architecture: "amd64"}, nil},
		"arm64 with its only common variant":       {"linux/arm64", ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}, nil},
		"arm without a variant is v7":              {"linux/arm/v7", ocispec.Platform{OS: "linux", Architecture: "arm"}, nil},
		"a Windows version that nobody asked for":  {"windows/amd64", ocispec.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1"}, nil},
		"another architecture":                     {"linux/arm64", ocispec.Platform{OS: "linux", Architecture: "amd64"}, &plan.Finding{Check: "config/platform", Expected: "architecture arm64", Found: "architecture amd64", Fix: fix}},
		"everything different":                     {"linux/arm/v6", ocispec.Platform{OS: "windows", Architecture: "amd64"}, &plan.Finding{Check: "config/platform", Expected: "os linux, architecture arm, variant v6", Found: "os windows, architecture amd64, no variant", Fix: fix}},
		"a newer ARM than asked for":               {"linux/arm/v6", ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, &plan.Finding{Check: "config/variant", Expected: "variant v6", Found: "variant v7", Fix: fix}},
		"a newer amd64 than asked for":             {"linux/amd64/v2", ocispec.Platform{OS: "linux", Architecture: "amd64", Variant: "v3"}, &plan.Finding{Check: "config/variant", Severity: "warning", Expected: "variant v2", Found: "variant v3", Fix: fix}},
		"nothing about the variant":                {"linux/arm/v6", ocispec.Platform{OS: "linux", Architecture: "arm"}, &plan.Finding{Check: "config/variant", Severity: "note", Expected: "variant v6", Found: "no variant", Why: unsaid, Fix: "build the image with a tool that writes it"}},
		"another version of Windows":               {"windows(10.0.17763.1)/amd64", ocispec.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1"}, &plan.Finding{Check: "config/os-version", Expected: "os.version 10.0.17763.1", Found: "os.version 10.0.20348.1", Fix: fix}},
		"nothing about the version of Windows":     {"windows(10.0.17763.1)/amd64", ocispec.Platform{OS: "windows", Architecture: "amd64"}, &plan.Finding{Check: "config/os-version", Severity: "note", Expected: "os.version 10.0.17763.1", Found: "no os.version", Why: unsaid, Fix: "build the image with a tool that writes it"}},
		"no architecture":                          {"linux/amd64", ocispec.Platform{OS: "linux"}, &plan.Finding{Check: "config/missing-arch", Expected: "os linux, architecture amd64", Found: "os linux, no architecture", Fix: "build the image with a tool that writes both, or name them when it is imported"}},
		"no os, though this program runs on Linux": {"linux/amd64", ocispec.Platform{Architecture: "amd64"}, &plan.Finding{Check: "config/missing-arch", Expected: "os linux, architecture amd64", Found: "no os, architecture amd64", Fix: "build the image with a tool that writes both, or name them when it is imported"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []plan.Finding
			if test.out != nil {
				test.out.Platform, test.out.Path = test.want, "config"
				if test.out.Severity == "" {
					test.out.Severity = plan.SeverityError
				}
				if test.out.Why == "" {
					test.out.Why = why
				}
				want = append(want, *test.out)
			}
			got := checkConfig(platform(t, test.want), test.got, configPath)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgramsOfOtherSystemsAreNotChecked(t *testing.T) {
	t.Parallel()
	p := platform(t, "windows/amd64")
	got, err := checkImage(t.Context(), p, imageFor(p, entrypoint(`C:\app.exe`)), newMemory(nil))
	want := []plan.Finding{{
		Check: "program/unchecked", Severity: "note", Platform: "windows/amd64", Found: "an image for windows/amd64",
		Why: "only the programs of Linux images are checked, so nothing is known about these",
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("findings (-want +got), error %v:\n%s", err, diff)
	}
}

func TestAnImageThatCannotBeReadIsAnErrorAndNoFinding(t *testing.T) {
	t.Parallel()
	p := platform(t, "linux/arm64")
	broken := errors.New("connection reset")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx  context.Context
		fail string
		want string
		is   error
	}{
		"looking up":     {t.Context(), "/app", `linux/arm64: verifying the image: "/app": looking it up in the image: connection reset`, broken},
		"reading":        {t.Context(), "/app#", `linux/arm64: verifying the image: "/app": reading 120 bytes at 0: connection reset`, broken},
		"being stopped":  {cancelled, "", `linux/arm64: verifying the image: "/app": looking it up in the image: context canceled`, context.Canceled},
		"loader look-up": {t.Context(), "/ld.so", `linux/arm64: verifying the image: "/ld.so": looking it up in the image: connection reset`, broken},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := elf("arm64")
			if test.fail == "/ld.so" {
				app = elf("arm64", withLoader("/ld.so"))
			}
			files := newMemory(map[string]node{"/app": app})
			files.fail[test.fail] = broken
			findings, err := checkImage(test.ctx, p, imageFor(p, entrypoint("/app")), files)
			if err == nil || err.Error() != test.want || !errors.Is(err, test.is) || findings != nil {
				t.Errorf("got findings %v and error\n%v\nwant error\n%v", findings, err, test.want)
			}
		})
	}
}

func TestAnImageThatAsksForTooManyLookupsIsAnError(t *testing.T) {
	t.Parallel()
	p := platform(t, "linux/arm64")
	config := ocispec.ImageConfig{Cmd: []string{"app"}}
	files := map[string]node{}
	for i := range 256 {
		dir := fmt.Sprintf("/%d", i) + strings.Repeat("/d", 100)
		files[dir+"/x"] = plain("")
		config.Env = append(config.Env, dir)
	}
	config.Env = []string{"PATH=" + strings.Join(config.Env, ":")}
	_, err := checkImage(t.Context(), p, imageFor(p, config), newMemory(files))
	if err == nil || !strings.HasSuffix(err.Error(), "looking it up in the image: more than 20000 paths have to be looked up") {
		t.Errorf("got error %v", err)
	}
}

func TestChecksAreAllInTheTable(t *testing.T) {
	t.Parallel()
	for _, id := range constants(t, "checks.go") {
		if !slices.ContainsFunc(Checks(), func(c Check) bool { return c.ID == id }) {
			t.Errorf("check %q is missing in the table", id)
		}
	}
}
