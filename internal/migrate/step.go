package migrate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// newStep is the step of ours that takes the place of others.
type newStep struct {
	mover *mover
	job   *job
	node  *yaml.Node // without with
	with  []input    // in the order in which they are written
	notes []string
}

type input struct {
	name  string
	value *yaml.Node
}

// newStep begins a step that has everything of an old one but what it uses.
func (m *mover) newStep(j *job, old *step) *newStep {
	n := &newStep{mover: m, job: j, node: &yaml.Node{Kind: yaml.MappingNode}}
	for i := 0; i+1 < len(old.node.Content); i += 2 {
		switch key := old.node.Content[i]; key.Value {
		case "uses", "with", "run", "shell", "working-directory":
		default:
			n.node.Content = append(n.node.Content, key, old.node.Content[i+1])
		}
	}
	return n
}

func scalar(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if strings.Contains(text, "\n") {
		node.Style = yaml.LiteralStyle
	}
	return node
}

// set gives an input. Text for one that is there already is a further line of it.
func (n *newStep) set(name string, value *yaml.Node) {
	if len(n.mover.known.Inputs) > 0 && !slices.Contains(n.mover.known.Inputs, name) {
		n.note("%s: %s has no input here", name, oneLine(value.Value))
		return
	}
	for i, have := range n.with {
		if have.name == name {
			n.with[i].value = scalar(strings.TrimRight(have.value.Value, "\n") + "\n" + value.Value)
			return
		}
	}
	n.with = append(n.with, input{name, value})
}

// has tells whether an input was given.
func (n *newStep) has(name string) bool {
	return slices.ContainsFunc(n.with, func(i input) bool { return i.name == name })
}

func (n *newStep) note(format string, args ...any) {
	n.notes = append(n.notes, n.job.name+": "+fmt.Sprintf(format, args...))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// buildInputs takes over the inputs of the action that builds, which are ours. What came from a step that computed tags is left out:
// we compute them.
func (n *newStep) buildInputs(build *step) {
	n.metadata(build)
	with := value(build.node, "with")
	if with == nil {
		return
	}
	for i := 0; i+1 < len(with.Content); i += 2 {
		name, value := with.Content[i].Value, with.Content[i+1]
		if name == "builder" && strings.Contains(value.Value, ".outputs.name") {
			continue
		}
		kept := n.withoutMetadata(value)
		if kept != value && !slices.Contains([]string{"tags", "labels", "annotations"}, name) {
			n.note("%s: a line that uses the outputs of a step that is gone: %s", name, oneLine(value.Value))
		}
		if kept != nil {
			n.set(name, kept)
		}
	}
}

// withoutMetadata is a value without the lines that a step of docker/metadata-action gives; nil: nothing is left.
func (n *newStep) withoutMetadata(value *yaml.Node) *yaml.Node {
	computed := func(line string) bool {
		return slices.ContainsFunc(n.job.all(actionMetadata), func(s *step) bool {
			return s.id() != "" && strings.Contains(line, "steps."+s.id()+".outputs.")
		})
	}
	if !computed(value.Value) {
		return value
	}
	var kept []string
	for _, line := range strings.Split(strings.TrimSpace(value.Value), "\n") {
		if !computed(line) {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return scalar(strings.Join(kept, "\n"))
}

// metadata takes over the rules of the step whose results a build uses; nil: of all.
func (n *newStep) metadata(build *step) {
	for _, s := range n.job.all(actionMetadata) {
		if build != nil && s.id() != "" && !uses(build, s.id()) {
			continue
		}
		with := value(s.node, "with")
		if with == nil {
			continue
		}
		for i := 0; i+1 < len(with.Content); i += 2 {
			switch name, value := with.Content[i].Value, with.Content[i+1]; name {
			case "images", "tags", "flavor", "labels", "annotations", "sep-tags", "sep-labels":
				n.set(name, value)
			case "github-token":
			case "context":
				if value.Value != "workflow" {
					n.note("the tags' context %s: they come from the event here, and where there is none from the checkout", value.Value)
				}
			default:
				n.note("%s: %s of %s has no counterpart", name, oneLine(value.Value), actionMetadata)
			}
		}
	}
}

// uses tells whether a step's inputs refer to the results of another.
func uses(s *step, id string) bool {
	with := value(s.node, "with")
	if with == nil {
		return false
	}
	return slices.ContainsFunc(with.Content, func(n *yaml.Node) bool { return strings.Contains(n.Value, "steps."+id+".outputs.") })
}

// render writes the step, with what could not be translated above it.
func (n *newStep) render(indent string) string {
	if len(n.with) > 0 {
		with := &yaml.Node{Kind: yaml.MappingNode}
		for _, i := range n.with {
			with.Content = append(with.Content, scalar(i.name), i.value)
		}
		n.node.Content = append(n.node.Content, scalar("uses"), scalar(Action), scalar("with"), with)
	} else {
		n.node.Content = append(n.node.Content, scalar("uses"), scalar(Action))
	}
	var buffer bytes.Buffer
	encoder := yaml.NewEncoder(&buffer)
	encoder.SetIndent(2)
	if err := encoder.Encode(n.node); err != nil {
		panic(err) // nodes that were read can be written
	}
	var out strings.Builder
	for _, note := range n.notes {
		_, text, _ := strings.Cut(note, ": ")
		out.WriteString(indent + "# not moved over: " + text + "\n")
	}
	prefix := indent + "- "
	for line := range strings.Lines(buffer.String()) {
		if strings.TrimSpace(line) == "" {
			out.WriteString("\n")
			continue
		}
		out.WriteString(prefix + line)
		prefix = indent + "  "
	}
	return out.String()
}
