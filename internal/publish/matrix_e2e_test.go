//go:build e2e

package publish_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFaultsBeforeDistribution(t *testing.T) {
	t.Parallel()
	faultMatrix(t, "distribution", serveProgram(t, strings.TrimSpace(fromLab(t, "tool", "registry"))))
}

func TestFaultsBeforeDockerRegistry(t *testing.T) {
	t.Parallel()
	faultMatrix(t, "docker-registry", serveProgram(t, labValue(t, "LAB_REGISTRY_PROGRAM")))
}

func TestTwoRunsRaceForATagInTheLab(t *testing.T) {
	t.Parallel()
	raceForTags(t, labValue(t, "LAB_REGISTRY"), 50)
}

// labValue is one of the lab's addresses.
func labValue(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(fromLab(t, "env")) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return value
		}
	}
	t.Fatalf("the lab does not name its %s", name)
	return ""
}

// fromLab is what a command of the lab prints.
func fromLab(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "./lab"}, args...)...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = os.Stderr // of a tool that is built first
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// serveProgram starts distribution's registry, of any generation.
func serveProgram(t *testing.T, program string) (host string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host = listener.Addr().String()
	_ = listener.Close() // it is the program's now
	config := filepath.Join(t.TempDir(), "registry.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", t.TempDir(), host)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "serve", config)
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		response, err := http.Get("http://" + host + "/v2/")
		if err == nil {
			_ = response.Body.Close() // it answers
			return host
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", program, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
