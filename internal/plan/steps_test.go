package plan_test

import (
	"slices"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
)

func TestHostGatewayIsForTheBuilderToSay(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.AddHosts = []string{"up:host-gateway", "two=10.0.0.1,[fd00::2]", "six:fd00::3"}
	}), nil)
	if !p.Steps.NamesGateway() {
		t.Error("NamesGateway() = false")
	}
	want := []string{"up=172.17.0.1", "two=10.0.0.1", "two=fd00::2", "six=fd00::3"}
	if got := p.Steps.HostsAt("172.17.0.1"); !slices.Equal(got, want) {
		t.Errorf("HostsAt() = %q, want %q", got, want)
	}
	if p = newPlan(t, with(func(in *plan.Inputs) { in.AddHosts = want }), nil); p.Steps.NamesGateway() {
		t.Errorf("NamesGateway() = true for %q", want)
	}
}
