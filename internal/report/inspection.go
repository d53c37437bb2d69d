package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// InspectionSchema is raised when a field of the JSON of an Inspection changes its meaning or goes away. New fields do not raise it.
const InspectionSchema = 1

// Inspection is what an image consists of. Sizes are in bytes.
type Inspection struct {
	SchemaVersion int                 `json:"schemaVersion"`
	Reference     string              `json:"reference"` // as it was written
	Digest        string              `json:"digest,omitempty"`
	MediaType     string              `json:"mediaType,omitempty"`
	Annotations   map[string]string   `json:"annotations,omitempty"` // of the index, or of the manifest if there is no index
	Platforms     []InspectedPlatform `json:"platforms"`
	Others        []InspectedEntry    `json:"others,omitempty"` // entries of the index that are neither images nor about one
}

// InspectedPlatform is one image of it.
type InspectedPlatform struct {
	Platform     string            `json:"platform"` // of its entry; of its config where the entry has none
	Digest       string            `json:"digest,omitempty"`
	MediaType    string            `json:"mediaType,omitempty"`
	Size         int64             `json:"size"` // of the layers as they are stored
	Layers       int               `json:"layers"`
	Created      *time.Time        `json:"created,omitempty"`
	Base         *Base             `json:"base,omitempty"` // nil: it does not say
	Annotations  map[string]string `json:"annotations,omitempty"`
	Attestations []Attestation     `json:"attestations,omitempty"`
	Error        string            `json:"error,omitempty"` // why it could not be read
}

// Base is the image that another was built on.
type Base struct {
	Name   string `json:"name"`
	Digest string `json:"digest,omitempty"`
}

// Attestation is a manifest with statements about an image.
type Attestation struct {
	Digest     string   `json:"digest"`
	Predicates []string `json:"predicates"` // in-toto predicate types
	Error      string   `json:"error,omitempty"`
}

// InspectedEntry is an entry of an index.
type InspectedEntry struct {
	Digest       string            `json:"digest"`
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// JSON writes the inspection for programs.
func (i *Inspection) JSON(w io.Writer) error { return writeJSON(w, i) }

// Table writes the inspection for people: what the index says of itself, then a row for each platform. Texts of the image are
// written so that they act neither on a terminal nor on a CI host.
func (i *Inspection) Table(w io.Writer) error {
	head := []string{"image\t" + plainLine(i.Reference)}
	if i.Digest != "" {
		head = append(head, "digest\t"+i.Digest, "type\t"+plainLine(i.MediaType))
	}
	for _, key := range slices.Sorted(maps.Keys(i.Annotations)) {
		head = append(head, plainLine(key)+"\t"+plainLine(i.Annotations[key]))
	}
	rows := []string{"PLATFORM\tDIGEST\tSIZE\tLAYERS\tCREATED\tBASE\tATTESTATIONS"}
	for _, p := range i.Platforms {
		rows = append(rows, p.row())
	}
	for _, e := range i.Others {
		rows = append(rows, fmt.Sprintf("-\t%s\t\t\t\t\t%s", e.Digest, plainLine(strings.TrimSpace("other: "+e.MediaType+" "+e.ArtifactType))))
	}
	_, err := io.WriteString(w, aligned(head)+"\n"+aligned(rows))
	return err
}

func (p InspectedPlatform) row() string {
	name := plainLine(p.Platform)
	if p.Error != "" {
		return fmt.Sprintf("%s\t%s\tnot read: %s", name, p.Digest, plainLine(p.Error))
	}
	created, base := "", ""
	if p.Created != nil {
		created = p.Created.UTC().Format(time.RFC3339)
	}
	if p.Base != nil {
		base = plainLine(p.Base.Name)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s\t%s", name, p.Digest, size(p.Size), p.Layers, created, base, p.statements())
}

// statements names the attestations by the word that people know them by.
func (p InspectedPlatform) statements() string {
	var out []string
	for _, a := range p.Attestations {
		if a.Error != "" {
			out = append(out, "not read")
		}
		for _, predicate := range a.Predicates {
			out = append(out, statement(predicate))
		}
	}
	return strings.Join(out, ", ")
}

// statement shortens the types of predicates that images usually have.
func statement(predicate string) string {
	for prefix, word := range map[string]string{
		"https://slsa.dev/provenance/": "provenance", "https://spdx.dev/Document": "SBOM (SPDX)", "https://cyclonedx.org/": "SBOM (CycloneDX)",
	} {
		if strings.HasPrefix(predicate, prefix) {
			return word
		}
	}
	return plainLine(predicate)
}

// plainLine is foreign text on one line of a table that may be the log of a CI host, where "##[" begins a command.
func plainLine(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(visible(text)), " "), "##[", "## [")
}
