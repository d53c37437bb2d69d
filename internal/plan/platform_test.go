package plan_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
)

func TestParsePlatform(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"a normal form stays", "linux/amd64", "linux/amd64"},
		{"a variant stays", "linux/arm/v6", "linux/arm/v6"},
		{"v8 is what arm64 means", "linux/arm64/v8", "linux/arm64"},
		{"a later version of arm64 stays", "linux/arm64/v9", "linux/arm64/v9"},
		{"a minor version of arm64 stays", "linux/arm64/v8.2", "linux/arm64/v8.2"},
		{"v7 is what arm means", "linux/arm", "linux/arm/v7"},
		{"a variant may lack its letter", "linux/arm/7", "linux/arm/v7"},
		{"v1 is what amd64 means", "linux/amd64/v1", "linux/amd64"},
		{"a level of amd64 stays", "linux/amd64/v3", "linux/amd64/v3"},
		{"the kernel's name of arm64", "linux/aarch64", "linux/arm64"},
		{"the kernel's name of amd64", "linux/x86_64", "linux/amd64"},
		{"Debian's name of arm/v7", "linux/armhf", "linux/arm/v7"},
		{"Debian's name of 386", "linux/i386", "linux/386"},
		{"capital letters", "LINUX/ARM64/V8", "linux/arm64"},
		{"a version of Windows", "windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"},
		{"another operating system", "freebsd/arm64", "freebsd/arm64"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.ParsePlatform(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.String(); got != test.want {
				t.Errorf("ParsePlatform(%q) = %s, want %s", test.text, got, test.want)
			}
		})
	}
}

const knownArchitectures = "known architectures: 386, amd64, arm, arm64, loong64, mips, mips64, mips64le, mipsle, ppc64, ppc64le, riscv64, s390x"

func TestParsePlatformError(t *testing.T) {
	t.Parallel()
	const noOS = "an operating system and an architecture are needed, as in linux/arm64; "
	const noForm = "it is not os/architecture or os/architecture/variant; "
	tests := []struct{ name, text, want string }{
		{"nothing", "", noOS + knownArchitectures},
		{"an architecture alone", "arm64", `"arm64": ` + noOS + `write linux/arm64`},
		{"another name of an architecture alone", "aarch64", `"aarch64": ` + noOS + `write linux/arm64`},
		{"a misspelled architecture alone", "amd65", `"amd65": ` + noOS + `did you mean linux/amd64?`},
		{"an operating system alone", "linux", `"linux": ` + noOS + knownArchitectures},
		{"a misspelled architecture", "linux/amd65", `"linux/amd65": "amd65" is not an architecture of linux images; did you mean linux/amd64?`},
		{"uname's name of 32-bit ARM", "linux/armv7l", `"linux/armv7l": "armv7l" is not an architecture of linux images; write linux/arm/v7`},
		{"Debian's name of ppc64le", "linux/ppc64el", `"linux/ppc64el": "ppc64el" is not an architecture of linux images; write linux/ppc64le`},
		{"Debian's name of mips64le", "linux/mips64el", `"linux/mips64el": "mips64el" is not an architecture of linux images; write linux/mips64le`},
		{"uname's name of loong64", "linux/loongarch64", `"linux/loongarch64": "loongarch64" is not an architecture of linux images; write linux/loong64`},
		{"the prefix of the official images", "linux/arm32v6", `"linux/arm32v6": "arm32v6" is not an architecture of linux images; write linux/arm/v6`},
		{"an unknown architecture", "linux/frobnicator", `"linux/frobnicator": "frobnicator" is not an architecture of linux images; ` + knownArchitectures},
		{"an architecture that Windows has no images for", "windows/386", `"windows/386": "386" is not an architecture of windows images; known architectures: amd64, arm64`},
		{"macOS", "darwin/arm64", `"darwin/arm64": there are no macOS container images; Apple Silicon machines run linux/arm64 images; write linux/arm64`},
		{"macOS by its name", "macos/arm64", `"macos/arm64": there are no macOS container images; Apple Silicon machines run linux/arm64 images; write linux/arm64`},
		{"an unknown operating system", "plan9/amd64", `"plan9/amd64": "plan9" is not an operating system that images are built for; most images are for linux, as in linux/amd64`},
		{"an empty architecture", "linux/", `"linux/": ` + noForm + knownArchitectures},
		{"too many parts", "linux/arm64/v8/x", `"linux/arm64/v8/x": ` + noForm + `write linux/arm64`},
		{"an unknown variant of arm", "linux/arm/v9", `"linux/arm/v9": "v9" is not a variant of arm; known variants: v5, v6, v7, v8`},
		{"an unknown variant of arm64", "linux/arm64/v7", `"linux/arm64/v7": "v7" is not a variant of arm64; known variants: v8, v9`},
		{"an ill-formed minor version", "linux/arm64/v8.x", `"linux/arm64/v8.x": "v8.x" is not a variant of arm64; known variants: v8, v9`},
		{"a minor version of another architecture", "linux/amd64/v8.1", `"linux/amd64/v8.1": "v8.1" is not a variant of amd64; known variants: v2, v3, v4`},
		{"a variant where there are none", "linux/riscv64/v1", `"linux/riscv64/v1": "v1" is not a variant of riscv64; riscv64 has no variants; write linux/riscv64`},
		{"a version of Linux", "linux(5.10)/amd64", `"linux(5.10)/amd64": linux images have no version of the operating system; write linux/amd64`},
		{"a version of Windows with a character that hides", "windows(%00)/amd64", `"windows(%00)/amd64": "\x00" is not a version of Windows; as in windows(10.0.17763)/amd64`},
		{"features of Windows", "windows(10.0+win32k)/amd64", `"windows(10.0+win32k)/amd64": "10.0+win32k" is not a version of Windows; as in windows(10.0.17763)/amd64`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.ParsePlatform(test.text)
			if err == nil {
				t.Fatalf("ParsePlatform(%q) = %s, want an error", test.text, p)
			}
			if got := err.Error(); got != test.want {
				t.Errorf("ParsePlatform(%q):\n got %s\nwant %s", test.text, got, test.want)
			}
		})
	}
}

func TestPlatformIsOneStringInJSON(t *testing.T) {
	t.Parallel()
	var got []plan.Platform
	if err := json.Unmarshal([]byte(`["linux/arm64/v8", "linux/arm"]`), &got); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), `["linux/arm64","linux/arm/v7"]`; got != want {
		t.Errorf("Marshal(Unmarshal) = %s, want %s", got, want)
	}
	if err := json.Unmarshal([]byte(`["arm64"]`), new([]plan.Platform)); err == nil {
		t.Error("Unmarshal accepted a platform without an operating system")
	}
}

func TestPlatformEqualIsNotWhatRuns(t *testing.T) {
	t.Parallel()
	arm64, armv7 := platform(t, "linux/arm64"), platform(t, "linux/arm/v7")
	if arm64.Equal(armv7) {
		t.Error("linux/arm64 equals linux/arm/v7, want different platforms")
	}
	if !arm64.Equal(platform(t, "linux/aarch64")) {
		t.Error("linux/arm64 does not equal linux/aarch64, want one platform")
	}
}

func platform(t *testing.T, text string) plan.Platform {
	t.Helper()
	p, err := plan.ParsePlatform(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is accepted has one spelling, for ever; what is refused gives no value and says why.
func FuzzParsePlatform(f *testing.F) {
	for _, seed := range []string{
		"linux/amd64", "linux/arm/v7", "linux/arm64/v8.2", "windows(10.0.17763)/amd64", "windows(10%29)/amd64", "LINUX/X86_64/V1", "arm64", "linux/", "darwin/arm64", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := plan.ParsePlatform(text)
		if err != nil {
			if !reflect.ValueOf(p).IsZero() {
				t.Errorf("ParsePlatform(%q) = %s together with an error", text, p)
			}
			if err.Error() == "" {
				t.Errorf("ParsePlatform(%q): the error is empty", text)
			}
			return
		}
		again, err := plan.ParsePlatform(p.String())
		if err != nil {
			t.Fatalf("ParsePlatform(%q) = %s, which is not accepted: %v", text, p, err)
		}
		if again.String() != p.String() || !again.Equal(p) {
			t.Errorf("ParsePlatform(%q) = %s, and that gives %s", text, p, again)
		}
	})
}
