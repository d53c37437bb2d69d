package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/registry"
)

// Move is what happened to one tag.
type Move struct {
	Tag  plan.Tag
	From string // the digest that the tag had; empty: there was no such tag, or it was not its turn
	To   string // the digest that it has now, read back; empty: it was not moved
}

// Moved reports whether the tag points elsewhere than before.
func (m Move) Moved() bool { return m.To != "" && m.From != m.To }

// Tag points every tag at the document and reads each back: one name after the other in the given order, and a name in all of its
// repositories together. It stops at the first name that does not work; the moves, in the order of the tags, say how far it came. A
// registry knows no transaction over several tags, but one tag is always the old or the new image, whole.
//
// Before the first tag moves, all are read. If one would lose platforms or go back to something older, none moves (HeldError), unless
// that is forced.
func (r Registry) Tag(ctx context.Context, tags []plan.Tag, document Document) ([]Move, error) {
	r.Transport = registry.Over(r.Transport) // one for all
	moves := make([]Move, len(tags))
	for i, tag := range tags {
		moves[i].Tag = tag
	}
	held, err := r.held(ctx, tags)
	if err == nil && !r.ForceTag {
		err = r.guard(ctx, tags, held, document)
	}
	if err != nil {
		return moves, err
	}
	defer r.replacing(ctx, tags, held)()
	for _, group := range together(tags) {
		if err := ctx.Err(); err != nil {
			return moves, context.Cause(ctx)
		}
		problems := make([]error, len(group))
		var g errgroup.Group
		g.SetLimit(concurrency)
		for slot, i := range group {
			g.Go(func() error {
				if err := r.move(ctx, &moves[i], held[i], document); err != nil {
					problems[slot] = fmt.Errorf("tag %s: %w", tags[i].Name(), err)
				}
				return nil
			})
		}
		_ = g.Wait() // the problems are kept apart
		if err := errors.Join(problems...); err != nil {
			return moves, single(err, problems)
		}
	}
	return moves, nil
}

// single is the only one of several problems as it is, or all.
func single(all error, problems []error) error {
	var last error
	for _, problem := range problems {
		if problem != nil && last != nil {
			return all
		} else if problem != nil {
			last = problem
		}
	}
	return last
}

// together groups the tags that have one name in several repositories, by their numbers.
func together(tags []plan.Tag) [][]int {
	var out [][]int
	groups := map[string]int{}
	for i, tag := range tags {
		group, ok := groups[tag.TagStr()]
		if !ok {
			group = len(out)
			groups[tag.TagStr()] = group
			out = append(out, nil)
		}
		out[group] = append(out[group], i)
	}
	return out
}

// move points a tag at the document instead of what it holds.
func (r Registry) move(ctx context.Context, m *Move, held, document Document) error {
	want := document.Hash.String()
	if held.Hash != (v1.Hash{}) {
		m.From = held.Hash.String()
	}
	if m.From == want {
		m.To = want // already there: nothing is written, which also pleases registries with immutable tags
		return nil
	}
	put := func(_ context.Context, options []remote.Option) error {
		return remote.Put(m.Tag.Tag, document, options...)
	}
	if err := r.do(ctx, m.Tag.Context(), put); err != nil {
		after := r.settle(ctx, m, want)
		switch {
		case after == want && ctx.Err() == nil:
			return nil // it has arrived, whatever the registry said
		case isImmutable(err) && after != "":
			return &ImmutableError{Holds: after, Want: want, Err: err}
		}
		return fmt.Errorf("moving it to %s: %w", want, err)
	}
	m.To = want
	after, err := r.readBack(ctx, m)
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	if after != want {
		m.To = ""
		return fmt.Errorf("reading it back: it points at %s, not at %s; another run has moved it at the same moment", after, want)
	}
	return nil
}

// readBack returns what a tag points at after it was moved. As long as that is what it was before, the registry may not know better yet.
func (r Registry) readBack(ctx context.Context, m *Move) (string, error) {
	ctx = registry.JustWritten(ctx)
	for try := 1; ; try++ {
		after, err := r.current(ctx, m.Tag)
		if err != nil || after != m.From || after == "" {
			return after, err
		}
		if again, err := registry.Over(r.Transport).Pause(ctx, try); !again {
			return after, err
		}
	}
}

// settle finds out whether a tag has moved although the request failed: it may have been cancelled after the registry had taken it, and
// "no tag was moved" must be true. It returns what the tag points at, or nothing if that cannot be found out.
func (r Registry) settle(ctx context.Context, m *Move, want string) string {
	patience := time.Minute
	if ctx.Err() != nil {
		patience = 2 * time.Second // somebody waits for the end
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	after, err := r.current(ctx, m.Tag)
	if err == nil && after == want {
		m.To = want
	}
	return after
}

// current returns the digest that a tag has, or nothing if there is no such tag.
func (r Registry) current(ctx context.Context, tag plan.Tag) (string, error) {
	got, err := r.get(ctx, tag.Context(), tag.Tag)
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return got.Hash.String(), nil
}

// ImmutableError says that a registry does not let a tag be moved, which it could be made once.
type ImmutableError struct {
	Holds, Want string // digests
	Err         error
}

// Error names both digests, and the registry's own words.
func (e *ImmutableError) Error() string {
	return fmt.Sprintf("moving it to %s: it is immutable and holds %s: %v", e.Want, e.Holds, e.Err)
}

// Unwrap returns the registry's refusal.
func (e *ImmutableError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *ImmutableError) Hint() string {
	return "give the image a tag that is not there yet, or let the registry's tags be moved; what the tag holds was not built from the same inputs"
}

// isImmutable recognises the words by which registries say that a tag stays: ECR "… already exists … cannot be overwritten because the
// tag is immutable", Harbor "configured as immutable", Azure "the tag is locked", Docker Hub and Quay "immutable".
func isImmutable(err error) bool {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return false
	}
	text := strings.ToLower(answer.Error())
	for _, words := range []string{"immutable", "cannot be overwritten", "tag is locked", "writeenabled"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
