package migrate

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mergeOf returns the job that makes one index of what a job's matrix pushes by digest, or nil.
func (m *mover) mergeOf(j *job) *job {
	if !slices.ContainsFunc(j.all(actionBuild), func(s *step) bool { return strings.Contains(s.with("outputs"), "push-by-digest=true") }) {
		return nil
	}
	for _, other := range m.jobs {
		needs := value(other.node, "needs")
		if needs == nil || needs.Value != j.name && !slices.ContainsFunc(needs.Content, func(n *yaml.Node) bool { return n.Value == j.name }) {
			continue
		}
		if other.merges() != nil {
			return other
		}
	}
	return nil
}

// merges returns the step that makes the index, or nil.
func (j *job) merges() *step {
	for _, s := range j.steps {
		if strings.Contains(s.run(), "imagetools create") {
			return s
		}
	}
	return nil
}

// fanOut lets the platforms' jobs hand their images over through the registry, and the last job publish them.
func (m *mover) fanOut(build, merge *job) {
	for _, old := range build.all(actionBuild) {
		n := m.newStep(build, old)
		n.buildInputs(old)
		n.borrow(merge)
		n.with = slices.DeleteFunc(n.with, func(i input) bool { return i.name == "outputs" || i.name == "tags" && n.has("images") })
		n.prepared(build)
		n.set("staged", scalar("true"))
		m.put(old, n)
	}
	for _, s := range build.steps {
		if !s.gone && handsOver(s) {
			m.replace(s, "")
		}
	}
	m.remove(build, actionQEMU, actionBuildx, actionLogin, actionMetadata)

	old := merge.merges()
	n := m.newStep(merge, old)
	n.set("command", scalar("publish"))
	n.set("staged", scalar("true"))
	if platforms := matrixPlatforms(build); len(platforms) > 0 {
		n.set("platforms", scalar(strings.Join(platforms, ",")))
	} else {
		n.note("write platforms: with all platforms of the matrix")
	}
	n.metadata(nil)
	n.prepared(merge)
	m.put(old, n)
	for _, s := range merge.steps {
		if !s.gone && (handsOver(s) || strings.Contains(s.run(), "imagetools inspect")) {
			m.replace(s, "")
		}
	}
	m.remove(merge, actionQEMU, actionBuildx, actionLogin, actionMetadata)
}

// borrow takes the images over from the job that tags, where the building one names none: a repository must be known.
func (n *newStep) borrow(merge *job) {
	if n.has("images") || n.has("tags") {
		return
	}
	for _, s := range merge.all(actionMetadata) {
		if images := value(value(s.node, "with"), "images"); images != nil {
			n.set("images", images)
		}
	}
	if !n.has("images") {
		n.note("write images: with the repository, or tags: as in the job %s", merge.name)
	}
}

// handsOver tells whether a step only carries digests from job to job.
func handsOver(s *step) bool {
	switch s.action {
	case actionUpload, actionDownload:
		return strings.Contains(s.with("name")+s.with("pattern")+s.with("path"), "digest")
	case "":
		run := s.run()
		return strings.Contains(run, ".outputs.digest") && strings.Contains(run, "digests") ||
			strings.Contains(run, "DIGEST") && strings.Contains(run, "digests") || // with the digest in the step's environment
			strings.Contains(run, "PLATFORM_PAIR=") && strings.Count(strings.TrimSpace(run), "\n") < 2
	}
	return false
}

// matrixPlatforms are the platforms of a job's matrix, in its order.
func matrixPlatforms(j *job) []string {
	matrix := value(value(j.node, "strategy"), "matrix")
	var out []string
	if list := value(matrix, "platform"); list != nil {
		for _, item := range list.Content {
			if item.Kind == yaml.ScalarNode {
				out = append(out, item.Value)
			}
		}
	}
	if list := value(matrix, "include"); list != nil {
		for _, item := range list.Content {
			if platform := text(item, "platform"); platform != "" && !slices.Contains(out, platform) {
				out = append(out, platform)
			}
		}
	}
	return out
}
