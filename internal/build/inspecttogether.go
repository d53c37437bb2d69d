package build

import (
	"context"
	"errors"
	"sync"
)

// inspecting is one image that an Inspector looks at.
type inspecting struct {
	files   *Files
	request []byte
	answer  []byte
	err     error
	done    chan struct{}
}

// gathering lets images whose turn comes while an Inspector runs share the next one: to start a program on a builder takes it longer than to
// look at the files of most images.
type gathering struct {
	mu      sync.Mutex
	busy    bool
	waiting []*inspecting
}

// errTogether says that an image was looked at with others, and that one of them could not be.
var errTogether = errors.New("it was looked at together with others")

// InspectTogether does as Inspect, together with other platforms of the build that ask for it at that time. The builder does not find the
// answer again for one of them alone.
func (f *Files) InspectTogether(ctx context.Context, request []byte) ([]byte, error) {
	if err := f.Inspectable(); err != nil {
		return nil, err
	}
	one := &inspecting{files: f, request: request, done: make(chan struct{})}
	if g := &f.run.gathering; g.first(one) {
		// It goes on for the others when this one is out of time. It ends with the build, whose client it uses.
		go g.work(context.WithoutCancel(ctx))
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if errors.Is(one.err, errTogether) {
		return f.Inspect(ctx, request)
	}
	return one.answer, one.err
}

// first adds an image, and reports whether nobody works at them yet.
func (g *gathering) first(one *inspecting) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, one)
	first := !g.busy
	g.busy = true
	return first
}

// next takes all that wait; none: the work is done.
func (g *gathering) next() []*inspecting {
	g.mu.Lock()
	defer g.mu.Unlock()
	images := g.waiting
	g.waiting, g.busy = nil, len(images) > 0
	return images
}

func (g *gathering) work(ctx context.Context) {
	for images := g.next(); len(images) > 0; images = g.next() {
		err := inspect(ctx, images)
		if err != nil && len(images) > 1 {
			err = errTogether
		}
		for _, one := range images {
			one.err = err
			close(one.done)
		}
	}
}
