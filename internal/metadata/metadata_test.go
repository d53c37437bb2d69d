package metadata_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/metadata"
)

var (
	now   = time.Date(2020, 1, 10, 0, 30, 0, 0, time.UTC)
	event = metadata.Event{Name: "push", Ref: "refs/tags/v1.2.3", SHA: "860c1904a1ce19322e91ac35af1ab07466440c37", DefaultBranch: "main"}
)

// What is wrong is said in our words, with the entry and what to write instead.
func TestProblems(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   metadata.Inputs
		want metadata.Problem // of the hint only the beginning
	}{
		"an unknown type":            {metadata.Inputs{Tags: []string{"type=foo"}}, metadata.Problem{"tags", "type=foo", `there is no type "foo"`, "write type=schedule"}},
		"no pattern":                 {metadata.Inputs{Tags: []string{"type=semver"}}, metadata.Problem{"tags", "type=semver", "a rule of type semver needs pattern=…", "see docs"}},
		"no value":                   {metadata.Inputs{Tags: []string{"type=raw"}}, metadata.Problem{"tags", "type=raw", "a rule of type raw needs value=…", "see docs"}},
		"an unknown event":           {metadata.Inputs{Tags: []string{"type=ref,event=x"}}, metadata.Problem{"tags", "type=ref,event=x", "event=x is not one of branch, tag and pr", "see docs"}},
		"an unknown format":          {metadata.Inputs{Tags: []string{"type=sha,format=x"}}, metadata.Problem{"tags", "type=sha,format=x", "format=x is neither short nor long", "see docs"}},
		"a group without a number":   {metadata.Inputs{Tags: []string{"type=match,pattern=v,group=x"}}, metadata.Problem{"tags", "type=match,pattern=v,group=x", "group=x is not a number", "see docs"}},
		"a priority without one":     {metadata.Inputs{Tags: []string{"a,priority=x"}}, metadata.Problem{"tags", "a,priority=x", "priority=x is not a number", "see docs"}},
		"two values":                 {metadata.Inputs{Tags: []string{"a,b"}}, metadata.Problem{"tags", "a,b", `it has two values, "a" and "b"`, "write one rule on a line"}},
		"a comma in a format":        {metadata.Inputs{Tags: []string{"type=raw,value={{date 'D, M'}}"}}, metadata.Problem{"tags", "type=raw,value={{date 'D, M'}}", `it has two values, "{{date 'D" and "M'}}"`, "write one rule"}},
		"an open quote":              {metadata.Inputs{Tags: []string{`type=raw,"value=a`}}, metadata.Problem{"tags", `type=raw,"value=a`, "its quotes do not fit", "write a quote"}},
		"enable":                     {metadata.Inputs{Tags: []string{"a,enable=True"}}, metadata.Problem{"tags", "a,enable=True", "enable=True is neither true nor false", "see docs"}},
		"a regular expression":       {metadata.Inputs{Tags: []string{"type=match,pattern=("}}, metadata.Problem{"tags", "type=match,pattern=(", "the pattern ( is no regular expression: error parsing regexp: missing closing ) in `(`", "see docs"}},
		"a flag of JavaScript":       {metadata.Inputs{Tags: []string{"type=match,pattern=/v/z"}}, metadata.Problem{"tags", "type=match,pattern=/v/z", "a pattern has no flag z", "see docs"}},
		"a match without a group":    {metadata.Inputs{Tags: []string{"type=semver,pattern={{version}},match=v.*"}}, metadata.Problem{"tags", "type=semver,pattern={{version}},match=v.*", "match=v.* has no group: put what is the version into parentheses", "see docs"}},
		"an open expression":         {metadata.Inputs{Tags: []string{"{{branch"}}, metadata.Problem{"tags", "{{branch", `"{{branch" is no template of Handlebars: `, "see docs"}},
		"an unknown function":        {metadata.Inputs{Tags: []string{"{{nope 'x'}}"}}, metadata.Problem{"tags", "{{nope 'x'}}", `there is no function "nope"`, "see docs"}},
		"a date without a format":    {metadata.Inputs{Tags: []string{"{{date}}"}}, metadata.Problem{"tags", "{{date}}", "date takes one format in quotes, as in {{date 'YYYYMMDD'}}", "see docs"}},
		"an attribute of a date":     {metadata.Inputs{Tags: []string{"type=raw,value={{date 'X' zone='UTC'}}"}}, metadata.Problem{"tags", "type=raw,value={{date 'X' zone='UTC'}}", "date knows tz='ZONE', and no zone", "see docs"}},
		"a time zone":                {metadata.Inputs{Tags: []string{"type=raw,value={{date 'X' tz='Nowhere/City'}}"}}, metadata.Problem{"tags", "type=raw,value={{date 'X' tz='Nowhere/City'}}", `there is no time zone "Nowhere/City"`, "see docs"}},
		"this machine's time zone":   {metadata.Inputs{Tags: []string{"type=raw,value={{date 'X' tz='local'}}"}}, metadata.Problem{"tags", "type=raw,value={{date 'X' tz='local'}}", `there is no time zone "local"`, "see docs"}},
		"an unknown flavor":          {metadata.Inputs{Flavor: []string{"a=b"}}, metadata.Problem{"flavor", "a=b", "there is no attribute a", "write latest="}},
		"latest":                     {metadata.Inputs{Flavor: []string{"latest=yes"}}, metadata.Problem{"flavor", "latest=yes", "latest=yes is not one of auto, true and false", "write latest="}},
		"onlatest":                   {metadata.Inputs{Flavor: []string{"prefix=a,onlatest=1"}}, metadata.Problem{"flavor", "prefix=a,onlatest=1", "onlatest=1 is neither true nor false", "write latest="}},
		"a flavor without attribute": {metadata.Inputs{Flavor: []string{"latest"}}, metadata.Problem{"flavor", "latest", `"latest" is no attribute`, "write latest="}},
		"an image without a name":    {metadata.Inputs{Images: []string{"enable=true"}}, metadata.Problem{"images", "enable=true", "it has no name", "write one image"}},
		"an attribute of an image":   {metadata.Inputs{Images: []string{"name=a,foo=b"}}, metadata.Problem{"images", "name=a,foo=b", "there is no attribute foo", "write one image"}},
		"an image's enable":          {metadata.Inputs{Images: []string{"name=a,enable=yes"}}, metadata.Problem{"images", "name=a,enable=yes", "enable=yes is neither true nor false", "write one image"}},
		"two names on one of lines":  {metadata.Inputs{Images: []string{"a", "b,c"}}, metadata.Problem{"images", "b,c", `it has two names, "b" and "c"`, "write one image"}},
		"an expression in a label":   {metadata.Inputs{Labels: []string{"a={{date}}"}}, metadata.Problem{"labels", "a={{date}}", "date takes one format in quotes, as in {{date 'YYYYMMDD'}}", "see docs"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.in.Event, test.in.Now = event, now
			_, problems := metadata.New(test.in)
			if len(problems) != 1 {
				t.Fatalf("the problems are %v, want one", problems)
			}
			got := problems[0]
			if got.Input != test.want.Input || got.Value != test.want.Value || !strings.HasPrefix(got.Rule, test.want.Rule) || !strings.HasPrefix(got.Hint, test.want.Hint) {
				t.Errorf("the problem differs (-want +got):\n%s", cmp.Diff(test.want, got))
			}
		})
	}
}

// Where the action's own reading of its inputs makes something senseless of a line, what it is documented to mean is what counts: there,
// the quotes around an attribute are lost before the attributes are read.
func TestQuotesHoldCommas(t *testing.T) {
	t.Parallel()
	got, problems := metadata.New(metadata.Inputs{
		Event: event, Now: now, Images: []string{"a/b"},
		Tags: []string{`type=match,"pattern=\d{1,2}"`, `type=raw,"value={{date 'ddd, D'}}"`},
	})
	if diff := cmp.Diff([]string{"a/b:1", "a/b:Fri-10", "a/b:latest"}, got.Tags); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v, tags (-want +got):\n%s", problems, diff)
	}
}

func TestWhatMakesNoTagIsSaid(t *testing.T) {
	t.Parallel()
	got, problems := metadata.New(metadata.Inputs{
		Event: event, Now: now, Labels: []string{"foo"},
		Tags: []string{
			"type=semver,pattern={{version}},value=1.2", "type=pep440,pattern={{version}},value=x", "type=match,pattern=y",
			"type=match,pattern=v,group=3", `type=semver,pattern={{version}},match=z(\d)`,
		},
	})
	want := []string{
		"tags: type=semver,pattern={{version}},value=1.2 makes no tag: 1.2 is not a semantic version, see https://semver.org",
		"tags: type=pep440,pattern={{version}},value=x makes no tag: x is not a version of PEP 440, see https://peps.python.org/pep-0440",
		`tags: match=z(\d) finds nothing in v1.2.3`,
		"tags: pattern=y finds nothing in v1.2.3",
		"tags: there is no group 3 in pattern=v",
		"labels: foo is left out: it is not KEY=VALUE",
	}
	if diff := cmp.Diff(want, got.Notes); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v, notes (-want +got):\n%s", problems, diff)
	}
}

func FuzzNew(f *testing.F) {
	for _, rule := range []string{"type=semver,pattern={{version}}", "{{#if tag}}x{{else}}{{date 'YYYY' tz='Asia/Tokyo'}}{{/if}}", `type=match,"pattern=/v(.*)/gi",group=1`, "type=raw,value={{#each a}}{{this}}{{/each}}"} {
		f.Add(rule, "refs/tags/v1.2.3", "latest=auto")
	}
	f.Fuzz(func(t *testing.T, rule, ref, flavor string) {
		got, _ := metadata.New(metadata.Inputs{Event: metadata.Event{Ref: ref}, Now: now, Tags: []string{rule}, Flavor: []string{flavor}})
		for _, tag := range got.TagNames {
			if strings.Trim(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
				t.Errorf("%q holds what a tag cannot", tag)
			}
		}
	})
}

func TestChangedFilesHaveNoRevision(t *testing.T) {
	t.Parallel()
	for modified, want := range map[bool]string{false: "860c190", true: ""} {
		got, problems := metadata.New(metadata.Inputs{Event: metadata.Event{SHA: "860c190", Modified: modified}, Tags: []string{"type=sha"}})
		if len(problems) > 0 || got.Version != "sha-860c190" {
			t.Fatalf("the version is %s (%v)", got.Version, problems)
		}
		if !slices.Contains(got.Labels, metadata.Pair{Key: "org.opencontainers.image.revision", Value: want}) {
			t.Errorf("with Modified %t the labels are %v, want the revision %q", modified, got.Labels, want)
		}
	}
}
