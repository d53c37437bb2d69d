package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/types/mount"
)

const (
	socketFolder = "/run/buildkit" // where BuildKit puts its socket by default
	socketName   = "buildkitd.sock"
	// maxSocketPath is the longest path that a unix socket's address holds (unix(7), sun_path less the final zero).
	maxSocketPath = 107
	// socketPatience is how long the socket may take before we conclude that the engine does not see our files.
	socketPatience = 2 * time.Second
)

// socket is a folder that the builder's container shares with us, so that BuildKit's socket appears on our side. A context travels
// about twice as fast through it as through the engine's exec API. It works only where the engine runs on this machine and sees
// the same files; whether it does is found out by trying.
type socket struct{ folder string }

// shareSocket makes the folder. It returns nil where sharing cannot work.
func (e *Engine) shareSocket(run string) *socket {
	if !strings.HasPrefix(e.api.DaemonHost(), "unix://") {
		return nil
	}
	folder := socketFolderOf(run)
	if len(filepath.Join(folder, socketName)) > maxSocketPath || os.Mkdir(folder, 0o700) != nil {
		return nil
	}
	return &socket{folder: folder}
}

func socketFolderOf(run string) string {
	return filepath.Join(os.TempDir(), "multiarch-action-"+run)
}

// RemoveSockets takes away the folders for builders' sockets that a run has left, or, if run is empty, that all runs have left, and
// returns their paths.
func RemoveSockets(run string) ([]string, error) {
	pattern := run
	if run == "" {
		pattern = "????????????" // as long as the id of a run
	}
	folders, err := filepath.Glob(socketFolderOf(pattern))
	if err != nil {
		return nil, fmt.Errorf("folders of builders' sockets: looking for them: %w", err)
	}
	var removed []string
	var problems []error
	for _, folder := range folders {
		if err := (&socket{folder: folder}).remove(); err != nil {
			problems = append(problems, err)
			continue
		}
		removed = append(removed, folder)
	}
	return removed, errors.Join(problems...)
}

func (s *socket) mount() mount.Mount {
	return mount.Mount{Type: mount.TypeBind, Source: s.folder, Target: socketFolder}
}

// flags let a user who is not root use the socket that root makes in the container.
func (s *socket) flags() []string {
	if gid := os.Getgid(); gid > 0 {
		return []string{"--group", fmt.Sprint(gid)}
	}
	return nil
}

func (s *socket) path() string { return filepath.Join(s.folder, socketName) }

// appeared reports whether BuildKit has made its socket in our folder.
func (s *socket) appeared() bool {
	info, err := os.Stat(s.path())
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

func (s *socket) dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", s.path())
}

// remove takes the folder away. The socket in it is root's, but the folder is ours.
func (s *socket) remove() error {
	if err := os.RemoveAll(s.folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder %s of the builder's socket: removing: %w", s.folder, err)
	}
	return nil
}
