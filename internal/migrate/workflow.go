package migrate

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// workflow is a file as text, for what stays, and as YAML, for what is understood.
type workflow struct {
	lines []string
	jobs  []*job
}

type job struct {
	name  string
	node  *yaml.Node
	steps []*step
}

// step is one item of a job's steps.
type step struct {
	node        *yaml.Node
	first, last int    // its lines, counted from 0, with the comment above it
	indent      string // before its dash
	action      string // such as docker/login-action; empty: it is no action
	gone        bool   // it is taken away, or another took its place
}

// read finds the jobs and their steps.
func read(text string) (*workflow, error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("it is not a workflow: there are no jobs")
	}
	w := &workflow{lines: strings.SplitAfter(text, "\n")}
	jobs := value(root.Content[0], "jobs")
	if jobs == nil || jobs.Kind != yaml.MappingNode {
		return nil, errors.New("it is not a workflow: there are no jobs")
	}
	for i := 0; i+1 < len(jobs.Content); i += 2 {
		j := &job{name: jobs.Content[i].Value, node: jobs.Content[i+1]}
		steps := value(j.node, "steps")
		if steps != nil && steps.Kind == yaml.SequenceNode {
			if steps.Style&yaml.FlowStyle != 0 {
				return nil, fmt.Errorf("line %d: the steps of %s are written in brackets; write each on lines of its own", steps.Line, j.name)
			}
			for _, node := range steps.Content {
				j.steps = append(j.steps, w.step(node))
			}
		}
		w.jobs = append(w.jobs, j)
	}
	return w, nil
}

// step finds the lines of a step: from the comment above its dash to the next line that is not further to the right than the dash.
func (w *workflow) step(node *yaml.Node) *step {
	dash := node.Line - 1
	line := w.lines[dash]
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	s := &step{node: node, first: dash, last: dash, indent: indent}
	for i := dash + 1; i < len(w.lines); i++ {
		text := strings.TrimRight(w.lines[i], " \r\n")
		if text == "" {
			continue
		}
		if len(text)-len(strings.TrimLeft(text, " ")) <= len(indent) {
			break
		}
		s.last = i
	}
	for s.first > 0 && strings.HasPrefix(w.lines[s.first-1], indent+"#") {
		s.first--
	}
	if uses := value(node, "uses"); uses != nil {
		s.action, _, _ = strings.Cut(uses.Value, "@")
	}
	return s
}

// value returns what a mapping has for a key, or nil.
func value(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// text returns a scalar of a mapping, or nothing.
func text(node *yaml.Node, key string) string {
	if v := value(node, key); v != nil {
		return v.Value
	}
	return ""
}

// with returns the text of one of an action's inputs, or nothing.
func (s *step) with(input string) string { return text(value(s.node, "with"), input) }

// id returns the name by which other steps know this one, or nothing.
func (s *step) id() string { return text(s.node, "id") }

// run returns the commands of a step that is no action.
func (s *step) run() string { return text(s.node, "run") }

// replace puts text in the place of a step; nothing takes it away.
func (w *workflow) replace(s *step, text string) {
	for i := s.first; i <= s.last; i++ {
		w.lines[i] = ""
	}
	w.lines[s.first] = text
	s.gone = true
	if text != "" {
		return
	}
	// A blank line between two steps belongs to the one that is gone.
	next := s.last + 1
	for next < len(w.lines) && strings.TrimSpace(w.lines[next]) == "" {
		next++
	}
	if next < len(w.lines) && strings.HasPrefix(w.lines[next], s.indent) {
		clear(w.lines[s.last+1 : next])
	}
}

// comment is what stands above a step.
func (w *workflow) comment(s *step) string {
	return strings.Join(w.lines[s.first:s.node.Line-1], "")
}
