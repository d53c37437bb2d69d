//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// privateEngine is a Docker Engine of a test's own, beside the lab's: one that may be killed.
type privateEngine struct {
	host    string
	program string
	args    []string
	cmd     *exec.Cmd
}

// newPrivateEngine starts it with nothing shared but the OCI runtime, which on some machines must strip what the machine withholds.
// The program is dockerd, or the path of another version of it.
func newPrivateEngine(t *testing.T, program string) *privateEngine {
	t.Helper()
	dir := shortTemp(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	e := &privateEngine{program: program, host: "unix://" + in("s"), args: []string{
		"--host", "unix://" + in("s"), "--data-root", in("data"), "--exec-root", in("exec"), "--pidfile", in("pid"), "--config-file", in("none.json"),
		"--registry-mirror", "http://" + w.lab["LAB_REGISTRY"], "--bridge", newBridge(t, program), "--iptables=false", "--ip-forward=false",
	}}
	if err := os.WriteFile(in("none.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var info struct {
		DefaultRuntime string
		Runtimes       map[string]struct{ Path string }
	}
	if err := json.Unmarshal([]byte(must(t, "docker", "info", "--format", "{{json .}}")), &info); err != nil {
		t.Fatal(err)
	}
	if runtime := info.DefaultRuntime; filepath.IsAbs(info.Runtimes[runtime].Path) {
		e.args = append(e.args, "--add-runtime", runtime+"="+info.Runtimes[runtime].Path, "--default-runtime", runtime)
	}
	e.start(t)
	t.Cleanup(func() {
		e.end(t, syscall.SIGTERM) // it ends its containers and its containerd
		for _, mounted := range []string{in("data"), in("exec/netns/default")} {
			for syscall.Unmount(mounted, syscall.MNT_DETACH) == nil { // once for each engine that was killed
			}
		}
	})
	return e
}

// newBridge makes a network bridge. Without one of its own an engine takes docker0 into use, and told to have none it deletes docker0:
// either way that of the engine beside it.
func newBridge(t *testing.T, program string) string {
	t.Helper()
	name, address := fmt.Sprintf("e2e%da", os.Getpid()), "198.51.100.1/24" // addresses for documentation, which nobody has (RFC 5737)
	if program != "dockerd" {
		name, address = fmt.Sprintf("e2e%db", os.Getpid()), "203.0.113.1/24" // two engines may run at once
	}
	must(t, "ip", "link", "add", name, "type", "bridge")
	t.Cleanup(func() { must(t, "ip", "link", "delete", name) })
	must(t, "ip", "address", "add", address, "dev", name)
	return name
}

func (e *privateEngine) start(t *testing.T) {
	t.Helper()
	e.cmd = exec.Command(e.program, e.args...)
	e.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log strings.Builder
	e.cmd.Stderr = &log
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the private engine:\n%s", log.String())
		}
	})
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		if _, err := output("", "docker", "--host", e.host, "version"); err == nil {
			return
		}
	}
	t.Fatal("the private engine does not answer")
}

func (e *privateEngine) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := e.cmd.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	_ = e.cmd.Wait() // it was told to end
}

// load copies an image from the lab's engine.
func (e *privateEngine) load(t *testing.T, image string) {
	t.Helper()
	save, load := exec.Command("docker", "save", image), exec.Command("docker", "--host", e.host, "load", "--quiet")
	pipe, err := save.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	load.Stdin = pipe
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	if text, err := load.CombinedOutput(); err != nil {
		t.Fatalf("loading %s: %v\n%s", image, err, text)
	}
	if err := save.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestKilledEngineIsSurvivedByTheNextRun(t *testing.T) {
	t.Parallel()
	engine := newPrivateEngine(t, "dockerd")
	engine.load(t, w.lab["LAB_BUILDKIT_IMAGE"])
	tmp := shortTemp(t)
	build := func(dockerfile string) invocation {
		// The mirror, without which there is no base image, is known to the engine only.
		return invocation{tmp: tmp, env: []string{"DOCKER_HOST=" + engine.host}, args: []string{
			"build", "--platform", "linux/amd64", "--progress", "plain", folder(t, map[string]string{"Dockerfile": dockerfile}),
		}}
	}
	s := build("FROM busybox\nRUN echo now && sleep 3\n").start(t, "| now")
	engine.end(t, syscall.SIGKILL)
	r := s.wait(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "container multiarch-action-"+s.run+": removing: ")

	engine.start(t)
	r = build(runsAtOnce).run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "docker.io has the mirror "+w.lab["LAB_REGISTRY"]+" by the engine's configuration, and for the builder too", "swept what runs that were killed have left: run "+s.run+": container multiarch-action-"+s.run)
	if left := must(t, "docker", "--host", engine.host, "ps", "-aq") + must(t, "docker", "--host", engine.host, "volume", "ls", "-q"); left != "" {
		t.Errorf("left in the engine: %s", left)
	}
	wantEmpty(t, tmp)
}
