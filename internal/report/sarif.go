package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify"
)

// The parts of SARIF 2.1.0 that GitHub's code scanning reads (docs.github.com, "SARIF support for code scanning").
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Details sarifDetails  `json:"automationDetails"`
	Results []sarifResult `json:"results"`
}

type sarifDetails struct {
	ID string `json:"id"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name            string      `json:"name"`
	SemanticVersion string      `json:"semanticVersion,omitempty"`
	Rules           []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID     string      `json:"id"`
	Short  sarifText   `json:"shortDescription"`
	Full   sarifText   `json:"fullDescription"`
	Help   sarifText   `json:"help"`
	Config sarifConfig `json:"defaultConfiguration"`
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Suppressions []sarifSuppressed `json:"suppressions,omitempty"`
}

type sarifSuppressed struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

// maxSarif is how many results are written. Of more than 5,000 GitHub shows none of the rest; of more than 25,000 it refuses all.
const maxSarif = 5000

// SARIF writes the findings for GitHub's code scanning. GitHub refuses a file in which one result has no place in a source file,
// and what is wrong with an image begins in its Dockerfile; the path in the image is in the message and the logical location.
func (v *Verification) SARIF(w io.Writer) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "multiarch-action", SemanticVersion: strings.TrimPrefix(v.Program, "v"), Rules: sarifRules()}}, Results: []sarifResult{}}
	var names []string
	for _, severity := range []plan.Severity{plan.SeverityError, plan.SeverityWarning, plan.SeverityNote} {
		for _, image := range v.Images {
			for _, f := range image.All() {
				if f.Severity == severity && len(run.Results) < maxSarif {
					run.Results = append(run.Results, sarifOf(image, f))
				}
			}
		}
	}
	for _, image := range v.Images {
		names = append(names, withoutVersion(image.Reference))
	}
	run.Details.ID = "multiarch-action/" + visible(strings.Join(names, ",")) + "/" // a second upload with the same id replaces the first
	return writeJSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifRules() []sarifRule {
	var rules []sarifRule
	for _, c := range verify.Checks() {
		text := sarifText{c.Meaning}
		rules = append(rules, sarifRule{ID: c.ID, Short: text, Full: text, Help: text, Config: sarifConfig{string(c.Severity)}})
	}
	return rules
}

func sarifOf(image Verified, f plan.Finding) sarifResult {
	about := strings.TrimSpace(f.Platform + " " + f.Path)
	message := visible(strings.TrimSpace(image.Reference + " " + about))
	for _, line := range lines(f) {
		message += ". " + strings.ToUpper(line.Name[:1]) + line.Name[1:] + ": " + strings.ReplaceAll(visible(line.Text), "\n", " ")
	}
	print := fingerprint(f.Check, withoutVersion(image.Reference), f.Platform, subject(f))
	var suppressed []sarifSuppressed
	if f.Ignored {
		suppressed = []sarifSuppressed{{Kind: "external", Justification: visible(cmp.Or(f.Policy, "ignored by the policy"))}}
	}
	return sarifResult{
		Suppressions: suppressed, RuleID: f.Check, Level: string(f.Severity), Message: sarifText{message},
		Locations: []sarifLocation{{
			Physical: sarifPhysical{Artifact: sarifArtifact{URI: "Dockerfile"}, Region: sarifRegion{StartLine: 1}},
			Logical:  []sarifLogical{{FullyQualifiedName: visible(strings.TrimSpace(image.Reference + " " + about)), Kind: "resource"}},
		}},
		Fingerprints: map[string]string{"multiarchFinding/v1": print, "primaryLocationLineHash": print + ":1"},
	}
}

// fingerprint is what an alert is known by from one upload to the next, whatever the tag is.
func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// withoutVersion is a reference without tag and digest.
func withoutVersion(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		return reference[:i]
	}
	return reference
}
