package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	godigest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/fingerprint"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify/corpus"
)

// facts are those of an image with these layers, whose programs are looked at.
func facts(t *testing.T, platformText string, config ocispec.ImageConfig, files map[string]node, layers ...string) Facts {
	t.Helper()
	p := platform(t, platformText)
	image := imageFor(p, config)
	image.RootFS.Type = "layers"
	for _, l := range layers {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, godigest.FromString(l))
	}
	_, programs, err := Inspect(t.Context(), plan.VerifyStatic, p, image, newMemory(files))
	if err != nil {
		t.Fatal(err)
	}
	return Facts{Platform: p, Config: image, Programs: programs}
}

func TestAcross(t *testing.T) {
	t.Parallel()
	app := entrypoint("/app")
	in := func(arch string) map[string]node { return map[string]node{"/app": elf(arch)} }
	golang := func(arch string) map[string]node {
		return map[string]node{"/app": exe(string(corpus.ELF{Arch: arch, Go: []string{"GOARCH=" + arch}}.Bytes()))}
	}
	with := func(change func(*ocispec.ImageConfig)) ocispec.ImageConfig {
		c := app
		change(&c)
		return c
	}
	envs := func(entries ...string) ocispec.ImageConfig {
		return with(func(c *ocispec.ImageConfig) { c.Env = entries })
	}
	scripts := func(arch string) map[string]node {
		return map[string]node{"/app": exe("#!/bin/sh\n"), "/bin/sh": elf(arch)}
	}
	const amd64, arm64 = "linux/amd64", "linux/arm64"
	tests := map[string]struct {
		all  []Facts
		want []string
	}{
		"a good image": {[]Facts{facts(t, amd64, app, golang("amd64"), "a", "b"), facts(t, arm64, app, golang("arm64"), "c", "d")}, nil},
		"one platform": {[]Facts{facts(t, amd64, app, golang("amd64"), "a")}, nil},
		"variants with one program": {
			[]Facts{facts(t, "linux/arm/v6", app, in("arm"), "a"), facts(t, "linux/arm/v7", app, in("arm"), "a")}, nil,
		},
		"a copy": {
			[]Facts{facts(t, amd64, app, in("amd64"), "a"), facts(t, arm64, app, in("amd64"), "a")},
			[]string{"error cross/copy linux/arm64: the layers of linux/amd64"},
		},
		"a copy that was not looked into": {
			[]Facts{facts(t, amd64, ocispec.ImageConfig{}, nil, "a"), facts(t, arm64, ocispec.ImageConfig{}, nil, "a")},
			[]string{"warning cross/copy linux/arm64: the layers of linux/amd64"},
		},
		"a copy that starts only what is no program": {
			[]Facts{facts(t, amd64, app, map[string]node{"/app": exe("text")}, "a"), facts(t, arm64, app, map[string]node{"/app": exe("text")}, "a")}, nil,
		},
		"a base image of the build platform": {
			[]Facts{facts(t, amd64, app, scripts("amd64"), "base", "b"), facts(t, arm64, app, scripts("amd64"), "base", "c")},
			[]string{
				"error cross/base linux/arm64: that of linux/amd64",
				"error cross/native-equal linux/arm64: the same file as on linux/amd64, an ELF program for amd64 (x86-64, 64-bit, little-endian)",
			},
		},
		"a first layer of both, with right programs": {
			[]Facts{facts(t, amd64, app, golang("amd64"), "base", "b"), facts(t, arm64, app, golang("arm64"), "base", "c")},
			[]string{"warning cross/base linux/arm64: the first layer of linux/amd64"},
		},
		"one program on both": {
			[]Facts{facts(t, amd64, app, golang("arm64"), "a"), facts(t, arm64, app, golang("arm64"), "c")},
			[]string{"error cross/native-equal linux/amd64: the same file as on linux/arm64, an ELF program for arm64 (AArch64, 64-bit, little-endian)"},
		},
		"a 386 program in both": {
			[]Facts{facts(t, amd64, app, golang("386"), "a"), facts(t, "linux/386", app, golang("386"), "c")}, nil,
		},
		"entrypoints with the architecture in them": {
			[]Facts{facts(t, amd64, entrypoint("/app-x86_64"), nil, "a"), facts(t, arm64, entrypoint("/app-aarch64"), nil, "b")}, nil,
		},
		"other entrypoints": {
			[]Facts{facts(t, amd64, app, nil, "a"), facts(t, arm64, entrypoint("/run"), nil, "b"), facts(t, "linux/s390x", app, nil, "c")},
			[]string{`warning cross/config : linux/amd64, linux/s390x: "[\"/app\"]"; linux/arm64: "[\"/run\"]"`},
		},
		"users": {
			[]Facts{facts(t, amd64, app, nil, "a"), facts(t, arm64, with(func(c *ocispec.ImageConfig) { c.User = "1000" }), nil, "b")},
			[]string{`warning cross/config : linux/amd64: ""; linux/arm64: 1000`},
		},
		"ports": {
			[]Facts{facts(t, amd64, app, nil, "a"), facts(t, arm64, with(func(c *ocispec.ImageConfig) { c.ExposedPorts = map[string]struct{}{"80/tcp": {}} }), nil, "b")},
			[]string{`warning cross/config : linux/amd64: ""; linux/arm64: 80/tcp`},
		},
		"variables, whose values may be secret": {
			[]Facts{facts(t, amd64, envs("TOKEN=a", "PATH=/bin"), nil, "a"), facts(t, arm64, envs("TOKEN=b", "PATH=/bin"), nil, "b")},
			[]string{`warning cross/config : linux/amd64: TOKEN; linux/arm64: TOKEN`},
		},
		"variables that belong to an architecture": {
			[]Facts{
				facts(t, amd64, envs("GO_SHA256=1", "LIB=/usr/lib/x86_64-linux-gnu", "TARGETARCH=amd64"), nil, "a"),
				facts(t, arm64, envs("TARGETARCH=arm64", "GO_SHA256=2", "LIB=/usr/lib/aarch64-linux-gnu"), nil, "b"),
			}, nil,
		},
		"another operating system": {
			[]Facts{facts(t, amd64, app, nil, "a"), facts(t, "windows/amd64", entrypoint(`C:\app`), nil, "b")}, nil,
		},
		"sizes": {
			[]Facts{{Platform: platform(t, amd64), Size: 100}, {Platform: platform(t, arm64), Size: 90}, {Platform: platform(t, "linux/s390x"), Size: 20}},
			[]string{"note cross/size linux/s390x: 20 bytes"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range Across(test.all) {
				got = append(got, string(f.Severity)+" "+f.Check+" "+f.Platform+": "+f.Found)
				if f.Expected == "" || f.Why == "" || f.Fix == "" || f.Severity == plan.SeverityError && f.Platform == "" {
					t.Errorf("%+v has gaps", f)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFingerprintsTellFilesApart: a change at either end, or of the size, is a change.
func TestFingerprintsTellFilesApart(t *testing.T) {
	t.Parallel()
	base := elf("arm64").data + strings.Repeat("x", 3*fingerprint.Edge)
	seen := map[uint64]string{}
	for name, data := range map[string]string{
		"base": base, "longer": base[:100] + "x" + base[100:], "another end": base[:len(base)-1] + "y", "another begin": base[:200] + "y" + base[201:],
	} {
		f := facts(t, "linux/arm64", entrypoint("/app"), map[string]node{"/app": exe(data)})
		if len(f.Programs.Started) != 1 || seen[f.Programs.Started[0].Fingerprint] != "" {
			t.Errorf("%s: got %+v, like %q", name, f.Programs, seen[f.Programs.Started[0].Fingerprint])
			continue
		}
		seen[f.Programs.Started[0].Fingerprint] = name
	}
}

// TestSets: a file that only one platform can run is found where it is the same on another, once and by its path; nothing else is.
func TestSets(t *testing.T) {
	t.Parallel()
	for _, set := range corpus.Sets() {
		t.Run(set.Name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range findingsOf(t, corpus.Incident{Images: set.Images}) {
				if strings.HasPrefix(f.Check, "cross/native") {
					got = append(got, f.Check+" "+f.Path)
				}
				if set.Finds == "" && f.Fails() {
					t.Errorf("an error that is none: %+v", f)
				}
			}
			want := []string{}
			if set.Finds != "" {
				want = append(want, set.Finds+" "+set.Path)
			}
			if victims := len(set.Images) - 1; victims > 1 {
				want = slices.Repeat(want, victims)
			}
			if diff := cmp.Diff(want, append([]string{}, got...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHowSureFilesOfAllPlatformsAre: what lies in PATH is an error, and what is elsewhere a warning, with the number of files.
func TestHowSureFilesOfAllPlatformsAre(t *testing.T) {
	t.Parallel()
	var got []string
	for _, set := range corpus.Sets()[:2] {
		set.Images[0].Files["/opt/tools/more"], set.Images[1].Files["/opt/tools/more"] = set.Images[0].Files["/opt/tools/convert"], set.Images[1].Files["/opt/tools/convert"]
		for _, f := range findingsOf(t, corpus.Incident{Images: set.Images}) {
			if f.Check == "cross/native-equal" {
				got = append(got, string(f.Severity)+" "+f.Platform+" "+f.Path+": "+f.Found)
			}
		}
	}
	want := []string{
		"warning linux/arm64 /opt/tools/convert: the same file as on linux/amd64, an ELF program for amd64 (x86-64, 64-bit, little-endian); 2 files in /opt/tools are such",
		"error linux/amd64 /usr/local/bin/tini: the same file as on linux/arm64, an ELF program for arm64 (AArch64, 64-bit, little-endian)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
