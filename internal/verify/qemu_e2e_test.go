//go:build e2e

package verify

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
)

// qemuCases are programs, and the least processor of a platform as QEMU names it.
var qemuCases = []struct {
	platform, qemu, cpu string
	build               []string // environment of go build
	mode                string
}{
	{"linux/arm/v5", "arm", "arm926", []string{"GOARCH=arm", "GOARM=5"}, "exe"},
	{"linux/arm/v5", "arm", "arm926", []string{"GOARCH=arm", "GOARM=6"}, "exe"},
	{"linux/arm/v5", "arm", "arm926", []string{"GOARCH=arm", "GOARM=7"}, "exe"},
	{"linux/arm/v6", "arm", "arm1176", []string{"GOARCH=arm", "GOARM=5"}, "exe"},
	{"linux/arm/v6", "arm", "arm1176", []string{"GOARCH=arm", "GOARM=6"}, "exe"},
	{"linux/arm/v6", "arm", "arm1176", []string{"GOARCH=arm", "GOARM=7"}, "exe"},
	{"linux/arm/v6", "arm", "arm1176", []string{"GOARCH=arm", "GOARM=7,softfloat"}, "exe"},
	{"linux/arm/v7", "arm", "cortex-a7", []string{"GOARCH=arm", "GOARM=5"}, "exe"},
	{"linux/arm/v7", "arm", "cortex-a7", []string{"GOARCH=arm", "GOARM=7"}, "exe"},
	{"linux/arm64", "aarch64", "cortex-a53", []string{"GOARCH=arm64", "GOARM64=v8.0"}, "exe"},
	{"linux/arm64", "aarch64", "cortex-a53", []string{"GOARCH=arm64", "GOARM64=v9.0"}, "exe"},
	{"linux/arm64", "aarch64", "cortex-a53", []string{"GOARCH=arm64", "GOARM64=v8.0"}, "pie"},
	{"linux/arm64", "aarch64", "cortex-a53", []string{"GOARCH=amd64", "GOAMD64=v1"}, "exe"},
	{"linux/arm64", "aarch64", "cortex-a53", []string{"GOARCH=arm", "GOARM=7"}, "exe"},
	{"linux/amd64", "x86_64", "qemu64", []string{"GOARCH=amd64", "GOAMD64=v1"}, "exe"},
	{"linux/amd64", "x86_64", "qemu64", []string{"GOARCH=amd64", "GOAMD64=v3"}, "exe"},
	{"linux/amd64", "x86_64", "qemu64", []string{"GOARCH=arm64", "GOARM64=v8.0"}, "exe"},
	{"linux/amd64/v3", "x86_64", "max", []string{"GOARCH=amd64", "GOAMD64=v3"}, "exe"},
	{"linux/s390x", "s390x", "max", []string{"GOARCH=s390x"}, "exe"},
	{"linux/s390x", "s390x", "max", []string{"GOARCH=ppc64"}, "exe"},
	{"linux/ppc64le", "ppc64le", "power8", []string{"GOARCH=ppc64le", "GOPPC64=power8"}, "exe"},
	{"linux/ppc64le", "ppc64le", "power8", []string{"GOARCH=ppc64le", "GOPPC64=power10"}, "exe"},
	{"linux/mips64le", "mips64el", "MIPS64R2-generic", []string{"GOARCH=mips64le"}, "exe"},
	{"linux/mips64le", "mips64el", "MIPS64R2-generic", []string{"GOARCH=mips64"}, "exe"},
}

// TestQEMUAgrees runs programs on the least processor of a platform: what is not found to be wrong runs, and what is
// found does not.
func TestQEMUAgrees(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/sum\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "main.go"), qemuProgram)
	for _, test := range qemuCases {
		t.Run(test.platform+" "+strings.Join(test.build, " ")+" "+test.mode, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(t.TempDir(), "app")
			build := exec.CommandContext(t.Context(), "go", "build", "-buildmode="+test.mode, "-o", program, ".")
			build.Dir = dir
			build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off", "GOFLAGS="), test.build...)
			if text, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			data, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			p := platform(t, test.platform)
			findings, err := checkImage(t.Context(), p, imageFor(p, entrypoint("/app")), newMemory(map[string]node{"/app": exe(string(data))}))
			if err != nil {
				t.Fatal(err)
			}
			text, runs := underQEMU(t, test.qemu, test.cpu, program)
			if sound := !foundAny(findings); sound != runs {
				t.Errorf("it runs: %t (%s); found: %q", runs, text, brief(findings))
			}
		})
	}
}

func foundAny(findings []plan.Finding) bool {
	for _, f := range findings {
		if f.Severity != plan.SeverityNote {
			return true
		}
	}
	return false
}

// underQEMU runs a program in an empty root, so that no loader of this machine is found.
func underQEMU(t *testing.T, arch, cpu, program string) (text string, runs bool) {
	t.Helper()
	qemu := filepath.Join(os.Getenv("LAB_QEMU_DIR"), "qemu-"+arch+"-static")
	run := exec.CommandContext(t.Context(), qemu, "-L", t.TempDir(), "-cpu", cpu, program)
	var out bytes.Buffer
	run.Stdout, run.Stderr = &out, &out
	err := run.Run()
	if run.ProcessState == nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String()), err == nil && strings.HasPrefix(out.String(), "ran")
}

// qemuProgram uses what the settings let the compiler choose instructions for.
const qemuProgram = `package main

import (
	"fmt"
	"math"
	"math/bits"
	"os"
	"strings"
	"sync/atomic"
)

func main() {
	var n atomic.Int64
	x := float64(len(os.Args)) + 0.5
	for i := range 100 {
		n.Add(int64(bits.OnesCount64(uint64(i)) + bits.TrailingZeros32(uint32(i))))
		x = math.FMA(x, 1.5, math.Floor(x)) / float64(i+1)
	}
	fmt.Println("ran", n.Load(), strings.Repeat("x", 3), x > 0)
}
`
