//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/report"
)

// grace is what a CI host gives a step that it cancels (GitHub: 7.5 s until SIGTERM, 2.5 s until SIGKILL).
const grace = 10 * time.Second

func TestCancelledRunLeavesNothingAndMovesNoTag(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		dockerfile string
		signal     syscall.Signal
		moment     string // the signal is sent when a line of stderr holds this
	}{
		{"SIGINT during set-up", "FROM busybox\nRUN sleep 600\n", syscall.SIGINT, "this host's network"},
		{"SIGTERM during set-up", "FROM busybox\nRUN sleep 600\n", syscall.SIGTERM, "runs natively"},
		{"SIGINT when the builder is ready", "FROM busybox\nRUN sleep 600\n", syscall.SIGINT, "ready (BuildKit"},
		{"SIGINT during the build", "FROM busybox\nRUN echo now && sleep 600\n", syscall.SIGINT, "| now"},
		{"SIGTERM during the build", "FROM busybox\nRUN echo now && sleep 600\n", syscall.SIGTERM, "| now"},
		{"SIGHUP during the build", "FROM busybox\nRUN echo now && sleep 600\n", syscall.SIGHUP, "| now"},
		{"SIGINT during the push", pushSlowly, syscall.SIGINT, "upload begins"},
		{"SIGTERM during the push", pushSlowly, syscall.SIGTERM, "upload begins"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			registry := newSlowRegistry(t)
			ref := registry.host + "/e2e/cancel:" + strings.ToLower(strings.ReplaceAll(test.name, " ", "-"))
			i := builds(folder(t, map[string]string{"Dockerfile": test.dockerfile}), []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push")
			r := interrupt(t, i, test.signal, test.moment, registry)
			r.wantCode(t, 130)
			if r.took > grace {
				t.Errorf("it ended %s after the signal, want at most %s", r.took, grace)
			}
			if p := r.platform(t, "linux/arm64"); r.report.Outcome != report.Cancelled || p.Status != report.StatusUnknown && test.moment != "upload begins" {
				t.Errorf("outcome = %s with a platform that is %s, want cancelled", r.report.Outcome, p.Status)
			}
			r.wantStderr(t, "cancelled; no tag was moved")
			wantNothingLeft(t, r.report.Run)
			if got := digestOf(t, strings.Replace(ref, registry.host, w.lab["LAB_REGISTRY"], 1)); got != "" {
				t.Errorf("the tag was moved to %s", got)
			}
		})
	}
}

const pushSlowly = "FROM busybox\nRUN head -c 3000000 /dev/urandom > /data\n"

// interrupt sends a signal at a certain moment; took is the time from then on.
func interrupt(t *testing.T, i invocation, signal syscall.Signal, moment string, registry *slowRegistry) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd, file := i.command(ctx, t)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	var once sync.Once
	var sent time.Time
	send := func() {
		once.Do(func() {
			sent = time.Now()
			if err := cmd.Process.Signal(signal); err != nil {
				t.Errorf("sending %s: %v", signal, err)
			}
		})
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	registry.onUpload(func() {
		if moment == "upload begins" {
			send()
		}
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), moment) {
			send()
		}
	}
	err = cmd.Wait()
	once.Do(func() { t.Errorf("the moment %q never came", moment) })
	r := result{stderr: text.String(), took: time.Since(sent)}
	r.finish(t, err, file)
	return r
}

// slowRegistry stands before the lab's registry and takes uploads at a crawl, so that a push can be interrupted.
type slowRegistry struct {
	host  string
	begun sync.Mutex
	tell  func()
	stop  chan struct{}
}

func newSlowRegistry(t *testing.T) *slowRegistry {
	t.Helper()
	s := &slowRegistry{tell: func() {}, stop: make(chan struct{})}
	target := &url.URL{Scheme: "http", Host: w.lab["LAB_REGISTRY"]}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the registry answers with addresses of its own, which must be ours
	}}
	server := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPatch || (request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/uploads/")) {
			if request.ContentLength > 1_000_000 || request.ContentLength < 0 {
				request.Body = &crawl{ReadCloser: request.Body, begin: s.beginUpload, done: s.stop}
			}
		}
		proxy.ServeHTTP(writer, request)
	}))
	t.Cleanup(func() {
		close(s.stop) // else what crawls would be waited for
		server.Close()
	})
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

func (s *slowRegistry) onUpload(tell func()) {
	s.begun.Lock()
	defer s.begun.Unlock()
	s.tell = tell
}

func (s *slowRegistry) beginUpload() {
	s.begun.Lock()
	defer s.begun.Unlock()
	s.tell()
}

// crawl lets a body through at 10 kB a second once 100 kB have passed.
type crawl struct {
	io.ReadCloser
	passed int
	once   sync.Once
	begin  func()
	done   <-chan struct{}
}

func (c *crawl) Read(p []byte) (int, error) {
	if c.passed > 100_000 {
		c.once.Do(c.begin)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-c.done:
			return 0, io.ErrUnexpectedEOF
		}
		p = p[:min(len(p), 1000)]
	}
	n, err := c.ReadCloser.Read(p)
	c.passed += n
	return n, err
}
