package setup

import (
	"archive/tar"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/org/multiarch-action/internal/plan"
)

// HelperCommand is the command of this program that runs inside a helper's container. It must end in ServeHelper, with the
// path that is its argument.
const HelperCommand = "internal-register"

// Where the helper's files are in its container.
const (
	helperFolder    = "multiarch-action"
	helperProgram   = helperFolder + "/program"
	helperRequested = helperFolder + "/request.json"
	helperAnswered  = helperFolder + "/answer.json"
	helperEmulators = helperFolder + "/emulators"
	helperTimeout   = 2 * time.Minute
)

// Helper registers emulators, or removes them, where this process may not: in a privileged container of the engine, in which
// this program itself runs. So the engine must run on the same kind of processor as this program.
type Helper struct {
	Connect func(context.Context) (*Engine, error)
	Image   string // of the container; nothing of it is run
	Program string // file of this program
	Run     string // id of this run, for the container's name and labels
	Version string // of this program, for the label
	Say     func(text string)

	used atomic.Bool
}

// Used reports whether the helper may have registered something, so that only it can remove that.
func (h *Helper) Used() bool { return h != nil && h.used.Load() }

// helperRequest is what the program in the container is asked to do.
type helperRequest struct {
	Run       string            // whose handlers; empty: those of all runs, to be removed
	Platforms []plan.Platform   // to register emulators for; none: the run's handlers are removed
	Origins   map[string]string // images that the emulators are from, by architecture
	Mounted   bool              // the machine has the list mounted: the caller sees it
}

// helperAnswer is what became of it.
type helperAnswer struct {
	Emulations []Emulation
	Removed    []string
	Error      string
}

// Unregister removes the handlers of a run, or with an empty run those of all runs, and returns their names. It works after ctx
// was cancelled.
func (h *Helper) Unregister(ctx context.Context, run string) ([]string, error) {
	limit := closeTimeout
	if ctx.Err() != nil {
		limit = closeTimeoutCancel
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	session, o := h.open(ctx)
	if o != nil {
		return nil, errors.New("removing handlers: " + o.problem)
	}
	defer session.close()
	answer, err := session.call(ctx, helperRequest{Run: run, Mounted: mounted(binfmtRoot)}, nil)
	return answer.Removed, err
}

// helperSession is a helper whose engine was found to be of use.
type helperSession struct {
	*Helper
	engine *Engine
}

func (h *helperSession) close() { _ = h.engine.Close() } // it was only asked

// open finds out whether the helper can work at all, before anything is fetched for it.
func (h *Helper) open(ctx context.Context) (*helperSession, *obstacle) {
	if err := StaticProgram(h.Program); err != nil {
		return nil, &obstacle{
			fmt.Sprintf("a container cannot register them either, because this program cannot run in one: %s: %v", h.Program, err),
			"use a released program, or build it with CGO_ENABLED=0",
		}
	}
	engine, err := h.Connect(ctx)
	if err != nil {
		return nil, &obstacle{"a container cannot register them either: " + err.Error(), "let this user reach a Docker Engine (group docker)"}
	}
	session := &helperSession{Helper: h, engine: engine}
	version, err := engine.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		session.close()
		return nil, &obstacle{"a container cannot register them either: asking the engine for its architecture: " + err.Error(), "see that the engine answers: docker version"}
	}
	if version.Os != runtime.GOOS || version.Arch != runtime.GOARCH {
		session.close()
		return nil, &obstacle{
			fmt.Sprintf("a container cannot register them either, because the engine runs on %s/%s and this program on %s/%s", version.Os, version.Arch, runtime.GOOS, runtime.GOARCH),
			"run this on the engine's machine",
		}
	}
	return session, nil
}

// StaticProgram is an error that says why a program could not run in a container that has none of its libraries.
func StaticProgram(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return pathCause(err)
	}
	defer func() { _ = file.Close() }() // only read
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return errors.New("it is dynamically linked")
	}
	return nil
}

// call runs this program in a privileged container and returns its answer. The container is removed in any case.
func (h *helperSession) call(ctx context.Context, request helperRequest, emulators map[string]string) (answer helperAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	h.used.Store(true)
	image, err := h.engine.ensureImage(ctx, h.Image, h.Say)
	if err != nil {
		return answer, err
	}
	name := fmt.Sprintf("multiarch-action-%s-helper-%d", h.Run, time.Now().UnixNano())
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeoutCancel)
		defer cancel()
		err = errors.Join(err, h.engine.remove(closing, name))
	}()
	if err := h.create(ctx, name, image); err != nil {
		return answer, err
	}
	if err := h.copyFiles(ctx, name, request, emulators); err != nil {
		return answer, err
	}
	if err := h.engine.runToEnd(ctx, name); err != nil {
		return answer, err
	}
	if answer, err = h.answer(ctx, name); err != nil {
		return answer, fmt.Errorf("container %s: reading its answer: %w", name, err)
	}
	if answer.Error != "" {
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

// create is not cancelled half-way: an engine that has accepted the request goes on with it.
func (h *helperSession) create(ctx context.Context, name, image string) error {
	host := &container.HostConfig{Privileged: true, PidMode: "host", NetworkMode: "none"}
	info, err := h.engine.settings(ctx)
	if err != nil {
		return err
	}
	host.UsernsMode = usernsMode(info)
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), bootTimeout)
	defer cancel()
	_, err = h.engine.api.ContainerCreate(creating, client.ContainerCreateOptions{
		Name: name, HostConfig: host,
		Config: &container.Config{
			Image: image, Entrypoint: []string{"/" + helperProgram}, Cmd: []string{HelperCommand, "/" + helperRequested},
			Labels: BuilderConfig{Run: h.Run, Version: h.Version}.labels(), User: "0:0",
		},
	})
	if err != nil {
		return fmt.Errorf("container %s: creating: %w", name, err)
	}
	return nil
}

// copyFiles gives the container this program, its request, and the emulators.
func (h *helperSession) copyFiles(ctx context.Context, name string, request helperRequest, emulators map[string]string) error {
	content, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("container %s: packing the request: %w", name, err)
	}
	reader, writer := io.Pipe()
	defer func() { _ = reader.Close() }() // never fails; ends the goroutine if the engine did not read all
	go func() {
		archive := tar.NewWriter(writer)
		err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: helperRequested, Mode: 0o600, Size: int64(len(content))})
		if err == nil {
			_, err = archive.Write(content)
		}
		err = errors.Join(err, addFile(archive, h.Program, helperProgram))
		for name, file := range emulators {
			err = errors.Join(err, addFile(archive, file, helperEmulators+"/"+name))
		}
		_ = writer.CloseWithError(errors.Join(err, archive.Close())) // never fails
	}()
	_, err = h.engine.api.CopyToContainer(ctx, name, client.CopyToContainerOptions{DestinationPath: "/", Content: reader})
	if err != nil {
		return fmt.Errorf("container %s: copying this program: %w", name, err)
	}
	return nil
}

// addFile packs a program.
func addFile(archive *tar.Writer, file, name string) error {
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read
	info, err := content.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(archive, content)
	return err
}

// answer reads the file that the program has left.
func (h *helperSession) answer(ctx context.Context, name string) (answer helperAnswer, err error) {
	copied, err := h.engine.api.CopyFromContainer(ctx, name, client.CopyFromContainerOptions{SourcePath: "/" + helperAnswered})
	if err != nil {
		return answer, err
	}
	defer func() { _ = copied.Content.Close() }() // only read
	archive := tar.NewReader(copied.Content)
	if _, err := archive.Next(); err != nil {
		return answer, err
	}
	return answer, json.NewDecoder(archive).Decode(&answer)
}

// runToEnd starts a container and waits until it has ended well.
func (e *Engine) runToEnd(ctx context.Context, name string) error {
	if _, err := e.api.ContainerStart(ctx, name, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("container %s: starting: %w", name, err)
	}
	waiting := e.api.ContainerWait(ctx, name, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case err := <-waiting.Error:
		return fmt.Errorf("container %s: waiting for its end: %w", name, err)
	case response := <-waiting.Result:
		if response.StatusCode != 0 {
			b := &Builder{Name: name, engine: e}
			return fmt.Errorf("container %s: exit code %d: %s", name, response.StatusCode, strings.TrimSpace(b.Logs(ctx)))
		}
	}
	return nil
}
