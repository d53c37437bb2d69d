package build

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/org/multiarch-action/internal/plan"
)

// stages is a Dockerfile as one platform's build reads it: which stages it needs, and which of them make up the image.
type stages struct {
	all     []instructions.Stage
	meta    []instructions.ArgCommand
	lex     *shell.Lex
	globals map[string]string
	needed  []int // stages that the target needs, itself first
	chain   []int // the target, the stage that it is FROM, and so on
}

func (a *analysis) stages(p plan.Platform) (*stages, error) {
	file, err := parser.Parse(bytes.NewReader(a.dockerfile))
	if err != nil {
		return nil, err
	}
	s := &stages{lex: shell.NewLex(file.EscapeToken)}
	if s.all, s.meta, err = instructions.Parse(file.AST, nil); err != nil {
		return nil, err
	}
	args := a.buildArgs()
	s.globals = platformArgs(a.BuildPlatform, p)
	for _, command := range s.meta {
		for _, arg := range command.Args {
			if arg.Value != nil {
				s.globals[arg.Key] = s.expand(*arg.Value)
			}
			if value, given := args[arg.Key]; given {
				s.globals[arg.Key] = value
			}
		}
	}
	target := len(s.all) - 1
	if a.Plan.Target != "" {
		target = s.named(a.Plan.Target, len(s.all))
	}
	if target >= 0 {
		s.follow(target)
	}
	return s, nil
}

// platformArgs are the arguments that BuildKit sets by itself (defaultArgs of frontend/dockerfile/dockerfile2llb/platform.go).
func platformArgs(build, target plan.Platform) map[string]string {
	args := map[string]string{}
	for prefix, p := range map[string]plan.Platform{"BUILD": build, "TARGET": target} {
		spec := p.Spec()
		args[prefix+"PLATFORM"], args[prefix+"OS"] = platforms.Format(spec), spec.OS
		args[prefix+"ARCH"], args[prefix+"VARIANT"] = spec.Architecture, spec.Variant
	}
	return args
}

// expand replaces the variables of a word; one that cannot be read stays as it is.
func (s *stages) expand(word string) string {
	env := make([]string, 0, len(s.globals))
	for name, value := range s.globals {
		env = append(env, name+"="+value)
	}
	out, _, err := s.lex.ProcessWord(word, shell.EnvsFromSlice(env))
	if err != nil {
		return word
	}
	return out
}

// named finds the last stage with a name, or with that number, before another; -1: there is none.
func (s *stages) named(name string, before int) int {
	for i := before - 1; i >= 0; i-- {
		if strings.EqualFold(s.all[i].Name, name) {
			return i
		}
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < before {
		return i
	}
	return -1
}

// follow finds what a target needs.
func (s *stages) follow(target int) {
	for i := target; i >= 0; i = s.named(s.expand(s.all[i].BaseName), i) {
		s.chain = append(s.chain, i)
	}
	s.needed = []int{target}
	for n := 0; n < len(s.needed); n++ {
		i := s.needed[n]
		names := []string{s.all[i].BaseName}
		for _, command := range s.all[i].Commands {
			names = append(names, filesFrom(command)...)
		}
		for _, name := range names {
			if from := s.named(s.expand(name), i); from >= 0 && !slices.Contains(s.needed, from) {
				s.needed = append(s.needed, from)
			}
		}
	}
}

// lineOf finds the line on which a command names an image. The converter does not record those of mounts.
func (s *stages) lineOf(ref string) int {
	for _, i := range s.needed {
		for _, command := range s.all[i].Commands {
			for _, name := range filesFrom(command) {
				named, err := reference.ParseNormalizedNamed(s.expand(name))
				if err == nil && reference.TagNameOnly(named).String() == ref {
					return firstOf(command.Location())
				}
			}
		}
	}
	return s.root()
}

// filesFrom are the names that a command takes files from.
func filesFrom(command instructions.Command) []string {
	var out []string
	switch c := command.(type) {
	case *instructions.CopyCommand:
		out = []string{c.From}
	case *instructions.RunCommand:
		for _, mount := range instructions.GetMounts(c) {
			out = append(out, mount.From)
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "" })
}

// root is the first line of the FROM that the image begins with; 0: it cannot be told.
func (s *stages) root() int {
	if len(s.chain) == 0 {
		return 0
	}
	return firstOf(s.all[s.chain[len(s.chain)-1]].Location)
}

func firstOf(ranges []parser.Range) int {
	if len(ranges) == 0 {
		return 0
	}
	return ranges[0].Start.Line
}
