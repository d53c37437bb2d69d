package main_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// directDependencies are the modules whose packages ours import, the tests' too.
func directDependencies(t *testing.T) []string {
	t.Helper()
	all := goList(t, "linux", "-deps", "-test", "-tags", "e2e", "-json=ImportPath,Imports,TestImports,XTestImports,Module", "./...")
	moduleOf := map[string]string{}
	for _, p := range all {
		if p.Module != nil && !p.Module.Main {
			moduleOf[p.ImportPath] = p.Module.Path
		}
	}
	direct := map[string]bool{}
	for _, p := range all {
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if m := moduleOf[imported]; m != "" {
				direct[m] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(direct))
}

var dependencyRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$")

func TestEveryDependencyHasAReason(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range dependencyRow.FindAllStringSubmatch(string(text), -1) {
		got = append(got, row[1])
		if len(strings.Fields(row[2])) < 3 {
			t.Errorf("docs/dependencies.md: %s is for %q, want a reason", row[1], row[2])
		}
	}
	if diff := cmp.Diff(directDependencies(t), got); diff != "" {
		t.Errorf("docs/dependencies.md differs from what is imported (-imported +listed):\n%s", diff)
	}
}

// A module that is imported is required, and so has a version that was chosen.
func TestEveryDependencyIsRequired(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range directDependencies(t) {
		if !strings.Contains(string(text), fmt.Sprintf("\t%s v", m)) {
			t.Errorf("go.mod does not require %s, which is imported", m)
		}
	}
}
