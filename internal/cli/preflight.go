package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

const (
	checkDisk   = "preflight/disk"
	checkMemory = "preflight/memory"
	// Below these a build of more than a few files is likely to fail.
	littleDisk   = 1 << 30
	littleMemory = 256 << 20
)

func preflightChecks() [][2]string {
	return append(build.PreflightChecks(),
		[2]string{checkDisk, "the builder has little free space"}, [2]string{checkMemory, "the builder has little memory"})
}

// preflightError ends a run before anything is built. The report has what was found.
type preflightError struct{ places []string }

// Error says where.
func (e *preflightError) Error() string {
	return fmt.Sprintf("preflight: %s: see above; nothing was built", strings.Join(e.places, ", "))
}

// Hint says what to do about it.
func (e *preflightError) Hint() string {
	return "correct it; --allow-failure PLATFORM builds without one, --ignore CHECK or --preflight=off builds all the same"
}

// soloHere reports whether one builder does everything, which this run starts on a machine like this one.
func (r *run) soloHere() bool { return r.plan.Builder.Started() && len(r.plan.Builder.Nodes) == 0 }

// preflight finds what will fail before the first step is built.
func (r *run) preflight(ctx context.Context) error {
	if r.own != nil || r.soloHere() {
		r.measure(ctx)
	}
	if !r.plan.Course.Preflight || r.plan.Dockerfile == "" {
		return nil
	}
	var findings []plan.Finding
	_ = r.stage("setup/preflight", func() error {
		findings = append(r.scarce(), r.lookAhead(ctx)...)
		return nil
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !r.soloHere() {
		doubt(findings)
	}
	findings = r.plan.Policy.Apply(findings)
	var places []string
	for i := range findings {
		f := &findings[i]
		if !f.Fails() {
			continue
		}
		if p, err := plan.ParsePlatform(f.Platform); err == nil && r.plan.Course.MayFail(p) {
			r.leaveOut(*f)
			f.Severity = plan.SeverityWarning
		} else if !slices.Contains(places, f.Path) {
			places = append(places, f.Path)
		}
	}
	r.report.Preflight = together(findings)
	for _, f := range r.report.Preflight {
		r.tell(f)
	}
	if len(places) > 0 {
		return &preflightError{places: places}
	}
	return nil
}

// doubt makes warnings of what registries said about images: a builder that was not started here may reach them by ways that are not
// known here.
func doubt(findings []plan.Finding) {
	for i := range findings {
		if c := findings[i].Check; strings.HasPrefix(c, "preflight/base-") && c != "preflight/base-pinned" {
			findings[i].Severity = plan.SeverityWarning
		}
	}
}

// lookAhead asks for every platform with the build platform that it will have.
func (r *run) lookAhead(ctx context.Context) []plan.Finding {
	if r.soloHere() {
		return r.lookAheadOn(ctx, plan.PlatformOf(ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}), r.plan.Platforms)
	}
	offers, groups := make([]plan.Offer, len(r.nodes)), make([][]plan.Platform, len(r.nodes))
	for i, n := range r.nodes {
		offers[i] = n.offer
	}
	for _, a := range plan.Assign(r.plan.Platforms, offers, make([]int, len(offers))) {
		groups[a.Node] = append(groups[a.Node], a.Platform)
	}
	var out []plan.Finding
	for i, platforms := range groups {
		if len(platforms) > 0 && len(offers[i].Listed) > 0 {
			out = append(out, r.lookAheadOn(ctx, offers[i].Listed[0], platforms)...)
		}
	}
	return out
}

func (r *run) lookAheadOn(ctx context.Context, machine plan.Platform, platforms []plan.Platform) []plan.Finding {
	part := *r.plan
	part.Platforms = platforms
	return build.Preflight(ctx, build.NeedRequest{
		Plan: &part, BuildPlatform: machine,
		BaseImages: build.BaseImages{Keychain: r.registry.Keychain, Transport: r.registry.Transport, Config: r.plan.Builder.Config},
	})
}

// measure finds out what the builder on this machine may use.
func (r *run) measure(ctx context.Context) {
	if r.engine == nil || r.plan.Builder.Local {
		r.resources = setup.LocalResources(filepath.Dir(r.home.Folder()))
		return
	}
	if has, err := r.engine.Resources(ctx, r.plan.Builder.Options); err == nil {
		r.resources = has
	}
}

// scarce finds a builder with too little of something.
func (r *run) scarce() []plan.Finding {
	var out []plan.Finding
	if has := r.resources; has.Disk > 0 && has.Disk < littleDisk {
		out = append(out, plan.Finding{
			Check: checkDisk, Severity: plan.SeverityWarning, Path: has.Folder, Expected: "at least " + units.BytesSize(littleDisk) + " of free space",
			Found: units.BytesSize(float64(has.Disk)), Why: "a build that fills the disk fails in the middle, often with the words of something else",
			Fix: "free space (docker system df shows what takes it), or use a larger machine",
		})
	}
	if has := r.resources; has.Memory > 0 && has.Memory < littleMemory {
		out = append(out, plan.Finding{
			Check: checkMemory, Severity: plan.SeverityWarning, Path: "the builder", Expected: "at least " + units.BytesSize(littleMemory) + " of memory",
			Found: units.BytesSize(float64(has.Memory)), Why: "the kernel kills BuildKit or a step when memory runs out", Fix: setup.MoreMemory(r.plan.Builder.Options.Memory),
		})
	}
	return out
}

// together makes one finding of those that differ in nothing but the platform.
func together(findings []plan.Finding) []plan.Finding {
	var out []plan.Finding
	for _, f := range findings {
		i := slices.IndexFunc(out, func(other plan.Finding) bool {
			return other.Check == f.Check && other.Path == f.Path && other.Severity == f.Severity && other.Ignored == f.Ignored
		})
		if i < 0 || f.Platform == "" {
			out = append(out, f)
			continue
		}
		out[i].Platform += ", " + f.Platform
	}
	return out
}

// tell says what was found. The host shows it at its line when the run ends.
func (r *run) tell(f plan.Finding) {
	r.say("setup", "preflight %s [%s] %s: %s", f.Severity, f.Check, strings.TrimSpace(f.Path+" "+f.Platform), f.Why)
}

// shownFile is the path by which a host finds the Dockerfile, which a build knows by its name only.
func (r *run) shownFile(name string) string {
	if name == "" || name != filepath.Base(r.plan.Dockerfile) {
		return name
	}
	dir, err := os.Getwd()
	if err != nil {
		return name
	}
	if relative, err := filepath.Rel(dir, r.plan.Dockerfile); err == nil && filepath.IsLocal(relative) {
		return filepath.ToSlash(relative)
	}
	return name
}

// leaveOut makes what was found about a platform that may fail its failure.
func (r *run) leaveOut(f plan.Finding) {
	if r.leftOut == nil {
		r.leftOut = map[string]*build.Failure{}
	}
	failure := &build.Failure{Err: errors.New("preflight: " + f.Why + ": " + f.Expected + "; found " + f.Found)}
	var number string
	failure.File, number, _ = strings.Cut(f.Path, ":")
	failure.Line, _ = strconv.Atoi(number)
	r.leftOut[f.Platform] = failure
}
