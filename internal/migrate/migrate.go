package migrate

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Action is how workflows name this program.
const Action = "org/multiarch-action@v1"

// The actions that one step of ours stands for.
const (
	actionQEMU     = "docker/setup-qemu-action"
	actionBuildx   = "docker/setup-buildx-action"
	actionLogin    = "docker/login-action"
	actionMetadata = "docker/metadata-action"
	actionBuild    = "docker/build-push-action"
	actionUpload   = "actions/upload-artifact"
	actionDownload = "actions/download-artifact"
)

// Known is what the program understands, for what has no counterpart to be said.
type Known struct {
	Inputs  []string // of action.yml
	Outputs []string
}

// Result is a workflow that was moved over.
type Result struct {
	Text  string
	Steps int      // of ours that it has now
	Notes []string // what was not translated; also comments in Text
}

// Workflow moves a workflow over: every job in which docker's actions build an image, and every pair of jobs in which a matrix
// builds platforms by digest and another job merges them. An error names the line.
func Workflow(text string, known Known) (Result, error) {
	w, err := read(text)
	if err != nil {
		return Result{}, err
	}
	m := &mover{workflow: w, known: known}
	for _, j := range w.jobs {
		if merge := m.mergeOf(j); merge != nil {
			m.fanOut(j, merge)
		} else {
			m.chain(j)
		}
	}
	if m.steps == 0 {
		return Result{}, fmt.Errorf("no job uses %s: there is nothing to move over", actionBuild)
	}
	return Result{Text: strings.Join(w.lines, ""), Steps: m.steps, Notes: m.notes}, nil
}

type mover struct {
	*workflow
	known Known
	steps int
	notes []string
}

// chain puts one step in the place of each build of a job, and takes away the steps that only prepared it.
func (m *mover) chain(j *job) {
	builds := j.all(actionBuild)
	for _, build := range builds {
		n := m.newStep(j, build)
		n.buildInputs(build)
		n.prepared(j)
		m.put(build, n)
	}
	if len(builds) > 0 {
		m.remove(j, actionQEMU, actionBuildx, actionLogin, actionMetadata)
	}
}

// put replaces a step by ours, and lets what refers to the step that computed tags refer to it.
func (m *mover) put(old *step, n *newStep) {
	for _, s := range n.job.all(actionMetadata) {
		switch {
		case s.id() == "":
		case old.id() == "" && text(n.node, "id") == "":
			n.node.Content = append([]*yaml.Node{scalar("id"), scalar(s.id())}, n.node.Content...)
		case text(n.node, "id") != s.id():
			m.redirect(n.job, s.id(), text(n.node, "id"))
		}
	}
	m.replace(old, m.comment(old)+n.render(old.indent))
	m.steps++
	m.notes = append(m.notes, n.notes...)
}

// redirect lets what refers to the outputs of one step of a job refer to another's.
func (m *mover) redirect(j *job, from, to string) {
	last := len(m.lines)
	for _, other := range m.jobs {
		if line := other.node.Line - 1; line > j.node.Line-1 && line < last {
			last = line
		}
	}
	for i := j.node.Line - 1; i < last; i++ {
		m.lines[i] = strings.ReplaceAll(m.lines[i], "steps."+from+".outputs.", "steps."+to+".outputs.")
	}
}

func (m *mover) remove(j *job, actions ...string) {
	for _, s := range j.steps {
		if slices.Contains(actions, s.action) && !s.gone {
			m.replace(s, "")
		}
	}
}

// all returns the steps of a job that use an action.
func (j *job) all(action string) []*step {
	var out []*step
	for _, s := range j.steps {
		if s.action == action && !s.gone {
			out = append(out, s)
		}
	}
	return out
}
