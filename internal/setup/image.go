package setup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// ensureImage returns the name under which the engine has an image, pulling it if it has none. A builder image that is there is not
// asked for again: that request is a known cause of failed builds when the registry limits or is away.
func (e *Engine) ensureImage(ctx context.Context, image string, say func(string)) (string, error) {
	sources, err := sourcesOf(image)
	if err != nil {
		return "", err
	}
	for _, s := range sources {
		_, err := e.api.ImageInspect(ctx, s.image)
		if err == nil {
			return s.image, nil
		}
		if !errdefs.IsNotFound(err) {
			return "", fmt.Errorf("image %s: looking for it: %w", s.image, err)
		}
	}
	return pullFrom(ctx, sources, puller{pull: e.pull, say: say, wait: wait})
}

func (e *Engine) pull(ctx context.Context, s source) error {
	pull, err := e.api.ImagePull(ctx, s.image, client.ImagePullOptions{RegistryAuth: s.login})
	if err != nil {
		return err
	}
	return errors.Join(pull.Wait(ctx), pull.Close())
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// LoadImage gives the engine an image archive in the format of docker save, and returns when it is stored.
func (e *Engine) LoadImage(ctx context.Context, archive io.Reader) error {
	result, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return fmt.Errorf("docker engine: loading the image: %w", err)
	}
	defer func() { _ = result.Close() }() // only read
	if err := loaded(result); err != nil {
		return fmt.Errorf("docker engine: loading the image: %w", err)
	}
	return nil
}

// loaded reads the engine's messages about an archive. What is wrong with the archive stands there, and an archive in which it finds no
// image that it knows is no error for it.
func loaded(messages io.Reader) error {
	names := 0
	for decoder := json.NewDecoder(messages); ; {
		var message struct{ Stream, Error string }
		err := decoder.Decode(&message)
		switch {
		case errors.Is(err, io.EOF) && names == 0:
			return errors.New("it found no image in the archive")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case message.Error != "":
			return errors.New(message.Error)
		case strings.HasPrefix(message.Stream, "Loaded image"): // also "Loaded image ID"
			names++
		}
	}
}

// archive is what is copied to /etc in the container: buildkitd.toml and the files that it names.
func (c BuilderConfig) archive() (io.Reader, error) {
	files := map[string][]byte{"buildkit/buildkitd.toml": c.TOML}
	for path, content := range c.Files {
		files["buildkit/"+path] = content
	}
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o600, Size: int64(len(files[path]))}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("builder configuration: packing %q: %w", path, err)
		}
		if _, err := w.Write(files[path]); err != nil {
			return nil, fmt.Errorf("builder configuration: packing %q: %w", path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("builder configuration: packing: %w", err)
	}
	return &buffer, nil
}
