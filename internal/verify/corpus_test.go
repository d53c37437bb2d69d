package verify

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify/corpus"
)

var corpusFolder = flag.String("corpus", "", "folder into which TestCorpus writes its images as OCI layouts")

// TestCorpus: every bad image is found, by the check that is for it and by no other error, and no good one gets an error.
// What is said about each, word by word, is in testdata/corpus.golden.
func TestCorpus(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var table strings.Builder
	for _, list := range [][]corpus.Image{corpus.Bad(), corpus.Good()} {
		for _, image := range list {
			if seen[image.Name] {
				t.Errorf("%s is there twice", image.Name)
			}
			seen[image.Name] = true
			got := verifyCorpus(t, image, plan.VerifyFull)
			if static := verifyCorpus(t, image, plan.VerifyStatic); image.Full && len(static) > 0 {
				t.Errorf("%s: found without looking at every file: %q", image.Name, brief(static))
			} else if image.Finds != "" && !image.Full {
				got = static
			}
			describe(&table, image, got)
			writeCorpus(t, image)
			if problem := misjudged(image, got); problem != "" {
				t.Errorf("%s (%s): %s: %q", image.Name, image.Platform, problem, brief(got))
			}
		}
	}
	golden.Check(t, "corpus", table.String())
	if bad, good := len(corpus.Bad()), len(corpus.Good()); bad < 60 || good < 40 {
		t.Errorf("the corpus has shrunk to %d bad and %d good images", bad, good)
	}
}

// misjudged completes "the image was …"; empty if it was judged well.
func misjudged(image corpus.Image, got []plan.Finding) string {
	for _, f := range got {
		if f.Severity == plan.SeverityError && f.Check != image.Finds {
			return "an error that is none"
		}
	}
	found := slices.ContainsFunc(got, func(f plan.Finding) bool { return f.Check == image.Finds && f.Severity == severityOf(f.Check) })
	if image.Finds != "" && !found {
		return "not found by " + image.Finds
	}
	return ""
}

// describe writes an image and all that was found in it.
func describe(b *strings.Builder, image corpus.Image, findings []plan.Finding) {
	fmt.Fprintf(b, "%s: %s\n", image.Platform, image.Name)
	for _, f := range findings {
		fmt.Fprintf(b, "  %s %s %s\n", f.Severity, f.Check, f.Path)
		for _, line := range [][2]string{{"expected", f.Expected}, {"found", f.Found}, {"why", f.Why}, {"fix", f.Fix}} {
			if line[1] != "" {
				fmt.Fprintf(b, "    %-9s %s\n", line[0]+":", line[1])
			}
		}
	}
}

func verifyCorpus(t *testing.T, image corpus.Image, level plan.Level) []plan.Finding {
	t.Helper()
	p := platform(t, image.Platform)
	config := imageFor(p, image.Config)
	if image.Label != nil {
		config = ocispec.Image{Platform: *image.Label, Config: image.Config}
	}
	got, _, err := Inspect(t.Context(), level, p, config, corpusFiles(image))
	if err != nil {
		t.Fatalf("%s: %v", image.Name, err)
	}
	return got
}

func corpusFiles(image corpus.Image) *memory {
	files := map[string]node{}
	for name, f := range image.Files {
		files[name] = node{mode: f.Mode, link: f.Link, data: string(f.Data), uid: f.UID, gid: f.GID}
	}
	return newMemory(files)
}

// writeCorpus builds an image, and writes it if that was asked for.
func writeCorpus(t *testing.T, image corpus.Image) {
	t.Helper()
	label := platform(t, image.Platform).Spec()
	built, err := image.Build(label)
	if err != nil {
		t.Fatal(err)
	}
	if *corpusFolder == "" {
		return
	}
	path, err := layout.Write(filepath.Join(*corpusFolder, strings.NewReplacer(" ", "-", "/", "-", ":", "").Replace(image.Name)), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	described := v1.Platform{OS: label.OS, Architecture: label.Architecture, Variant: label.Variant}
	if err := path.AppendImage(built, layout.WithPlatform(described)); err != nil {
		t.Fatal(err)
	}
}
