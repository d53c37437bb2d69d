package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/plan"
)

// metadataOutputs are what docker/metadata-action gives to later steps, under its names.
func metadataOutputs(m plan.Metadata) ([]ci.Output, error) {
	object, err := json.Marshal(struct {
		Tags        []string          `json:"tags"`
		TagNames    []string          `json:"tag-names"`
		Labels      map[string]string `json:"labels"`
		Annotations []string          `json:"annotations"`
	}{m.Tags, m.TagNames, m.Labels, m.Annotations})
	if err != nil {
		return nil, fmt.Errorf("output json: encoding: %w", err)
	}
	return []ci.Output{
		{Name: "version", Value: m.Version},
		{Name: "tags", Value: strings.Join(m.Tags, m.TagSeparator)},
		{Name: "labels", Value: strings.Join(m.LabelLines, m.LabelSeparator)},
		{Name: "annotations", Value: strings.Join(m.Annotations, "\n")},
		{Name: "json", Value: string(object)},
	}, nil
}

// metadataLines say in words what the image is called.
func metadataLines(m plan.Metadata) []string {
	if m.IsZero() {
		return nil
	}
	lines := []string{"call it version " + m.Version}
	if m.Version == "" {
		lines[0] = "give it no tag: no rule is for this event"
	}
	for _, label := range m.LabelLines {
		lines = append(lines, "  label "+label)
	}
	return lines
}
