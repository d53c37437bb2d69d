package publish_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	patience "github.com/org/multiarch-action/internal/registry"
)

func TestFaultsBeforeTheRegistryInProcess(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	faultMatrix(t, "in-process", strings.TrimPrefix(server.URL, "http://"))
}

// outcome is what came of publishing with one fault in one stage.
type outcome struct {
	text string // for the table
	err  string // plainly; empty: it is published
}

// faultMatrix publishes an image once for every fault in every stage: it is published whole, or there is a clear error and the tag has
// not moved. What came of it is compared with testdata/faults.golden, the table of outcomes, which is the same for all registries.
func faultMatrix(t *testing.T, name, backend string) {
	t.Helper()
	outcomes := make([][]outcome, len(faults))
	limit := make(chan struct{}, 8)
	var all sync.WaitGroup
	for i, f := range faults {
		outcomes[i] = make([]outcome, len(stages))
		for j, s := range stages {
			all.Go(func() {
				limit <- struct{}{}
				defer func() { <-limit }()
				outcomes[i][j] = publishWith(t, backend, fmt.Sprintf("faults/%d/%s-%d-%d", time.Now().UnixNano(), name, i, j), s, f)
			})
		}
	}
	all.Wait()
	text := table(outcomes)
	t.Log("\n" + text)
	golden.Check(t, "faults", text)
}

func table(outcomes [][]outcome) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "fault")
	for _, s := range stages {
		fmt.Fprintf(w, "\t%s", s.name)
	}
	fmt.Fprintln(w)
	var messages strings.Builder
	for i, f := range faults {
		fmt.Fprintf(w, "%s", f.name)
		for j, s := range stages {
			fmt.Fprintf(w, "\t%s", outcomes[i][j].text)
			if text := outcomes[i][j].err; text != "" {
				fmt.Fprintf(&messages, "\n%s, %s:\n  %s\n", f.name, s.name, text)
			}
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String() + messages.String()
}

var (
	// How a connection's end shows depends on who sees it first.
	endings  = regexp.MustCompile(`": [^;]*(reset by peer|broken pipe|closed network connection|EOF)`)
	changing = regexp.MustCompile(`sha256:[0-9a-f]{64}|127\.0\.0\.1:\d+(->127\.0\.0\.1:\d+)?|faults/\d+/[a-z0-9-]+|in \d+m?\d*m?s|uploads/[^": ]+`)
)

// plainly takes out of a message what is another one each time.
func plainly(text string) string {
	return changing.ReplaceAllStringFunc(endings.ReplaceAllString(text, `": the connection ended`), func(found string) string {
		switch found[:2] {
		case "sh":
			return "DIGEST"
		case "12":
			return "REGISTRY"
		case "up":
			return "uploads/UPLOAD"
		case "fa":
			return "app"
		}
		return "in TIME"
	})
}

// load is an image that is to be published, with what the tag holds before.
type load struct {
	layer    v1.Layer
	image    v1.Image
	document publish.Document
	old      publish.Document
}

func newLoad(t *testing.T, repo name.Repository, f fault) load {
	t.Helper()
	layer, err := random.Layer(cmp.Or(f.size, 1<<10), types.OCILayer)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	l := load{layer: layer, image: img}
	l.document = l.index(t)
	previous := image(t, "linux/amd64")
	if err := remote.Write(repo.Tag("1"), previous); err != nil {
		t.Fatal(err)
	}
	hash, err := previous.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if l.old, err = (publish.Registry{}).Fetch(t.Context(), repo, hash); err != nil {
		t.Fatal(err)
	}
	return l
}

// index is the index of the image, as it will be.
func (l load) index(t *testing.T) publish.Document {
	t.Helper()
	hash, err := l.image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	size, err := l.image.Size()
	if err != nil {
		t.Fatal(err)
	}
	return assemble(t, []plan.Pushed{{Descriptor: v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: hash, Size: size, Platform: &v1.Platform{OS: "linux", Architecture: "amd64"},
	}}})
}

func (l load) work(t *testing.T) work {
	t.Helper()
	layer, err := l.layer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := l.image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return work{layer.String(), manifest.String(), l.document.Hash.String()}
}

func repositoryAt(t *testing.T, host, path string) name.Repository {
	t.Helper()
	repo, err := name.NewRepository(host + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// publishWith publishes through a proxy that lets a fault happen, and looks past it at what the registry holds then.
func publishWith(t *testing.T, backend, path string, s stage, f fault) outcome {
	t.Helper()
	direct := repositoryAt(t, backend, path)
	l := newLoad(t, direct, f)
	proxy := startFaultProxy(t, backend, s, f, l.work(t))
	impatience := 20 * time.Second // longer than a busy machine takes to answer
	if f.name == "stall" {
		impatience = time.Second
	}
	transport, err := patience.New(patience.Config{Clock: newTicking(), Stall: impatience})
	if err != nil {
		t.Fatal(err)
	}
	r := publish.Registry{Keychain: proxy, Transport: transport}
	err = l.publish(t.Context(), r, repositoryAt(t, proxy.host, path))

	got, readErr := remote.Get(direct.Tag("1"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	where := s.name + ", " + f.name
	proxy.mu.Lock()
	defer proxy.mu.Unlock()
	if proxy.met == 0 {
		t.Errorf("%s: the fault did not happen", where)
	}
	if f.name == "unknown blob" && s.name == "manifest" && !proxy.reloaded {
		t.Errorf("%s: the blob was not pushed again", where)
	}
	if err != nil {
		if got.Digest != l.old.Hash {
			t.Errorf("%s: the tag has moved to %s in spite of: %v", where, got.Digest, err)
		}
		var hint interface{ Hint() string }
		if !errors.As(err, &hint) {
			t.Errorf("%s: there is no hint for: %v", where, err)
			return outcome{"error", plainly(err.Error())}
		}
		return outcome{"error", plainly(err.Error()) + "\n  hint: " + plainly(hint.Hint())}
	}
	if got.Digest != l.document.Hash {
		t.Errorf("%s: the tag points at %s, want %s", where, got.Digest, l.document.Hash)
	}
	wholeIndex(t, direct, got.Digest)
	return outcome{text: fmt.Sprintf("published, %d×", proxy.requests)}
}

// publish is what the program does: layers and manifests by digest, then the index, then the tag.
func (l load) publish(ctx context.Context, r publish.Registry, repo name.Repository) error {
	client := patience.Client{Keychain: r.Keychain, Transport: r.Transport.(*patience.Transport)}
	err := client.Do(ctx, repo, func(_ context.Context, options []remote.Option) error {
		return remote.WriteLayer(repo, l.layer, options...)
	})
	if err != nil {
		return fmt.Errorf("layer: pushing: %w", err)
	}
	hash, err := l.image.Digest()
	if err != nil {
		return err
	}
	err = client.Do(ctx, repo, func(_ context.Context, options []remote.Option) error {
		return remote.Write(repo.Digest(hash.String()), l.image, options...)
	})
	if err != nil {
		return fmt.Errorf("image: pushing: %w", err)
	}
	images, err := r.Read(ctx, repo, ocispec.Descriptor{Digest: digest.Digest(hash.String())})
	if err != nil {
		return err
	}
	document, err := publish.Assemble(images)
	if err != nil {
		return err
	}
	if err := r.Push(ctx, []name.Repository{repo}, document); err != nil {
		return err
	}
	_, err = r.Tag(ctx, []plan.Tag{{Tag: repo.Tag("1")}}, document)
	return err
}
