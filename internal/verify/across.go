package verify

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// Facts are what is compared of one platform's image with the others of its index.
type Facts struct {
	Platform plan.Platform
	Config   ocispec.Image // with its diff ids, which name the layers
	Manifest v1.Hash       // the zero value if it is not known
	Size     int64         // bytes of all compressed layers; 0 if it is not known
	Programs Programs
}

// Across compares the images of one index with each other.
func Across(all []Facts) []plan.Finding {
	list := acrossRun{said: map[string]bool{}}
	list.configs(all)
	for i, a := range all {
		for _, b := range all[i+1:] {
			list.pair(a, b)
		}
	}
	list.sizes(all)
	return list.findings
}

// acrossRun collects findings about several platforms.
type acrossRun struct {
	findings []plan.Finding
	said     map[string]bool // platform and first path of files that are the same on another platform
}

func (l *acrossRun) add(f plan.Finding) {
	if f.Severity == "" {
		f.Severity = severityOf(f.Check)
	}
	l.findings = append(l.findings, f)
}

// architectureWords are what names of files and values call an architecture, the longer ones first.
var architectureWords = regexp.MustCompile(`(?i)(linux[-_/])?(x86[-_]64(-v[1-4])?|x86|amd64|i[3-6]86|386|aarch64|arm64(v8)?|arm(v?[5-8]l?|hf|el|32v[5-8])?|powerpc64le|ppc64(le|el)?|riscv64(gc)?|s390x|mips(64)?(le|el)?|loong(arch)?64|64bit|32bit)`)

// sums are variables that hold the checksum of a download, which differs with the architecture.
var sums = regexp.MustCompile(`(?i)(SHA\d*|MD5|SUM|CHECKSUM|DIGEST|HASH|ARCH|PLATFORM|TRIPLET|GOARM|VARIANT)`)

// neutral removes the architecture from a text, so that only other differences are left.
func neutral(text string) string { return architectureWords.ReplaceAllString(text, "ARCH") }

// setting is one part of a config that should be the same everywhere.
type setting struct {
	name string
	of   func(ocispec.ImageConfig) string
}

var comparedSettings = []setting{
	{"ENTRYPOINT", func(c ocispec.ImageConfig) string { return neutral(fmt.Sprintf("%q", c.Entrypoint)) }},
	{"CMD", func(c ocispec.ImageConfig) string { return neutral(fmt.Sprintf("%q", c.Cmd)) }},
	{"USER", func(c ocispec.ImageConfig) string { return c.User }},
	{"WORKDIR", func(c ocispec.ImageConfig) string { return neutral(c.WorkingDir) }},
	{"STOPSIGNAL", func(c ocispec.ImageConfig) string { return c.StopSignal }},
	{"EXPOSE", func(c ocispec.ImageConfig) string { return keys(c.ExposedPorts) }},
	{"VOLUME", func(c ocispec.ImageConfig) string { return keys(c.Volumes) }},
	{"ENV", environmentText},
	{"LABEL", func(c ocispec.ImageConfig) string { return keys(c.Labels) }},
}

func keys[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }

// environmentText is the variables with their values, without the values that belong to an architecture.
func environmentText(c ocispec.ImageConfig) string {
	entries := make([]string, len(c.Env))
	for i, entry := range c.Env {
		name, value, _ := strings.Cut(entry, "=")
		if sums.MatchString(name) {
			value = ""
		}
		entries[i] = name + "=" + neutral(value)
	}
	return strings.Join(slices.Sorted(slices.Values(entries)), "\n")
}

// configs compares the settings of the images for each operating system.
func (l *acrossRun) configs(all []Facts) {
	systems := map[string][]Facts{}
	for _, f := range all {
		systems[f.Platform.OS()] = append(systems[f.Platform.OS()], f)
	}
	for _, system := range slices.Sorted(maps.Keys(systems)) {
		for _, s := range comparedSettings {
			l.setting(s, systems[system])
		}
	}
}

func (l *acrossRun) setting(s setting, all []Facts) {
	var values []string
	where := map[string][]string{}
	for _, f := range all {
		value := s.of(f.Config.Config)
		if where[value] == nil {
			values = append(values, value)
		}
		where[value] = append(where[value], f.Platform.String())
	}
	if len(values) < 2 {
		return
	}
	var found []string
	for _, value := range values {
		found = append(found, strings.Join(where[value], ", ")+": "+difference(s.name, value, values))
	}
	l.add(plan.Finding{
		Check: checkCrossConfig, Path: configPath, Expected: "the same " + s.name + " on all platforms", Found: strings.Join(found, "; "),
		Why: "the image behaves differently with the machine that it is pulled on",
		Fix: "look for conditions on TARGETARCH in the Dockerfile, and for base images that are not the same version on all platforms",
	})
}

// difference shows a value; of variables, only the names of those that are not the same everywhere: values may be secret.
func difference(name, value string, all []string) string {
	if name != "ENV" {
		return shown(value)
	}
	var own []string
	for line := range strings.SplitSeq(value, "\n") {
		everywhere := !slices.ContainsFunc(all, func(other string) bool { return !slices.Contains(strings.Split(other, "\n"), line) })
		if variable, _, _ := strings.Cut(line, "="); !everywhere {
			own = append(own, variable)
		}
	}
	return shown(strings.Join(own, " "))
}

// pair compares two images. Variants of one architecture may well share programs.
func (l *acrossRun) pair(a, b Facts) {
	if a.Platform.OS() != b.Platform.OS() || a.Platform.Architecture() == b.Platform.Architecture() {
		return
	}
	sameLayers := len(a.Config.RootFS.DiffIDs) > 0 && slices.Equal(a.Config.RootFS.DiffIDs, b.Config.RootFS.DiffIDs)
	sameManifest := a.Manifest != v1.Hash{} && a.Manifest == b.Manifest
	if sameLayers || sameManifest {
		l.copied(a, b)
		return
	}
	if bottom(a) != "" && bottom(a) == bottom(b) {
		l.base(a, b)
	}
	l.native(a, b)
	l.native(b, a)
}

func bottom(f Facts) string {
	if len(f.Config.RootFS.DiffIDs) == 0 {
		return ""
	}
	return f.Config.RootFS.DiffIDs[0].String()
}

// copied is about two platforms with the same files. Where these are only scripts or data that is right.
func (l *acrossRun) copied(a, b Facts) {
	started := len(a.Programs.Started) + len(b.Programs.Started)
	if a.Programs.Started != nil && b.Programs.Started != nil && started == 0 {
		return
	}
	f := plan.Finding{
		Check: checkCrossCopy, Platform: b.Platform.String(), Expected: "files of its own", Found: "the layers of " + a.Platform.String(),
		Why: "one of the two does not start, since no program runs on both", Fix: fixArch,
	}
	if started == 0 {
		f.Severity = plan.SeverityWarning
		f.Why = "one of the two does not start, unless there is no program in the image"
	}
	l.add(f)
}

// base is about two platforms that begin with the same layer. It is an error where a program proves that a base image
// of the other platform is in it.
func (l *acrossRun) base(a, b Facts) {
	for _, pair := range [][2]Facts{{a, b}, {b, a}} {
		victim, other := pair[0], pair[1]
		i := slices.IndexFunc(victim.Programs.Started, func(p Program) bool { return p.machine == platformMachines[other.Platform.Architecture()] })
		if i < 0 {
			continue
		}
		l.add(plan.Finding{
			Check: checkCrossBase, Platform: victim.Platform.String(), Path: shown(victim.Programs.Started[i].Path),
			Expected: "a base image for " + victim.Platform.String(), Found: "that of " + other.Platform.String(),
			Why: "programs of the base image do not start there",
			Fix: "let the last stage's FROM have no --platform, or --platform=$TARGETPLATFORM: a fixed one and $BUILDPLATFORM are for stages that only build",
		})
		return
	}
	l.add(plan.Finding{
		Check: checkCrossBase, Severity: plan.SeverityWarning, Platform: b.Platform.String(), Expected: "a first layer of its own",
		Found: "the first layer of " + a.Platform.String(),
		Why:   "if it is a base image with programs, they do not start on one of the two; if it holds only data, this is fine",
		Fix:   "let the last stage's FROM have no --platform, or --platform=$TARGETPLATFORM",
	})
}

// native is about files that only the other platform can run, and that are the same there.
func (l *acrossRun) native(victim, other Facts) {
	arch := victim.Platform.Architecture()
	for _, p := range victim.Programs.Started {
		if accepts(arch, p.machine) == refused && other.Programs.runs(p, other.Platform) {
			l.same(victim, other, []Program{p}, severityOf(checkCrossNative))
		}
	}
	folders := map[string][]Program{}
	for _, p := range victim.Programs.Foreign {
		if other.Programs.runs(p, other.Platform) {
			folders[path.Dir(p.Path)] = append(folders[path.Dir(p.Path)], p)
		}
	}
	for i, folder := range slices.Sorted(maps.Keys(folders)) {
		if i == maxGroups {
			return
		}
		severity := plan.SeverityWarning
		if folders[folder][0].reached {
			severity = severityOf(checkCrossNative)
		}
		l.same(victim, other, folders[folder], severity)
	}
}

// runs reports whether a file is also in an image, and is a program or library for its platform.
func (p Programs) runs(file Program, platform plan.Platform) bool {
	if accepts(platform.Architecture(), file.machine) == refused {
		return false
	}
	_, own := slices.BinarySearch(p.Own, file.Fingerprint)
	return own || slices.ContainsFunc(p.Started, func(q Program) bool { return q.Fingerprint == file.Fingerprint })
}

// same says of a platform that files of one folder are those of another platform; once, if several others have them.
func (l *acrossRun) same(victim, other Facts, files []Program, severity plan.Severity) {
	p := files[0]
	key := victim.Platform.String() + p.Path
	if l.said[key] {
		return
	}
	l.said[key] = true
	f := plan.Finding{
		Check: checkCrossNative, Severity: severity, Platform: victim.Platform.String(), Path: shown(p.Path),
		Expected: "a file that was built for it", Found: fmt.Sprintf("the same file as on %s, %s", other.Platform, p.machine),
		Why: "the build did not look at the target platform", Fix: fixArch,
	}
	if len(files) > 1 {
		f.Found += fmt.Sprintf("; %d files in %s are such", len(files), shown(path.Dir(p.Path)))
	}
	l.add(f)
}

// outlier is by how much a size has to differ from the middle one.
const outlier = 3

func (l *acrossRun) sizes(all []Facts) {
	var sizes []int64
	for _, f := range all {
		if f.Size > 0 {
			sizes = append(sizes, f.Size)
		}
	}
	if len(sizes) < 3 {
		return
	}
	slices.Sort(sizes)
	middle := sizes[len(sizes)/2]
	for _, f := range all {
		if f.Size == 0 || f.Size <= outlier*middle && f.Size >= middle/outlier {
			continue
		}
		l.add(plan.Finding{
			Check: checkCrossSize, Platform: f.Platform.String(), Expected: fmt.Sprintf("about %d bytes of layers, as on the other platforms", middle),
			Found: fmt.Sprintf("%d bytes", f.Size), Why: "something may be missing there, or be there that is not on the others",
			Fix: "compare the platforms' files, if the difference is not intended",
		})
	}
}
