package migrate

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// prepared takes over what the steps before a build prepared for it.
func (n *newStep) prepared(j *job) {
	for _, s := range j.all(actionQEMU) {
		if image := s.with("image"); image != "" {
			n.set("binfmt-image", scalar(image))
		}
	}
	for _, s := range j.all(actionBuildx) {
		n.builder(s)
	}
	n.logins(j.all(actionLogin))
	for _, s := range append(j.all(actionLogin), append(j.all(actionBuildx), j.all(actionQEMU)...)...) {
		if s.id() != "" && slices.ContainsFunc(n.mover.lines, func(line string) bool {
			return strings.Contains(line, "steps."+s.id()+".outputs.") && !strings.Contains(line, ".outputs.name")
		}) {
			n.note("something uses the outputs of the step %s (%s), which is gone", s.id(), s.action)
		}
	}
}

// builder takes over how the builder was set up.
func (n *newStep) builder(s *step) {
	with := value(s.node, "with")
	if with == nil {
		return
	}
	for i := 0; i+1 < len(with.Content); i += 2 {
		switch name, value := with.Content[i].Value, with.Content[i+1]; name {
		case "driver-opts", "buildkitd-flags", "buildkitd-config", "buildkitd-config-inline":
			n.set(name, value)
		case "version", "use", "install", "cache-binary", "cleanup", "name", "platforms":
			// No buildx is needed, and the builder is this run's own.
		case "driver":
			if value.Value != "docker-container" {
				n.note("driver: %s; write builder: and nodes: for builders that run elsewhere", value.Value)
			}
		case "append":
			n.note("append: write each node as a line of nodes:, for example linux/arm64=tcp://arm:1234")
		case "keep-state":
			n.note("keep-state: write keep-builder: true, on machines of your own")
		default:
			n.note("%s: %s of %s has no counterpart", name, oneLine(value.Value), actionBuildx)
		}
	}
}

// logins takes over who the workflow is for registries: one login as inputs, several as a list.
func (n *newStep) logins(steps []*step) {
	var list []*yaml.Node
	for _, s := range steps {
		if n.has("registry-auth") || n.has("password") {
			return // another build of the job has them from the same steps
		}
		login := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range []string{"registry", "username", "password", "scope"} {
			if text := s.with(name); text != "" {
				login.Content = append(login.Content, scalar(name), scalar(text))
			}
		}
		if auth := value(value(s.node, "with"), "registry-auth"); auth != nil {
			n.set("registry-auth", auth)
			continue
		}
		if s.with("ecr") != "" {
			n.note("ecr: %s; ECR is recognized by its address", s.with("ecr"))
		}
		list = append(list, login)
	}
	switch {
	case len(list) == 1 && value(list[0], "scope") == nil:
		for i := 0; i+1 < len(list[0].Content); i += 2 {
			n.set(list[0].Content[i].Value, list[0].Content[i+1])
		}
	case len(list) > 0:
		text, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Content: list})
		if err != nil {
			panic(err) // it was read
		}
		n.set("registry-auth", scalar(string(text)))
	}
}
