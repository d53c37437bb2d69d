package cli

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/multiarch-action/internal/report"
)

// jobFiles writes what the page of a job and later jobs of a pipeline take of a run. A file without a path is not wanted.
func (a *app) jobFiles(dotenv string, variables []report.Variable, links string, tags []report.Tag) error {
	var problems []error
	if dotenv != "" {
		problems = append(problems, writeFile(dotenv, os.O_TRUNC, func(w io.Writer) error {
			left, err := report.WriteDotenv(w, variables)
			if len(left) > 0 {
				a.say("warning", "%s is without %s: GitLab takes 20 variables of plain text and 5 KB", dotenv, strings.Join(left, ", "))
			}
			return err
		}))
	}
	if links != "" {
		problems = append(problems, writeFile(links, os.O_TRUNC, func(w io.Writer) error { return report.WriteLinks(w, a.links(tags)) }))
	}
	return errors.Join(problems...)
}

// links lead to where the tags that point at the result can be looked at, and to the commit.
func (a *app) links(tags []report.Tag) []report.Link {
	var out []report.Link
	for _, tag := range tags {
		ref, err := name.NewTag(tag.Name, name.WeakValidation)
		if err != nil || tag.To == "" {
			continue
		}
		if page := a.host.ImagePage(ref.RegistryStr(), ref.RepositoryStr()); page != "" {
			out = append(out, report.Link{Label: tag.Name, URL: page})
		}
	}
	if commit, page := a.host.CommitPage(); page != "" {
		out = append(out, report.Link{Label: "commit " + commit, URL: page})
	}
	return out
}
