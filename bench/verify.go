package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const verifyHead = `multiarch-action build --verify off beside --verify full: medians of %d pairs of runs, turn by turn
CPU: user and system time of the program, the builder and its steps; GET: bytes of layers that came from the registry
large: %d MB a platform, on Debian where there is Debian, and a step; cold: a fresh builder, removed again; warm: a running builder,
  everything cached; new: a running builder, and a step with a new result on every platform

%-8s %-5s %8s %8s %7s %9s %9s %7s %10s %10s
`

// verifyWorkloads are what is built with and without verification.
var verifyWorkloads = []workload{
	{name: "hello", folder: "examples/hello"},
	{name: "cross", folder: "examples/cross"},
	{name: "mixed", folder: "examples/mixed"},
	{name: "large"},
}

// compareLevels measures what verification of all files adds to a build.
func compareLevels(ctx context.Context, b *bench, runs int, only, states string) error {
	registry, err := countRegistry(ctx, b)
	if err != nil {
		return err
	}
	defer func() { _ = registry.server.Close() }() // its connections are idle
	fmt.Printf(verifyHead, runs, largeSize>>20, "WORKLOAD", "CACHE", "OFF", "FULL", "", "CPU OFF", "CPU FULL", "", "GET OFF", "GET FULL")
	for _, w := range verifyWorkloads {
		if !wanted(only, w.name) {
			continue
		}
		w.registry, w.config = registry.address, registry.config
		if w.name == "large" {
			if w.folder, err = largeContextOn(ctx, b, registry.address); err != nil {
				return err
			}
		}
		for _, state := range []cache{cold, warm, fresh} {
			if !wanted(states, string(state)) {
				continue
			}
			row, err := compareLevel(ctx, b, w, state, registry, runs)
			if err != nil {
				return fmt.Errorf("workload %s, %s: %w", w.name, state, err)
			}
			fmt.Println(row)
		}
	}
	return nil
}

// fresh is work in which a step gives something new where everything else is there.
const fresh cache = "new"

// cost is what one run took.
type cost struct {
	took, cpu time.Duration
	got       int64 // bytes of layers
}

func compareLevel(ctx context.Context, b *bench, w workload, state cache, registry *countingRegistry, runs int) (string, error) {
	side := &ours{bench: b, more: []string{"--driver-opt", "cgroup-parent=" + benchGroup}}
	if state != cold {
		defer side.stop()
		if err := side.start(ctx, w); err != nil {
			return "", err
		}
	}
	levels := []string{"off", "full"}
	costs := map[string][]cost{}
	uncounted := 1
	if state == cold && w.name != "hello" {
		uncounted = 0
	}
	for i := range uncounted + runs {
		for _, level := range levels {
			c, err := registry.measure(func() (figure, error) { return side.at(ctx, w, level, state, i) })
			if err != nil {
				return "", err
			}
			if i >= uncounted {
				costs[level] = append(costs[level], c)
			}
		}
		slices.Reverse(levels)
	}
	return costRow(w.name, state, middle(costs["off"]), middle(costs["full"])), nil
}

// at builds at a level of verification.
func (o *ours) at(ctx context.Context, w workload, level string, state cache, run int) (figure, error) {
	side := *o
	side.more = append([]string{"--verify", level}, o.more...)
	switch state {
	case cold:
		return side.cold(ctx, w)
	case fresh:
		folder, err := changed(o.dir, w.folder, fmt.Sprint(level, run))
		if err != nil {
			return figure{}, err
		}
		w.folder = folder
	}
	side.more = side.more[:2]
	return side.warm(ctx, w)
}

// changed copies a context, with one more step at the end of its Dockerfile that nobody has executed yet. An image without a shell gets a file.
func changed(dir, from, with string) (string, error) {
	to := filepath.Join(dir, "changed")
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return "", err
	}
	name := filepath.Join(to, "Dockerfile")
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	with += fmt.Sprint(time.Now().UnixNano())
	step := "\nRUN echo " + with + " > /changed\n"
	if bytes.Contains(text, []byte("FROM scratch")) {
		step = "\nCOPY changed /changed\n"
	}
	return to, errors.Join(os.WriteFile(name, append(text, step...), 0o644), os.WriteFile(filepath.Join(to, "changed"), []byte(with), 0o644))
}

func middle(costs []cost) cost {
	pick := func(of func(cost) int64) int64 {
		var values []int64
		for _, c := range costs {
			values = append(values, of(c))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return cost{
		took: time.Duration(pick(func(c cost) int64 { return int64(c.took) })), cpu: time.Duration(pick(func(c cost) int64 { return int64(c.cpu) })),
		got: pick(func(c cost) int64 { return c.got }),
	}
}

func costRow(name string, state cache, off, full cost) string {
	more := func(a, b time.Duration) float64 { return 100 * (b.Seconds()/a.Seconds() - 1) }
	return fmt.Sprintf("%-8s %-5s %6.2f s %6.2f s %+5.1f %% %7.2f s %7.2f s %+5.1f %% %10d %10d", name, state, off.took.Seconds(), full.took.Seconds(),
		more(off.took, full.took), off.cpu.Seconds(), full.cpu.Seconds(), more(off.cpu, full.cpu), off.got, full.got)
}

// largeContextOn makes the context of the large image.
func largeContextOn(ctx context.Context, b *bench, registry string) (string, error) {
	if err := largeBase(ctx, b.registry); err != nil {
		return "", err
	}
	dir := filepath.Join(b.dir, "large")
	text := "FROM " + registry + "/" + largeTag + "\nRUN uname -m > /machine\nCMD [\"cat\", \"/machine\"]\n"
	return dir, errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644))
}

// countingRegistry passes requests on to the lab's registry and counts the bytes of layers and configs that come back.
type countingRegistry struct {
	address, config string
	server          *http.Server
	bytes           atomic.Int64
}

func countRegistry(ctx context.Context, b *bench) (*countingRegistry, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	c := &countingRegistry{address: "localhost:" + port, config: filepath.Join(b.dir, "counted.toml")}
	target := &url.URL{Scheme: "http", Host: b.registry}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		ErrorLog:  log.New(io.Discard, "", 0), // clients end requests that they need no more
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method == http.MethodGet && strings.Contains(r.Request.URL.Path, "/blobs/") {
				c.bytes.Add(max(0, r.ContentLength))
			}
			return nil
		},
	}
	c.server = &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = c.server.Serve(listener) }() // ends by Close
	near, err := os.ReadFile(b.config)
	if err != nil {
		return nil, err
	}
	return c, os.WriteFile(c.config, bytes.ReplaceAll(near, []byte(b.registry), []byte(c.address)), 0o644)
}

func (c *countingRegistry) measure(run func() (figure, error)) (cost, error) {
	got, cpu := c.bytes.Load(), groupCPU()
	f, err := run()
	return cost{took: f.took, cpu: f.cpu + groupCPU() - cpu, got: c.bytes.Load() - got}, err
}

// benchGroup is the control group of the builders that are measured.
const benchGroup = "/multiarch-bench"

// groupCPU is the time that the builders and their steps have used until now; 0 where the kernel does not tell.
func groupCPU() time.Duration {
	groups := os.DirFS("/sys/fs/cgroup")
	if text, err := fs.ReadFile(groups, "cpuacct"+benchGroup+"/cpuacct.usage"); err == nil { // version 1
		nanoseconds, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return time.Duration(nanoseconds)
	}
	text, _ := fs.ReadFile(groups, strings.TrimPrefix(benchGroup, "/")+"/cpu.stat") // version 2
	_, rest, _ := strings.Cut(string(text), "usage_usec ")
	line, _, _ := strings.Cut(rest, "\n")
	microseconds, _ := strconv.ParseInt(line, 10, 64)
	return time.Duration(microseconds) * time.Microsecond
}
