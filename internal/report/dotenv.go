package report

import (
	"fmt"
	"io"
	"strings"
)

// Variable is a result for later jobs of a pipeline.
type Variable struct{ Name, Value string }

// What GitLab takes of a file of artifacts:reports:dotenv: 5 KB, and 20 variables where nobody has raised the limit
// (docs.gitlab.com/administration/instance_limits: limit dotenv variables, limit dotenv file size).
const (
	maxDotenvBytes = 5 << 10
	maxVariables   = 20
)

// WriteDotenv writes variables as GitLab reads them: NAME=VALUE on a line, nothing quoted. What cannot be written so, and what is beyond
// GitLab's limits, is left out and returned by name, the last first to go.
func WriteDotenv(w io.Writer, variables []Variable) (left []string, err error) {
	var b strings.Builder
	count := 0
	for _, v := range variables {
		line := v.Name + "=" + v.Value + "\n"
		if !plainValue(v.Value) || count == maxVariables || b.Len()+len(line) > maxDotenvBytes {
			left = append(left, v.Name)
			continue
		}
		count++
		b.WriteString(line)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return left, fmt.Errorf("dotenv: writing: %w", err)
	}
	return left, nil
}

// plainValue reports whether a value needs no quotes anywhere: GitLab keeps quotes and expands variables, others take # for a comment.
func plainValue(value string) bool {
	return value != "" && !strings.ContainsFunc(value, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune("\"'`$#\\", c)
	})
}

// Variables are the results of a build for later jobs, the most important first. Those of a platform have its name in theirs, because
// the jobs of a matrix would otherwise overwrite each other's.
func (r *Report) Variables() []Variable {
	var out []Variable
	if r.Outcome == Published {
		out = imageVariables(r.Image, r.Digest, r.Tags)
	}
	for _, p := range r.Platforms {
		if p.Digest != "" && (r.Outcome == Published || r.Outcome == Staged) {
			out = append(out, digestVariable(p.Platform.String(), p.Digest))
		}
	}
	return out
}

// Variables are the results for later jobs, the most important first.
func (r *Released) Variables() []Variable {
	if r.Outcome != Published {
		return nil
	}
	out := imageVariables(r.Image, r.Digest, r.Tags)
	for _, p := range r.Platforms {
		out = append(out, digestVariable(p.Platform, p.Digest))
	}
	return out
}

func imageVariables(image, digest string, tags []Tag) []Variable {
	names := make([]string, len(tags))
	for i, tag := range tags {
		names[i] = tag.Name
	}
	return []Variable{{"IMAGE", image}, {"IMAGE_DIGEST", digest}, {"IMAGE_TAGS", strings.Join(names, ",")}}
}

// digestVariable is named as linux/arm/v7 in IMAGE_DIGEST_LINUX_ARM_V7: only letters, digits and _ are allowed.
func digestVariable(platform, digest string) Variable {
	name := strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToUpper(platform))
	return Variable{"IMAGE_DIGEST_" + name, digest}
}
