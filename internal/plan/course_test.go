package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/plan"
)

func TestCourse(t *testing.T) {
	t.Parallel()
	in := plan.Inputs{
		Platforms: []string{"linux/amd64", "linux/aarch64", "linux/riscv64"}, AllowFailure: []string{"linux/arm64", "linux/arm64/v8", "linux/riscv64"},
		Preflight: "off", Parallel: "3", FailFast: "true", PlatformTimeout: "30m",
	}
	p, err := plan.New(in, world(nil))
	if err != nil {
		t.Fatal(err)
	}
	c := p.Course
	if c.Preflight || c.Parallel != 3 || !c.FailFast || c.Timeout != 30*time.Minute || len(c.AllowFailure) != 2 {
		t.Errorf("the course is %+v", c)
	}
	if !c.MayFail(p.Platforms[1]) || c.MayFail(p.Platforms[0]) {
		t.Errorf("MayFail() is wrong: %+v", c.AllowFailure)
	}
	if p, err = plan.New(plan.Inputs{Platforms: []string{"linux/amd64"}}, world(nil)); err != nil || !p.Course.Preflight || p.Course.Parallel != 0 {
		t.Errorf("the course that nobody chose is %+v, %v", p, err)
	}
}

func TestWrongCourse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   plan.Inputs
		want string
	}{
		{plan.Inputs{Preflight: "maybe"}, `--preflight "maybe": it is not one of the known values; write one of: on, off`},
		{plan.Inputs{Parallel: "0"}, `--parallel "0": it is not a number of platforms; write 1 or more, or leave it out`},
		{plan.Inputs{Parallel: "many"}, `--parallel "many": it is not a number of platforms; write 1 or more, or leave it out`},
		{plan.Inputs{FailFast: "perhaps"}, `--fail-fast "perhaps": it is neither true nor false; write true or false`},
		{plan.Inputs{AllowFailure: []string{"linux/s390x"}}, `--allow-failure "linux/s390x": it is not one of the platforms that are built; name one that --platform names`},
		{plan.Inputs{AllowFailure: []string{"linux"}}, `--allow-failure "linux": `},
		{plan.Inputs{AllowFailure: []string{"linux/amd64", "linux/arm64"}}, `--allow-failure: it names all 2 platforms, so nothing might be left to publish; leave out at least one that must be there`},
		{plan.Inputs{PlatformTimeout: "5"}, `--platform-timeout "5": it is not a positive duration; write a number with a unit, for example 90s or 30m`},
		{plan.Inputs{JUnit: "/nowhere/junit.xml"}, `--junit "/nowhere/junit.xml": the folder that it would be in does not exist; create the folder first`},
	} {
		test.in.Platforms = []string{"linux/amd64", "linux/arm64"}
		if _, err := plan.New(test.in, world(nil)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("New() gives %v, want %s", err, test.want)
		}
	}
}
