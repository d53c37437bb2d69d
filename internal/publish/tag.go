package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/multiarch-action/internal/plan"
)

// Move is what happened to one tag.
type Move struct {
	Tag  plan.Tag
	From string // the digest that the tag had; empty: there was no such tag
	To   string // the digest that it has now, read back; empty: it was not moved
}

// Moved reports whether the tag points elsewhere than before.
func (m Move) Moved() bool { return m.To != "" && m.From != m.To }

// Tag points every tag at the document, one after the other in the given order, and reads each back. It stops at the first
// that does not work; the moves say how far it came. A registry knows no transaction over several tags, but one tag is
// always the old or the new image, whole.
func (r Registry) Tag(ctx context.Context, tags []plan.Tag, document Document) ([]Move, error) {
	moves := make([]Move, len(tags))
	for i, tag := range tags {
		moves[i].Tag = tag
	}
	for i, tag := range tags {
		if err := ctx.Err(); err != nil {
			return moves, context.Cause(ctx)
		}
		if err := r.move(ctx, &moves[i], document); err != nil {
			return moves, fmt.Errorf("tag %s: %w", tag.Name(), err)
		}
	}
	return moves, nil
}

func (r Registry) move(ctx context.Context, m *Move, document Document) error {
	before, err := r.current(ctx, m.Tag)
	if err != nil {
		return fmt.Errorf("reading what it points at: %w", err)
	}
	m.From = before
	want := document.Hash.String()
	if before == want {
		m.To = want // already there: nothing is written, which also pleases registries with immutable tags
		return nil
	}
	put := func(_ context.Context, options []remote.Option) error {
		return remote.Put(m.Tag.Tag, document, options...)
	}
	if err := r.do(ctx, m.Tag.Context(), put); err != nil {
		r.settle(ctx, m, want)
		return fmt.Errorf("moving it to %s: %w", want, err)
	}
	m.To = want
	after, err := r.current(ctx, m.Tag)
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	if after != want {
		m.To = ""
		return fmt.Errorf("reading it back: it points at %s, not at %s; another run has moved it at the same moment", after, want)
	}
	return nil
}

// settle finds out whether a tag has moved although the request failed: it may have been cancelled after the registry had taken it, and
// "no tag was moved" must be true.
func (r Registry) settle(ctx context.Context, m *Move, want string) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if after, err := r.current(ctx, m.Tag); err == nil && after == want {
		m.To = want
	}
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
