package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/report"
)

func runs(t *testing.T) map[string]*report.Report {
	t.Helper()
	return map[string]*report.Report{
		"published": published(t), "failed": failed(t), "rejected": rejected(t), "cancelled": cancelled(t), "setup-failed": setupFailed(t),
		"builder-lost": builderLost(t), "not-verified": notVerified(t), "hostile": hostile(t), "nodes": nodes(t), "ignored": ignored(t), "without": without(t),
	}
}

func TestRenderings(t *testing.T) {
	t.Parallel()
	for name, run := range runs(t) {
		for kind, write := range map[string]func(io.Writer) error{"txt": run.Terminal, "md": run.Markdown, "json": run.JSON, "junit.xml": run.JUnit} {
			t.Run(name+"."+kind, func(t *testing.T) {
				t.Parallel()
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				golden.Check(t, name+"."+kind, b.String())
			})
		}
	}
}

func TestJSONIsReadBackWhole(t *testing.T) {
	t.Parallel()
	for name, run := range runs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first, second bytes.Buffer
			if err := run.JSON(&first); err != nil {
				t.Fatal(err)
			}
			var back report.Report
			if err := json.Unmarshal(first.Bytes(), &back); err != nil {
				t.Fatal(err)
			}
			if err := back.JSON(&second); err != nil {
				t.Fatal(err)
			}
			if first.String() != second.String() {
				t.Errorf("read back it is\n%s\nwant\n%s", second.String(), first.String())
			}
		})
	}
}

// On GitHub standard output is a log too, in which "##[" begins a command anywhere in a line.
func TestJSONHoldsNoCommandOfARunner(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := hostile(t).JSON(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, "##[") || strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a runner could act on the line %q", line)
		}
	}
}

func TestWritersErrorIsReturned(t *testing.T) {
	t.Parallel()
	run := published(t)
	for name, write := range map[string]func(io.Writer) error{"Terminal": run.Terminal, "Markdown": run.Markdown, "JSON": run.JSON} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := write(full{}); !errors.Is(err, errFull) {
				t.Errorf("%s() gives %v, want %v", name, err, errFull)
			}
		})
	}
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
