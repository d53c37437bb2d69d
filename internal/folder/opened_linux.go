package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// headBytes is what is read of a file at once when it is opened: mostly nothing else is asked for but its end.
const headBytes = 4 << 10

// opened is a folder that a walk is in, and the file in it that was read last. An image has tens of thousands of files, so it makes no
// system call that can be done without: package os asks for each file whether it can be polled, and opens it for each read.
type opened struct {
	folder *os.File

	name string // of the file
	fd   int    // its descriptor; -1: none is open
	size int64
	head []byte
}

func newOpened(folder *os.File) *opened { return &opened{folder: folder, fd: -1} }

func (o *opened) close() {
	o.closeFile()
	_ = o.folder.Close() // only read
}

func (o *opened) closeFile() {
	if o.fd >= 0 {
		_ = unix.Close(o.fd) // only read
	}
	o.fd, o.name = -1, ""
}

// below opens a folder in this one.
func (o *opened) below(name string) (*opened, error) {
	fd, err := o.openAt(name, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return newOpened(os.NewFile(uintptr(fd), name)), nil
}

// openAt follows no link.
func (o *opened) openAt(name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(int(o.folder.Fd()), name, flags|unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, &fs.PathError{Op: "openat", Path: name, Err: err}
		}
		return fd, nil
	}
}

// stat describes a regular file in the folder.
func (o *opened) stat(name string) (File, error) {
	var stat unix.Stat_t
	if err := unix.Fstatat(int(o.folder.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return File{}, &fs.PathError{Op: "fstatat", Path: name, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return File{}, fmt.Errorf("%q is no regular file any more", name)
	}
	return File{Mode: fs.FileMode(stat.Mode & 0o777), Size: stat.Size, UID: int(stat.Uid), GID: int(stat.Gid)}, nil
}

// use opens a regular file in the folder, and reads its beginning.
func (o *opened) use(name string) (err error) {
	if o.fd >= 0 && o.name == name {
		return nil
	}
	o.closeFile()
	if o.fd, err = o.openAt(name, 0); err != nil {
		return err
	}
	o.name = name
	var stat unix.Stat_t
	if err := unix.Fstat(o.fd, &stat); err != nil {
		return &fs.PathError{Op: "fstat", Path: name, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		o.closeFile()
		return notRegular(name)
	}
	o.size, o.head = stat.Size, nil
	o.head, err = o.readAt(name, 0, headBytes)
	return err
}

// readAt returns up to length bytes from offset of a file in the folder.
func (o *opened) readAt(name string, offset, length int64) ([]byte, error) {
	if err := o.use(name); err != nil {
		return nil, err
	}
	length = max(0, min(length, o.size-offset))
	if offset >= 0 && offset+length <= int64(len(o.head)) {
		return o.head[offset : offset+length : offset+length], nil
	}
	data := make([]byte, length)
	for done := 0; ; {
		n, err := unix.Pread(o.fd, data[done:], offset+int64(done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "pread", Path: name, Err: err}
		}
		if done += n; n == 0 || done == len(data) {
			return data[:done], nil
		}
	}
}
