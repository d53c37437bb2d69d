package setup

import (
	"context"
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

// shareSocket returns nil where sharing the folder cannot work.
func (e *Engine) shareSocket(folder string) *socket {
	s := &socket{folder: folder}
	if folder == "" || !strings.HasPrefix(e.api.DaemonHost(), "unix://") || len(s.path()) > maxSocketPath {
		return nil
	}
	return s
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
