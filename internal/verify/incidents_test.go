package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	godigest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify/corpus"
)

// TestIncidents makes again what people have reported of images in the world. Each would have been found.
func TestIncidents(t *testing.T) {
	t.Parallel()
	for _, incident := range corpus.Incidents() {
		t.Run(incident.Report, func(t *testing.T) {
			t.Parallel()
			got := slices.Concat(findingsOf(t, incident), indexFindingsOf(t, incident))
			errors := slices.ContainsFunc(got, plan.Finding.Fails)
			found := slices.ContainsFunc(got, func(f plan.Finding) bool { return f.Check == incident.Finds })
			if incident.Finds == "" && errors || incident.Finds != "" && !found {
				t.Errorf("want %q, got %q", incident.Finds, brief(got))
			}
		})
	}
}

// findingsOf looks into the images of an incident, and compares them.
func findingsOf(t *testing.T, incident corpus.Incident) []plan.Finding {
	t.Helper()
	var got []plan.Finding
	var facts []Facts
	for i, image := range incident.Images {
		p := platform(t, image.Platform)
		config := imageFor(p, image.Config)
		if image.Label != nil {
			config.Platform = *image.Label
		}
		if incident.SharedTop {
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, godigest.FromString("the base image"))
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, godigest.FromString(fmt.Sprint(i)))
		findings, programs, err := Inspect(t.Context(), plan.VerifyFull, p, config, corpusFiles(image))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, findings...)
		facts = append(facts, Facts{Platform: p, Config: config, Programs: programs})
	}
	return append(got, Across(facts)...)
}

// indexFindingsOf looks at the index of an incident.
func indexFindingsOf(t *testing.T, incident corpus.Incident) []plan.Finding {
	t.Helper()
	if len(incident.Index) == 0 {
		return nil
	}
	got := Published{Configs: map[v1.Hash]ocispec.Image{}, Foreign: true}
	for i, text := range incident.Index {
		name, gone := strings.CutSuffix(text, "!")
		parts := append(strings.Split(name, "/"), "")
		d := v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Digest: digest(string(rune('a' + i))),
			Platform: &v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]},
		}
		got.Index.Manifests = append(got.Index.Manifests, d)
		if !gone {
			got.Configs[d.Digest] = ocispec.Image{Platform: ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}}
		}
	}
	var wanted []plan.Platform
	for _, text := range incident.Wanted {
		wanted = append(wanted, platform(t, text))
	}
	return Index(wanted, got)
}
