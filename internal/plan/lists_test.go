package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		kind plan.Kind
		text string
		want []string
	}{
		{"nothing", plan.KindList, " \n", nil},
		{"commas", plan.KindList, "a,b", []string{"a", "b"}},
		{"lines, as in a YAML block", plan.KindList, "a\n  b\r\n\n", []string{"a", "b"}},
		{"both, with empty values", plan.KindList, " a ,, b,\nc", []string{"a", "b", "c"}},
		{"lines keep their commas", plan.KindLines, "A=1,2\nB=x y\n", []string{"A=1,2", "B=x y"}},

		// From __tests__/util.test.ts of docker/actions-toolkit.
		{"peer: empty lines", plan.KindList, "bar\n\nbaz", []string{"bar", "baz"}},
		{"peer: empty result", plan.KindList, "bar,baz,", []string{"bar", "baz"}},
		{"peer: lines of Windows and commas", plan.KindList, "bar\r\nbaz,bat", []string{"bar", "baz", "bat"}},
		{"peer: lines whose commas stay", plan.KindLines, "user/app:cache\r\ntype=local,src=path/to/dir", []string{"user/app:cache", "type=local,src=path/to/dir"}},
		{"peer: # is no comment", plan.KindList, "foo=bar\nbar=qux#baz", []string{"foo=bar", "bar=qux#baz"}},
		{
			"peer: quotes that belong to the value", plan.KindOptions, `"env.no_proxy=localhost,127.0.0.1,.mydomain"`,
			[]string{`"env.no_proxy=localhost,127.0.0.1,.mydomain"`},
		},
		{"peer: quotes around a line", plan.KindList, "linux/amd64\n\"linux/arm64,linux/arm/v7\"", []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}},
		{
			"peer: a secret of several lines", plan.KindSecrets, "GIT_AUTH_TOKEN=abcdefgh,ijklmno=0123456789\n\"MYSECRET=aaaaaaaa\nbbbbbbb\nccccccccc\"\nFOO=bar",
			[]string{"GIT_AUTH_TOKEN=abcdefgh,ijklmno=0123456789", "MYSECRET=aaaaaaaa\nbbbbbbb\nccccccccc", "FOO=bar"},
		},
		{"peer: a secret with empty lines", plan.KindSecrets, "FOO=bar\n\"EMPTYLINE=aaaa\n\nbbbb\nccc\"", []string{"FOO=bar", "EMPTYLINE=aaaa\n\nbbbb\nccc"}},
		{"peer: a secret that ends with empty lines", plan.KindSecrets, "\"KEY=TEST\nTEST\n\n\n\"\n", []string{"KEY=TEST\nTEST\n\n\n"}},
		{"peer: a secret of several lines without quotes", plan.KindSecrets, "MYSECRET=aaaaaaaa\nbbbbbbb\nFOO=bar", []string{"MYSECRET=aaaaaaaa", "bbbbbbb", "FOO=bar"}},
		{"peer: quotes in quotes", plan.KindSecrets, "\"MYSECRET=aaaaaaaa\nbbbb\"\"bbb\nccccccccc\"\nFOO=bar", []string{"MYSECRET=aaaaaaaa\nbbbb\"bbb\nccccccccc", "FOO=bar"}},
		{
			"peer: options with quotes", plan.KindOptions, `type=image,"name=ghcr.io/a/b,docker.io/a/b",push-by-digest=true`,
			[]string{`type=image,"name=ghcr.io/a/b,docker.io/a/b",push-by-digest=true`},
		},
		{"a quote inside a value", plan.KindLines, `SAY=he said "hi", twice`, []string{`SAY=he said "hi", twice`}},
		{"a quote that does not end a value", plan.KindLines, `"a"b,c`, []string{`"a"b,c`}},
		{"quotes beside other values", plan.KindList, `x,"b,c"`, []string{"x", "b,c"}},

		{"JSON", plan.KindList, `["linux/amd64", "linux/arm64"]`, []string{"linux/amd64", "linux/arm64"}},
		{"JSON whose values hold commas", plan.KindLines, `["A=1,2","B=3"]`, []string{"A=1,2", "B=3"}},
		{"JSON of numbers", plan.KindList, `[1, true]`, []string{"1", "true"}},
		{"a JSON object, as Woodpecker gives a map", plan.KindLines, `{"B": 2, "A": "1,1"}`, []string{"A=1,1", "B=2"}},
		{"what a shell leaves of GitLab's array", plan.KindList, `[linux/amd64,linux/arm64]`, []string{"linux/amd64", "linux/arm64"}},
		{"the same of lines", plan.KindLines, `[A=1, B=2]`, []string{"A=1", "B=2"}},
		{"an empty array", plan.KindList, `[]`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.kind.Split(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Split(%q) differs (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestSplitRefusesAnOpenQuote(t *testing.T) {
	t.Parallel()
	got, err := plan.KindSecrets.Split("A=1\n\"B=2\nC=3")
	if err == nil || strings.Contains(err.Error(), "B=2") {
		t.Errorf("Split() = %q, %v; want an error that does not show the text", got, err)
	}
}

// Whatever is written: no value is empty, and without quotes and brackets nothing but blanks and separators is lost.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "a,b", " a \r\n b,,c ", "A=1,2\nB=3", `"a,b"`, `"a""b`, "[a, b]", `["a"]`, `{"a":1}`} {
		for kind := range uint8(4) {
			f.Add(seed, kind)
		}
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		kind := []plan.Kind{plan.KindList, plan.KindLines, plan.KindOptions, plan.KindSecrets}[which%4]
		values, err := kind.Split(text)
		if err != nil && !strings.Contains(text, `"`) {
			t.Errorf("Split(%q): %v", text, err)
		}
		for _, value := range values {
			if value == "" || kind != plan.KindSecrets && strings.TrimSpace(value) != value {
				t.Errorf("Split(%q) has the value %q", text, value)
			}
		}
		if strings.ContainsAny(text, `"[{`) {
			return
		}
		bare := func(text string) string {
			return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(",\r\n", c) || strings.TrimSpace(string(c)) == "" }), "")
		}
		if got, want := bare(strings.Join(values, "")), bare(text); got != want {
			t.Errorf("Split(%q) = %q: it keeps %q, want %q", text, values, got, want)
		}
	})
}
