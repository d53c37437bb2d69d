package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestBuildInputsIsAConsistentTable(t *testing.T) {
	t.Parallel()
	var in plan.Inputs
	places := map[any]string{}
	flags := map[string]bool{}
	for _, input := range plan.BuildInputs() {
		if input.Help == "" || strings.Contains(input.Help, "\n") {
			t.Errorf("%s: the help text is %q, want one line", input.Name, input.Help)
		}
		if flags[input.Flag] && input.Flag != "" || flags["-"+input.Short] && input.Short != "" {
			t.Errorf("%s: another input has the flag --%s or -%s", input.Name, input.Flag, input.Short)
		}
		flags[input.Flag], flags["-"+input.Short] = true, true
		if isList := input.Kind != plan.KindText && input.Kind != plan.KindBool && input.Kind != plan.KindKey; isList != input.IsList() {
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
