package build

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// frontendOpt are the attributes of the Dockerfile frontend (frontend/dockerui/config.go of BuildKit) for platforms that are built alike;
// for none it leaves the platform to the frontend.
func (j *job) frontendOpt(platforms ...plan.Platform) map[string]string {
	p, opt := j.Plan, map[string]string{}
	if len(platforms) > 0 {
		p, opt["platform"] = j.Plan.For(platforms[0]), platformNames(platforms)
	}
	if p.Target != "" {
		opt["target"] = p.Target
	}
	if epoch := p.SourceDateEpoch; epoch != nil {
		opt["build-arg:SOURCE_DATE_EPOCH"] = strconv.FormatInt(*epoch, 10)
	}
	for name, value := range dockerProxies() {
		if !slices.ContainsFunc(p.BuildArgs, func(arg plan.BuildArg) bool { return strings.EqualFold(arg.Name, name) }) {
			opt["build-arg:"+name] = value
		}
	}
	for _, arg := range p.BuildArgs {
		opt["build-arg:"+arg.Name] = arg.Value
	}
	for _, label := range p.Labels {
		opt["label:"+label.Name] = label.Value
	}
	if len(j.Plan.Platforms) > 1 || j.NamePlatforms {
		opt["multi-platform"] = "true"
	}
	// The frontend makes the SBOM, because it alone knows the stages and the context that are to be scanned too.
	if sbom := p.Attest.SBOM; sbom != "" && len(platforms) > 0 {
		opt["attest:sbom"] = sbom
	}
	stepOpt(opt, p.Steps)
	j.sources.dockerfileOpt(opt, p)
	j.sources.contextOpt(opt, p)
	return opt
}

// stepOpt says how steps are executed.
func stepOpt(opt map[string]string, s plan.Steps) {
	set := func(name, value string) {
		if value != "" {
			opt[name] = value
		}
	}
	set("force-network-mode", s.Network)
	set("add-hosts", strings.Join(s.Hosts, ","))
	set("ulimit", strings.Join(s.Ulimits, ","))
	set("cgroup-parent", s.CgroupParent)
	set("no-cache", strings.Join(s.NoCacheStages, ","))
	if s.ShmSize > 0 {
		opt["shm-size"] = strconv.FormatInt(s.ShmSize, 10)
	}
	if s.NoCache {
		opt["no-cache"] = "" // every stage
	}
	for name, value := range s.Resources {
		opt[name] = value
	}
	if s.Pull {
		opt["image-resolve-mode"] = "pull"
	}
}

// dockerfileOpt says where the frontend finds the Dockerfile.
func (s *sources) dockerfileOpt(opt map[string]string, p *plan.Plan) {
	mount, name := s.dockerfileMount(p)
	opt["filename"] = name
	switch {
	case mount == "": // it is in a context that is elsewhere
	case mount != mainDockerfile || p.ContextKind != plan.ContextFolder:
		opt["dockerfilekey"] = mount
	}
}

// contextOpt says where the frontend finds the context and the named ones.
func (s *sources) contextOpt(opt map[string]string, p *plan.Plan) {
	var needs []string
	if context := s.context(p); context != "" {
		opt["context"] = context
		needs = appendQueryNeed(needs, context, "")
	}
	for i, c := range p.Contexts {
		key := "context:" + c.Name
		switch c.Kind {
		case plan.ContextFolder:
			opt[key] = "local:" + namedMount(i)
			opt["sharedkey:localdir:"+c.Name] = filepath.Base(c.Value)
		case plan.ContextImage:
			opt[key] = "docker-image://" + c.Value
		case plan.ContextLayout:
			opt[key] = fmt.Sprintf("oci-layout://%s@%s", namedMount(i), c.Digest)
		case plan.ContextTarget: // it is solved before
		default:
			opt[key] = c.Value
			needs = appendQueryNeed(needs, c.Value, "+forward")
		}
		needs = append(needs, "moby.buildkit.frontend.contexts+forward")
	}
	if len(needs) > 0 {
		opt["frontend.caps"] = strings.Join(needs, ",")
	}
}

// appendQueryNeed adds that the frontend must understand a Git URL whose options stand in its query.
func appendQueryNeed(needs []string, context, suffix string) []string {
	if before, _, query := strings.Cut(context, "?"); query && strings.HasSuffix(before, ".git") {
		return append(needs, "moby.buildkit.frontend.gitquerystring"+suffix)
	}
	return needs
}
