package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// Link is a page about what a run has made, or was made from.
type Link struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// WriteLinks writes links as GitLab shows them on the page of a job: a report of artifacts:reports:annotations
// (docs.gitlab.com/ci/yaml/artifacts_reports).
func WriteLinks(w io.Writer, links []Link) error {
	type external struct {
		Link Link `json:"external_link"`
	}
	list := make([]external, len(links))
	for i, link := range links {
		list[i] = external{link}
	}
	raw, err := json.MarshalIndent(map[string][]external{"multiarch-action": list}, "", "  ")
	if err != nil {
		return fmt.Errorf("links: encoding: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s\n", raw); err != nil {
		return fmt.Errorf("links: writing: %w", err)
	}
	return nil
}
