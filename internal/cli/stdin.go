package cli

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// stdin is standard input as a context or a Dockerfile. It is read once and kept, an archive in a file: several builders may each need
// all of it.
type stdin struct {
	from io.Reader
	once sync.Once
	text []byte   // of a Dockerfile
	file *os.File // holds the archive; nil: it is none
	size int64
	err  error
}

// longestDockerfile is what BuildKit reads of one (frontend/dockerui).
const longestDockerfile = 16 << 20

// read returns the text of a Dockerfile, or that standard input is an archive.
func (s *stdin) read() (text []byte, archive bool, err error) {
	s.once.Do(func() {
		if s.from == nil {
			s.err = errors.New("there is none")
			return
		}
		reader := bufio.NewReaderSize(s.from, 64<<10)
		if head, _ := reader.Peek(1024); isArchive(head) {
			s.err = s.keep(reader)
			return
		}
		s.text, s.err = io.ReadAll(io.LimitReader(reader, longestDockerfile+1))
		if len(s.text) > longestDockerfile {
			s.err = errors.New("it is no archive, and too long for a Dockerfile")
		}
	})
	return s.text, s.file != nil, s.err
}

func (s *stdin) keep(from io.Reader) error {
	file, err := os.CreateTemp("", "multiarch-action-context-")
	if err != nil {
		return err
	}
	s.file = file
	s.size, err = io.Copy(file, from)
	return err
}

// archive returns what reads the archive from its beginning; nil if there is none.
func (s *stdin) archive() func() io.ReadCloser {
	if s.file == nil {
		return nil
	}
	return func() io.ReadCloser { return io.NopCloser(io.NewSectionReader(s.file, 0, s.size)) }
}

// close removes the file.
func (s *stdin) close() {
	if s.file == nil {
		return
	}
	_ = s.file.Close() // nothing was written since it was read
	if err := os.Remove(s.file.Name()); err != nil && s.err == nil {
		s.err = fmt.Errorf("context from standard input: removing: %w", err)
	}
}

// isArchive recognises what BuildKit unpacks (isArchive of frontend/dockerui/context.go).
func isArchive(head []byte) bool {
	for _, magic := range []string{"BZh", "\x1f\x8b\x08", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	_, err := tar.NewReader(bytes.NewReader(head)).Next()
	return err == nil
}
