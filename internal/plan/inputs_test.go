package plan_test

import (
	"slices"
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
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, test.kind.Split(test.text)); diff != "" {
				t.Errorf("Split(%q) differs (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

// No value is empty, has blanks around it or holds a separator; joined and split again the values are the same; and nothing but
// blanks and separators is lost.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "a,b", " a \r\n b,,c ", "A=1,2\nB=3"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, lines bool) {
		kind, separators, joint := plan.KindList, ",\r\n", ","
		if lines {
			kind, separators, joint = plan.KindLines, "\r\n", "\n"
		}
		values := kind.Split(text)
		for _, value := range values {
			if value == "" || strings.TrimSpace(value) != value || strings.ContainsAny(value, separators) {
				t.Errorf("Split(%q) has the value %q", text, value)
			}
		}
		if again := kind.Split(strings.Join(values, joint)); !slices.Equal(again, values) {
			t.Errorf("Split(%q) = %q, and joined and split again %q", text, values, again)
		}
		bare := func(text string) string {
			return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(separators, c) || strings.TrimSpace(string(c)) == "" }), "")
		}
		if got, want := bare(strings.Join(values, joint)), bare(text); got != want {
			t.Errorf("Split(%q) = %q: it keeps %q, want %q", text, values, got, want)
		}
	})
}

func TestBuildInputsIsAConsistentTable(t *testing.T) {
	t.Parallel()
	var in plan.Inputs
	places := map[any]string{}
	flags := map[string]bool{}
	for _, input := range plan.BuildInputs() {
		if input.Help == "" || strings.Contains(input.Help, "\n") {
			t.Errorf("%s: the help text is %q, want one line", input.Name, input.Help)
		}
		if flags[input.Flag] || flags["-"+input.Short] && input.Short != "" {
			t.Errorf("%s: another input has the flag --%s or -%s", input.Name, input.Flag, input.Short)
		}
		flags[input.Flag], flags["-"+input.Short] = true, true
		if isList := input.Kind == plan.KindList || input.Kind == plan.KindLines; isList != input.IsList() {
			t.Errorf("%s: it is a list by its kind: %t, by its place: %t", input.Name, isList, input.IsList())
		}
		var place any
		if input.IsList() {
			place = input.List(&in)
		} else {
			place = input.Text(&in)
		}
		if other, taken := places[place]; taken {
			t.Errorf("%s is kept in the same place as %s", input.Name, other)
		}
		places[place] = input.Name
	}
}

// A default in the table is what New takes for nothing: GitHub passes the table's defaults, a terminal passes nothing.
func TestDefaultsMeanNothingSaid(t *testing.T) {
	t.Parallel()
	spelled := good()
	for _, input := range plan.BuildInputs() {
		if !input.IsList() {
			*input.Text(&spelled) = input.Default
		}
	}
	want, got := newPlan(t, good(), nil), newPlan(t, spelled, nil)
	if diff := cmp.Diff(jsonOf(t, want), jsonOf(t, got)); diff != "" {
		t.Errorf("the plan with defaults spelled out differs (-said nothing +spelled out):\n%s", diff)
	}
}
