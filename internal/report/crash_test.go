package report_test

import (
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

func TestASecondTryIsShown(t *testing.T) {
	t.Parallel()
	r := published(t)
	r.Platforms[1].Crash = &report.Crash{Emulator: "QEMU 6.2.0 (/usr/bin/qemu-aarch64-static)", Signal: 11, ExitCode: 139}
	r.Platforms[2].Execution, r.Platforms[2].Emulator = "cross", ""
	var text, markdown strings.Builder
	if err := r.Terminal(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	for got, wants := range map[string][]string{
		text.String(): {"emulated (QEMU 7.2.22), second try", "cross"}, markdown.String(): {"emulated, 3/7\u00a0cached, second\u00a0try", "| cross, cached |"},
	} {
		for _, want := range wants {
			if strings.Count(got, want) != 1 {
				t.Errorf("%q is not shown once in\n%s", want, got)
			}
		}
	}
}
