package build

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/org/multiarch-action/internal/plan"
)

// arguments finds values that are the same for every platform although they should not be.
func (a *analysis) arguments(p plan.Platform, s *stages) []plan.Finding {
	var out []plan.Finding
	report := func(found *plan.Finding) {
		if found != nil {
			found.Severity, found.Platform = plan.SeverityWarning, p.String()
			out = append(out, *found)
		}
	}
	given, set := a.buildArgs(), platformArgs(a.BuildPlatform, p)
	for name, value := range given {
		if own, known := set[name]; known && value != own {
			report(shadowed("--build-arg", name, value, own))
		}
	}
	for _, command := range s.meta {
		for _, arg := range command.Args {
			if own, known := set[arg.Key]; known && arg.Value != nil && s.globals[arg.Key] != own {
				report(shadowed(a.at(firstOf(command.Location())), arg.Key, s.globals[arg.Key], own))
			}
		}
	}
	for _, i := range s.needed {
		for _, command := range s.all[i].Commands {
			line := a.at(firstOf(command.Location()))
			if arg, ok := command.(*instructions.ArgCommand); ok {
				report(shadowedIn(arg, line, given, set))
			}
			if value := goarch(command, given); value != "" && value != p.Architecture() {
				report(&plan.Finding{
					Check: checkFixedGOARCH, Path: line, Expected: p.Architecture(), Found: "GOARCH=" + value,
					Why: "the Go program is built for one architecture and copied into the images of all",
					Fix: "declare ARG TARGETARCH in the stage and write GOARCH=$TARGETARCH",
				})
			}
		}
	}
	return out
}

// shadowedIn looks at an ARG of a stage, where a default wins over what BuildKit sets (dispatchArg of
// frontend/dockerfile/dockerfile2llb/convert.go).
func shadowedIn(command *instructions.ArgCommand, line string, given, set map[string]string) *plan.Finding {
	for _, arg := range command.Args {
		own, known := set[arg.Key]
		if _, byUser := given[arg.Key]; known && !byUser && arg.Value != nil && !strings.Contains(*arg.Value, "$") && *arg.Value != own {
			return shadowed(line, arg.Key, *arg.Value, own)
		}
	}
	return nil
}

func shadowed(where, name, value, own string) *plan.Finding {
	return &plan.Finding{
		Check: checkShadowedArg, Path: where, Expected: fmt.Sprintf("%s=%s, as BuildKit sets it", name, own), Found: fmt.Sprintf("%s=%s", name, value),
		Why: "every platform gets this value, and with it mostly the programs of one", Fix: "declare ARG " + name + " without a value, and give none",
	}
}

var goarchIn = regexp.MustCompile(`\bGOARCH=["']?([a-z0-9]+)\b`)

// goarch is the one architecture that a command writes out for Go; empty: none, or it depends on something.
func goarch(command instructions.Command, given map[string]string) string {
	switch c := command.(type) {
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			if pair.Key == "GOARCH" && !strings.Contains(pair.Value, "$") {
				return strings.Trim(pair.Value, `"'`)
			}
		}
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			if _, byUser := given["GOARCH"]; arg.Key == "GOARCH" && !byUser && arg.Value != nil && !strings.Contains(*arg.Value, "$") {
				return *arg.Value
			}
		}
	case *instructions.RunCommand:
		text := c.String()
		found := goarchIn.FindAllStringSubmatch(text, -1)
		if len(found) == 1 && !strings.Contains(text, "TARGETARCH") && !strings.Contains(text, "TARGETPLATFORM") {
			return found[0][1]
		}
	}
	return ""
}
