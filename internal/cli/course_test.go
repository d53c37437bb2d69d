package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/setup"
)

func TestDefaultParallel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		has       setup.Resources
		platforms int
		want      int
	}{
		{"nothing is known", setup.Resources{}, 8, 8},
		{"few processors", setup.Resources{Cores: 1, Memory: 64 << 30}, 8, 4},
		{"processors enough", setup.Resources{Cores: 4, Memory: 64 << 30}, 8, 8},
		{"little memory", setup.Resources{Cores: 16, Memory: 1 << 30}, 8, 2},
		{"next to no memory", setup.Resources{Cores: 16, Memory: 100 << 20}, 8, 1},
		{"one platform", setup.Resources{Cores: 4, Memory: 64 << 30}, 1, 1},
	} {
		if got := defaultParallel(test.has, test.platforms); got != test.want {
			t.Errorf("%s: defaultParallel() = %d, want %d", test.name, got, test.want)
		}
	}
}

func TestChecksOfPreflightAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/course.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range preflightChecks() {
		if row := fmt.Sprintf("| `%s` | %s |\n", check[0], check[1]); !strings.Contains(string(text), row) {
			t.Errorf("docs/course.md does not have the row %s", row)
		}
	}
}
