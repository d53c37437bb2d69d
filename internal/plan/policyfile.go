package plan

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ReadPolicyFile reads a policy that is kept beside the source: ignored findings with reasons, severities, the least level, and platforms
// that every image must have. What is wrong in it is said with its line.
func ReadPolicyFile(name string, world World) (Policy, InputErrors) {
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(world.Dir, file)
	}
	if key, _, found := strings.Cut(name, "="); found && slices.Contains(buildxPolicyKeys, key) {
		return Policy{}, InputErrors{{
			Input: policyInput, Value: name, Rule: "policies of docker buildx, which are about sources and in Rego, are not known here",
			Hint: "name a file with the policy of what is verified, in YAML (docs/policy.md)",
		}}
	}
	text, err := world.ReadFile(file)
	if err != nil {
		return Policy{}, InputErrors{{Input: policyInput, Value: name, Rule: "it cannot be read: " + rootCause(err).Error(), Hint: "name a file with the policy, in YAML"}}
	}
	r := &policyReader{name: name, world: world}
	r.document(text)
	return r.policy, r.problems
}

// buildxPolicyKeys begin the values that docker buildx build has for a flag of the same name.
var buildxPolicyKeys = []string{"filename", "reset", "disabled", "strict", "log-level"}

const policyInput = "--policy"

func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// policyReader collects what a policy file says, and what is wrong with it.
type policyReader struct {
	name     string
	world    World
	policy   Policy
	problems InputErrors
}

func (r *policyReader) at(node *yaml.Node) string { return fmt.Sprintf("%s:%d", r.name, node.Line) }

func (r *policyReader) problem(node *yaml.Node, rule, hint string) {
	r.problems = append(r.problems, &InputError{Input: policyInput, Value: r.at(node), Rule: rule, Hint: hint})
}

func (r *policyReader) document(text []byte) {
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	var document, more yaml.Node
	err := decoder.Decode(&document)
	switch {
	case errors.Is(err, io.EOF):
		return // empty: a policy that says nothing
	case err == nil:
		if err = decoder.Decode(&more); err == nil {
			r.problem(&more, "it is a second document in the same file", "keep one")
			return
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		r.problems = append(r.problems, &InputError{Input: policyInput, Value: r.name, Rule: "it is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")})
		return
	}
	r.fields(document.Content[0], "the policy", map[string]func(*yaml.Node){
		"level": r.level, "platforms": r.platforms, "severity": r.severities, "ignore": r.ignores,
	})
}

// fields calls what reads each field of a mapping. Fields that are not known, and those that are there twice, are problems.
func (r *policyReader) fields(node *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		r.problem(node, what+" is not a mapping", "write fields as NAME: VALUE")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case !ok:
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			r.problem(key, fmt.Sprintf("%s has no field %q", what, key.Value), "the fields are "+strings.Join(names, ", "))
		case seen[key.Value]:
			r.problem(key, fmt.Sprintf("%q is there twice", key.Value), "write it once")
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

// text returns a plain value.
func (r *policyReader) text(node *yaml.Node, what string) (string, bool) {
	if node.Kind != yaml.ScalarNode || strings.TrimSpace(node.Value) == "" || node.Tag == "!!null" {
		r.problem(node, what+" is not a text", "")
		return "", false
	}
	return strings.TrimSpace(node.Value), true
}

func (r *policyReader) level(node *yaml.Node) {
	levels := []Level{VerifyManifest, VerifyStatic, VerifyFull}
	if text, ok := r.text(node, "the level"); ok {
		if !slices.Contains(levels, Level(text)) {
			r.problem(node, fmt.Sprintf("%q is not a level", text), "write one of: manifest, static, full")
			return
		}
		r.policy.Level, r.policy.File = Level(text), r.at(node)
	}
}

func (r *policyReader) platforms(node *yaml.Node) {
	if node.Kind != yaml.SequenceNode {
		r.problem(node, "the platforms are not a list", "write [linux/amd64, linux/arm64]")
		return
	}
	for _, item := range node.Content {
		p, ok := r.platform(item)
		if ok {
			r.policy.Platforms = append(r.policy.Platforms, Required{Platform: p, Where: r.at(item)})
		}
	}
}

func (r *policyReader) platform(node *yaml.Node) (Platform, bool) {
	text, ok := r.text(node, "the platform")
	if !ok {
		return Platform{}, false
	}
	p, err := ParsePlatform(text)
	if err != nil {
		problem := err.(*InputError) //nolint:errorlint // ParsePlatform returns nothing else
		r.problem(node, fmt.Sprintf("%q: %s", text, problem.Rule), problem.Hint)
		return Platform{}, false
	}
	return p, true
}

func (r *policyReader) severities(node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		r.problem(node, "the severities are not a mapping", "write program/arch-compat: error")
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		check, severity, problem := parseSeverity(key.Value+"="+value.Value, r.world.Checks)
		if problem != nil {
			r.problem(key, problem.Rule, problem.Hint)
			continue
		}
		if _, twice := r.policy.Severity[check]; twice {
			r.problem(key, fmt.Sprintf("%q is there twice", check), "write it once")
		}
		if r.policy.Severity == nil {
			r.policy.Severity = map[string]Severity{}
		}
		r.policy.Severity[check] = severity
	}
}

func (r *policyReader) ignores(node *yaml.Node) {
	if node.Kind != yaml.SequenceNode {
		r.problem(node, "what is ignored is not a list", "write - check: … and below it reason: …")
		return
	}
	for _, item := range node.Content {
		r.ignore(item)
	}
}

func (r *policyReader) ignore(node *yaml.Node) {
	rule := Ignore{Where: r.at(node)}
	before := len(r.problems)
	r.fields(node, "an entry of ignore", map[string]func(*yaml.Node){
		"check": func(value *yaml.Node) {
			if text, ok := r.text(value, "the check"); ok {
				rule.Check = text
				if hint, unknown := unknownCheck(text, r.world.Checks); unknown {
					r.problem(value, fmt.Sprintf("there is no check %q", text), hint)
				}
			}
		},
		"platform": func(value *yaml.Node) {
			if p, ok := r.platform(value); ok {
				rule.Platform = p.String()
			}
		},
		"path": func(value *yaml.Node) {
			if text, ok := r.text(value, "the path"); ok {
				rule.Glob, rule.path = text, globPattern(text)
				if !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "*") {
					r.problem(value, fmt.Sprintf("%q is not an absolute path", text), "begin it with / or with **")
				}
			}
		},
		"reason": func(value *yaml.Node) { rule.Reason, _ = r.text(value, "the reason") },
		"until": func(value *yaml.Node) {
			if text, ok := r.text(value, "the date"); ok {
				day, err := time.Parse(time.DateOnly, text)
				if err != nil {
					r.problem(value, fmt.Sprintf("%q is not a date", text), "write a year, a month and a day, as in 2027-01-31")
				}
				rule.Until, rule.expired = text, !r.world.Now.Before(day.AddDate(0, 0, 1))
			}
		},
	})
	if len(r.problems) > before || node.Kind != yaml.MappingNode {
		return
	}
	if rule.Check == "" || rule.Reason == "" {
		r.problem(node, "an entry of ignore has a check and a reason", "say why it does not count: others will ask")
		return
	}
	r.policy.Ignore = append(r.policy.Ignore, rule)
}
