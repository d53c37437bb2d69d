package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	buildkit "github.com/moby/buildkit/client"
)

// LocalConfig says how to start a buildkitd as a process of this program.
type LocalConfig struct {
	Folder string            // to make for it, private to this run; removed with it
	Path   []string          // folders with programs, as in PATH
	TOML   []byte            // buildkitd.toml
	Files  map[string][]byte // files that the TOML names below /etc/buildkit, by their path there
	// Before is waited for before the start: BuildKit looks for emulators when it starts.
	Before func(context.Context) error
	// Guard is the command of this program that ends in GuardLocal, with the command that follows it; empty: none. It is for root.
	Guard []string
}

// GuardCommand is the command of this program that ends in GuardLocal.
const GuardCommand = "internal-guard"

// Local is a buildkitd that is a process of this program, for machines without a Docker Engine, such as a pod of a CI agent. It
// does not outlive the program, and leaves nothing behind.
type Local struct {
	Client   *buildkit.Client
	Version  string // of BuildKit
	folder   string
	kit      string // rootlesskit; empty: buildkitd runs as this user
	guarded  bool
	process  *exec.Cmd
	ended    chan struct{} // closed when the process has ended
	log      *lastLines
	once     sync.Once
	closeErr error
}

const (
	buildkitd = "buildkitd"
	// What buildkitd is given to end its steps and save its state; a CI host gives us about 10 s.
	localGrace = 5 * time.Second
)

// FindBuildkitd returns the path of buildkitd in one of the folders, or nothing.
func FindBuildkitd(path []string) string { return findProgram(path, buildkitd) }

func findProgram(path []string, name string) string {
	for _, folder := range path {
		file := filepath.Join(folder, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// StartLocal starts buildkitd as root, or below rootlesskit as another user, and waits until it answers. When it returns an error,
// it has already ended the process and removed its folder.
func StartLocal(ctx context.Context, config LocalConfig) (*Local, error) {
	command, err := localCommand(config.Path, os.Geteuid())
	if err != nil {
		return nil, err
	}
	l := &Local{folder: config.Folder, ended: make(chan struct{}), log: &lastLines{}}
	if len(l.socket()) > maxSocketPath {
		return nil, &LocalError{Err: fmt.Errorf("the path of its socket is too long: %s", l.socket()), Cure: "set TMPDIR to a folder with a shorter path"}
	}
	switch {
	case len(command) > 1:
		l.kit = command[0]
	case len(config.Guard) > 0:
		l.guarded = true
		command = append(slices.Clone(config.Guard), command...)
	}
	if err := os.Mkdir(l.folder, 0o700); err != nil {
		return nil, fmt.Errorf("folder %s of the local builder: creating: %w", l.folder, pathCause(err))
	}
	err = config.write(l.folder)
	if err == nil {
		err = config.Before(ctx)
	}
	if err == nil {
		err = l.start(command)
	}
	if err == nil {
		err = l.await(ctx)
	}
	if err != nil {
		return nil, errors.Join(&LocalError{Err: err}, l.Close(ctx))
	}
	return l, nil
}

// localCommand is how buildkitd is started by a user; its own arguments follow.
func localCommand(path []string, uid int) ([]string, error) {
	daemon := FindBuildkitd(path)
	if daemon == "" {
		return nil, &LocalError{Err: errors.New("buildkitd is not in PATH"), Cure: "install BuildKit (buildkitd and runc), or start Docker and leave --builder local out"}
	}
	if uid == 0 {
		return []string{daemon}, nil
	}
	kit := findProgram(path, "rootlesskit")
	if kit == "" {
		return nil, &LocalError{Err: errors.New("this user is not root, and rootlesskit is not in PATH"), Cure: "install rootlesskit and uidmap, or run as root"}
	}
	// The flags are those of BuildKit's own rootless image (docs/rootless.md): steps share the process namespace, because a user
	// may not mount a new /proc where a container hides parts of the old one.
	return []string{kit, daemon, "--oci-worker-no-process-sandbox"}, nil
}

// write puts the configuration into the private folder.
func (c LocalConfig) write(folder string) error {
	toml := c.TOML
	files := map[string][]byte{}
	for name, content := range c.Files {
		file := filepath.Join(folder, name)
		toml = bytes.ReplaceAll(toml, []byte("/etc/buildkit/"+name), []byte(file))
		files[file] = content
	}
	files[filepath.Join(folder, "buildkitd.toml")] = toml
	for file, content := range files {
		err := os.MkdirAll(filepath.Dir(file), 0o700)
		if err == nil {
			err = os.WriteFile(file, content, 0o600)
		}
		if err != nil {
			return fmt.Errorf("file %s of the local builder: writing: %w", file, pathCause(err))
		}
	}
	return nil
}

func (l *Local) socket() string { return filepath.Join(l.folder, socketName) }

// start starts the process in a group of its own, so that a signal to our group leaves the end of the build to us.
func (l *Local) start(command []string) error {
	arguments := append(command[1:],
		"--config", filepath.Join(l.folder, "buildkitd.toml"), "--root", filepath.Join(l.folder, "root"), "--addr", "unix://"+l.socket())
	l.process = exec.Command(command[0], arguments...) //nolint:noctx // Close ends it
	l.process.Stdout, l.process.Stderr = l.log, l.log
	l.process.WaitDelay = time.Second // children that keep its output open do not count
	started := make(chan error)
	go l.supervise(started)
	return <-started
}

// await asks until buildkitd answers or has ended.
func (l *Local) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		err := l.connect(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-l.ended:
			return fmt.Errorf("it ended before it answered; its last words:\n%s", l.log)
		case <-ctx.Done():
			return fmt.Errorf("waiting for it: %w; its last words:\n%s", context.Cause(ctx), l.log)
		case <-retry.C:
		}
	}
}

func (l *Local) connect(ctx context.Context) error {
	if _, err := os.Stat(l.socket()); err != nil {
		return err
	}
	client, err := buildkit.New(ctx, "unix://"+l.socket())
	if err != nil {
		return err
	}
	if _, l.Version, err = Workers(ctx, client); err != nil {
		_ = client.Close() // it never worked
		return err
	}
	l.Client = client
	return nil
}

// Logs returns the last lines that buildkitd printed.
func (l *Local) Logs(context.Context) string { return l.log.String() }

// Close ends buildkitd and everything that it has started, and removes its folder. It works after ctx was cancelled; more than one
// call is one call.
func (l *Local) Close(ctx context.Context) error {
	l.once.Do(func() {
		if l.Client != nil {
			_ = l.Client.Close() // the process ends next, and with it the connection
		}
		if l.process != nil && l.process.Process != nil {
			l.end()
		}
		if err := l.removeFolder(ctx); err != nil {
			l.closeErr = fmt.Errorf("folder %s of the local builder: removing: %w", l.folder, err)
		}
	})
	return l.closeErr
}

// removeFolder takes away everything that buildkitd wrote. Under rootlesskit some of it belongs to other ids, which only a root of such
// a namespace may remove.
func (l *Local) removeFolder(ctx context.Context) error {
	err := os.RemoveAll(l.folder)
	if !errors.Is(err, fs.ErrPermission) || l.kit == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), localGrace)
	defer cancel()
	return exec.CommandContext(ctx, l.kit, "rm", "-rf", l.folder).Run()
}

// LocalError says that buildkitd could not be started on this machine.
type LocalError struct {
	Err  error
	Cure string // empty: the words of buildkitd tell
}

// Error gives the cause, with buildkitd's last words if it had any.
func (e *LocalError) Error() string {
	return fmt.Sprintf("local builder: starting buildkitd: %v", e.Err)
}

// Unwrap returns the cause.
func (e *LocalError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *LocalError) Hint() string {
	text := e.Error()
	switch {
	case e.Cure != "":
		return e.Cure
	case strings.Contains(text, "runc"):
		return "install runc beside buildkitd, or name it in the buildkitd.toml: [worker.oci] binary = \"/path/to/runc\""
	case strings.Contains(text, "newuidmap"), strings.Contains(text, "newgidmap"), strings.Contains(text, "subuid"):
		return "install uidmap, and give this user a range of ids in /etc/subuid and /etc/subgid"
	case strings.Contains(text, "operation not permitted"), strings.Contains(text, "permission denied"):
		return "the container that this runs in forbids it: as root it must be privileged; otherwise it needs seccomp and AppArmor unconfined"
	}
	return "its last words say why; buildkitd needs root with all capabilities, or rootlesskit"
}

// lastLines keeps the last lines that are written to it.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

const (
	tailLines = 20
	tailBytes = 16 << 10
)

// Write never fails.
func (t *lastLines) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailBytes; extra > 0 {
		t.text = append([]byte(nil), t.text[extra:]...)
	}
	return len(p), nil
}

// String returns the last lines.
func (t *lastLines) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimRight(string(t.text), "\n"), "\n")
	return strings.ToValidUTF8(strings.Join(lines[max(0, len(lines)-tailLines):], "\n"), "")
}
