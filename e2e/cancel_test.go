//go:build e2e

package e2e

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/ci/runner"
	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/report"
)

// moments are when runs are cancelled.
var moments = []struct{ name, dockerfile, line, slow string }{
	{"set-up", "FROM busybox\nRUN sleep 600\n", "runs natively", ""},
	{"build", "FROM busybox\nRUN echo now && sleep 600\n", "| now", ""},
	{"push", "FROM busybox\nRUN head -c 3000000 /dev/urandom > /data\n", "", "upload"},
	{"tags", "FROM busybox\nRUN head -c 3000 /dev/urandom > /data\n", "", "tag"},
}

// Every way in which hosts cancel, at every moment: nothing is left within the host's time, and a tag is the old or the new image. The
// table says who has cleaned up, and what became of the two tags.
func TestCancelMatrix(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	outcomes := map[string]string{}
	ways := cancelWays(t)
	t.Run("cells", func(t *testing.T) {
		for _, way := range ways {
			for i := range moments {
				name := way.name + "/" + moments[i].name
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					outcome := newCell(t, way, i).run(t)
					mu.Lock()
					defer mu.Unlock()
					outcomes[name] = outcome
				})
			}
		}
	})
	if len(outcomes) < len(ways)*len(moments) { // only some were asked for
		return
	}
	var table strings.Builder
	for row := -1; row < len(ways); row++ {
		cells := []any{"cancelled by"}
		if row >= 0 {
			cells[0] = ways[row].name
		}
		for _, m := range moments {
			if row >= 0 {
				cells = append(cells, outcomes[ways[row].name+"/"+m.name])
			} else {
				cells = append(cells, m.name)
			}
		}
		table.WriteString(strings.TrimRight(fmt.Sprintf("%-52s%-20s%-20s%-20s%s", cells...), " ") + "\n")
	}
	golden.Check(t, "cancel", table.String())
}

// cell is one cancelled run.
type cell struct {
	way      cancelWay
	moment   int
	registry *slowRegistry
	tmp      string // of the program; must be empty in the end
	dir      string // of the test
	mark     string // in the environment of all its processes
	ref      string // without a tag
	old      string // the digest that its first tag has; the second is not there

	once      sync.Once
	cancelled chan struct{} // closed at the moment
	at        time.Time     // when it was cancelled
	log       strings.Builder
}

func newCell(t *testing.T, way cancelWay, moment int) *cell {
	t.Helper()
	c := &cell{way: way, moment: moment, tmp: shortTemp(t), dir: t.TempDir(), mark: "cell-" + rand.Text(), cancelled: make(chan struct{})}
	c.registry = newSlowRegistry(t, moments[moment].slow, c.reached)
	c.ref = c.registry.host + "/e2e/cancel-" + strings.ToLower(rand.Text())
	must(t, w.crane, "copy", "--platform", "linux/amd64", w.lab["LAB_REGISTRY"]+"/library/busybox:latest", c.behind("a"))
	c.old = digestOf(t, c.behind("a"))
	if err := os.WriteFile(filepath.Join(c.dir, "Dockerfile"), []byte(moments[moment].dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", c.log.String())
		}
	})
	return c
}

// behind is a tag as the lab's registry knows it.
func (c *cell) behind(tag string) string {
	return strings.Replace(c.ref, c.registry.host, w.lab["LAB_REGISTRY"], 1) + ":" + tag
}

func (c *cell) reached() {
	c.once.Do(func() {
		c.at = time.Now()
		close(c.cancelled)
	})
}

// environment is what the program needs, on whatever host.
func (c *cell) environment() map[string]string {
	return map[string]string{
		"CI": "true", "TMPDIR": c.tmp, "CELL": c.mark, "PATH": w.lab["LAB_QEMU_DIR"] + ":" + os.Getenv("PATH"), "GIT_CEILING_DIRECTORIES": w.root,
		"MULTIARCH_CONTEXT": c.dir, "MULTIARCH_PLATFORMS": "linux/amd64,linux/arm64", "MULTIARCH_TAGS": c.ref + ":a," + c.ref + ":b", "MULTIARCH_PUSH": "true",
		"MULTIARCH_BUILDKIT_IMAGE": w.lab["MULTIARCH_BUILDKIT_IMAGE"], "MULTIARCH_BUILDKITD_CONFIG": w.lab["LAB_BUILDKITD_CONFIG"],
		"MULTIARCH_BINFMT_IMAGE": "none", "MULTIARCH_PROGRESS": "plain", "MULTIARCH_REPORT": c.file("report.json"),
	}
}

func (c *cell) file(name string) string { return filepath.Join(c.dir, name) }

// run starts the run, has it cancelled, and returns who has cleaned up and how many tags were moved.
func (c *cell) run(t *testing.T) string {
	t.Helper()
	output := c.way.start(t, c)
	ended := make(chan error, 1)
	go func() { ended <- c.read(output) }()
	select {
	case <-c.cancelled:
	case err := <-ended:
		t.Fatalf("the moment never came (%v)", err)
	}
	c.way.cancel(t, c)
	c.awaitEnd(t)
	<-ended // whatever was still printed
	run := c.runID(t)
	cleaner := "itself"
	if left := c.left(t, run); len(left) > 0 {
		cleaner = c.way.cleaner
		if c.way.clean == nil {
			t.Errorf("left behind: %q", left)
		} else if c.way.clean(t, c, run); len(c.left(t, run)) > 0 {
			t.Errorf("left behind also by the %s: %q", cleaner, c.left(t, run))
		}
	}
	return cleaner + ", " + c.tags(t)
}

// read keeps the log, and looks for the moment in it.
func (c *cell) read(output io.Reader) error {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		c.log.WriteString(lines.Text() + "\n")
		if line := moments[c.moment].line; line != "" && strings.Contains(lines.Text(), line) {
			c.reached()
		}
	}
	return lines.Err()
}

// awaitEnd waits until no process of the run is there, for as long as the host lets processes live.
func (c *cell) awaitEnd(t *testing.T) {
	t.Helper()
	for len(c.processes()) > 0 {
		if took := time.Since(c.at); took > c.way.grace {
			t.Errorf("%s after it was cancelled there are still processes, want none after %s", took, c.way.grace)
			killAll(c.processes())
			return
		}
		<-time.After(50 * time.Millisecond)
	}
}

// runID finds the id of the run, where it has kept it for the post step or has reported it.
func (c *cell) runID(t *testing.T) string {
	t.Helper()
	if state, err := os.ReadFile(c.file("state")); err == nil {
		if pairs, err := runner.Pairs(string(state)); err != nil || len(pairs) != 1 || pairs[0].Name != "run" {
			t.Errorf("the state is %q (%v), want the run", state, err)
		} else {
			return pairs[0].Value
		}
	}
	if r := c.report(t); r.Run != "" {
		return r.Run
	}
	t.Error("nothing says which run it was")
	return "unknown"
}

// report is what the run has reported; empty if it did not come to that.
func (c *cell) report(t *testing.T) (r report.Report) {
	t.Helper()
	raw, err := os.ReadFile(c.file("report.json"))
	if errors.Is(err, os.ErrNotExist) {
		return r
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Error(err)
	}
	return r
}

// left are the things that the run has not taken away.
func (c *cell) left(t *testing.T, run string) []string {
	t.Helper()
	out := ofRun(t, run)
	for folder, text := range map[string]string{"/proc/sys/fs/binfmt_misc": run, c.tmp: ""} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Error(err)
		}
		for _, entry := range entries {
			if strings.Contains(entry.Name(), text) {
				out = append(out, filepath.Join(folder, entry.Name()))
			}
		}
	}
	return out
}

// tags says what became of the tags, and checks that the report says the same.
func (c *cell) tags(t *testing.T) string {
	t.Helper()
	moved := 0
	for tag, old := range map[string]string{"a": c.old, "b": ""} {
		now := digestOf(t, c.behind(tag))
		if now == old {
			continue
		}
		moved++
		if platforms := peerPlatforms(t, c.behind(tag)); len(platforms) != 2 {
			t.Errorf("the tag %s points at %s with the platforms %q, which is neither the old image nor the new one", tag, now, platforms)
		}
	}
	if r := c.report(t); r.Run != "" {
		if r.Outcome != report.Cancelled {
			t.Errorf("the report says %s, want cancelled", r.Outcome)
		}
		if says := strings.Contains(c.log.String(), "cancelled; no tag was moved"); says && moved > 0 {
			t.Errorf("%d tags were moved, and the log says that none was", moved)
		}
	}
	return []string{"tags old", "one tag new", "tags new"}[moved]
}

// processes are those of the run.
func (c *cell) processes() (out []int) {
	return processesInEnvironment("CELL=" + c.mark)
}
