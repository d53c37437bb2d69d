package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/plan"
)

func handover(t *testing.T, change func(*plan.Handover)) plan.Handover {
	t.Helper()
	p, err := plan.ParsePlatform("linux/arm/v7")
	if err != nil {
		t.Fatal(err)
	}
	h := plan.Handover{
		SchemaVersion: plan.HandoverSchema, Image: "ghcr.io/o/app", Tags: []string{"ghcr.io/o/app:1.4", "ghcr.io/o/app:latest"}, Platform: p,
		Key: "812", Attempt: 2, Revision: "c0ffee", Manifests: []v1.Descriptor{{Size: 7, Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}}},
	}
	if change != nil {
		change(&h)
	}
	return h
}

func TestHandoverIsReadBackWhole(t *testing.T) {
	t.Parallel()
	samePlatform := cmp.Comparer(plan.Platform.Equal)
	for _, want := range []plan.Handover{handover(t, nil), handover(t, func(h *plan.Handover) { h.Building, h.Revision, h.Attempt = true, "", 0 })} {
		got, err := plan.HandoverOf(v1.IndexManifest{Annotations: want.Annotations(), Manifests: want.Manifests})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, samePlatform); diff != "" {
			t.Errorf("from annotations it differs (-want +got):\n%s", diff)
		}
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err = plan.ReadHandover(raw); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, samePlatform); diff != "" {
			t.Errorf("from a file it differs (-want +got):\n%s", diff)
		}
	}
}

func TestWhatIsNoHandover(t *testing.T) {
	t.Parallel()
	index := func(change func(map[string]string)) v1.IndexManifest {
		h := handover(t, nil)
		a := h.Annotations()
		change(a)
		return v1.IndexManifest{Annotations: a, Manifests: h.Manifests}
	}
	const prefix = "multiarch-action.staged."
	for want, in := range map[string]v1.IndexManifest{
		"it was not written by a staged build":                                                              {},
		"it has the form 9, and this program knows form 1: use one version of it for all jobs":              index(func(a map[string]string) { a[prefix+"schema"] = "9" }),
		`attempt "x": it is not a number`:                                                                   index(func(a map[string]string) { a[prefix+"attempt"] = "x" }),
		"it names no image or no platform":                                                                  index(func(a map[string]string) { a[prefix+"image"] = "" }),
		`"arm64": an operating system and an architecture are needed, as in linux/arm64; write linux/arm64`: index(func(a map[string]string) { a[prefix+"platform"] = "arm64" }),
		"it names no manifest":                                                                              {Annotations: handover(t, nil).Annotations()},
	} {
		if _, err := plan.HandoverOf(in); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := plan.ReadHandover([]byte("text")); err == nil || !strings.HasPrefix(err.Error(), "it is not a record of a staged build: ") {
		t.Errorf("text is read as a record: %v", err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	mine := handover(t, nil)
	staging := plan.Staging{Key: "812", Attempt: 2, Revision: "c0ffee"}
	for _, test := range []struct {
		what                        string
		change                      func(*plan.Handover)
		accepts, together, replaces string // what is said; empty: it is let in
	}{
		{what: "the same", change: func(*plan.Handover) {}},
		{
			what: "another image", change: func(h *plan.Handover) { h.Image = "ghcr.io/o/b" },
			accepts:  "it is of another image: ghcr.io/o/b, and ghcr.io/o/app is to be published",
			replaces: `linux/arm/v7 of ghcr.io/o/app is handed over there under the key "812", not linux/arm/v7 of ghcr.io/o/b under "812"`,
		},
		{
			what: "another platform", change: func(h *plan.Handover) { h.Platform = plan.Platform{} },
			accepts:  "it is of another platform: unknown, and linux/arm/v7 is to be published",
			replaces: `linux/arm/v7 of ghcr.io/o/app is handed over there under the key "812", not unknown of ghcr.io/o/app under "812"`,
		},
		{
			what: "another run", change: func(h *plan.Handover) { h.Key = "811" },
			accepts:  "it is of another run: 811, and 812 is to be published",
			together: "linux/arm/v7 is of run 811, and linux/arm/v7 of run 812",
			replaces: `linux/arm/v7 of ghcr.io/o/app is handed over there under the key "812", not linux/arm/v7 of ghcr.io/o/app under "811"`,
		},
		{
			what: "another revision", change: func(h *plan.Handover) { h.Revision = "" },
			accepts:  "it is of another revision: none, and c0ffee is to be published",
			together: "linux/arm/v7 is of revision none, and linux/arm/v7 of revision c0ffee",
		},
		{
			what: "an older attempt", change: func(h *plan.Handover) { h.Attempt = 1 },
			replaces: "attempt 2 has handed it over, and this is attempt 1: the older must not replace the newer",
		},
		{what: "a newer attempt", change: func(h *plan.Handover) { h.Attempt = 3 }},
		{
			what: "another image of the same repository", change: func(h *plan.Handover) { h.Tags = []string{"ghcr.io/o/app:debug"} },
			together: "linux/arm/v7 was built for ghcr.io/o/app:debug, and linux/arm/v7 for ghcr.io/o/app:1.4, ghcr.io/o/app:latest: they are different images",
			replaces: "another build of this run has handed it over, for the tags ghcr.io/o/app:1.4, ghcr.io/o/app:latest, and this one is for ghcr.io/o/app:debug: give each image a key of its own, for example --staged=812-debug",
		},
	} {
		h := handover(t, test.change)
		got := []string{text(staging.Accepts(h, mine.Image, mine.Platform)), text(h.Together(mine)), text(h.Replaces(mine))}
		if diff := cmp.Diff([]string{test.accepts, test.together, test.replaces}, got); diff != "" {
			t.Errorf("%s: what is said differs (-want +got):\n%s", test.what, diff)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestStagingTag(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	seen := map[string]string{}
	for _, key := range []string{"812", "jenkins-a/b-7", "jenkins-a-b-7", long, long + "y", "ä"} {
		for _, platform := range []string{"linux/amd64", "linux/arm/v7", "windows(10.0.17763)/amd64", "windows(10.0.20348)/amd64"} {
			p, err := plan.ParsePlatform(platform)
			if err != nil {
				t.Fatal(err)
			}
			tag := plan.StagingTag(key, p)
			if len(tag) > 128 || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "" {
				t.Errorf("%s of %s: %q is not a tag", platform, key, tag)
			}
			if other, twice := seen[tag]; twice {
				t.Errorf("%s is the tag of %s and of %s", tag, other, key+" "+platform)
			}
			seen[tag] = key + " " + platform
		}
	}
	if p, _ := plan.ParsePlatform("linux/arm/v7"); plan.StagingTag("812", p) != "staged-812-linux-arm-v7" {
		t.Errorf("got %s", plan.StagingTag("812", p))
	}
}
