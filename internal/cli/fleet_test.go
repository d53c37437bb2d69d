package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	buildkit "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
)

// offers are nodes by what their BuildKit lists.
func offers(t *testing.T, lists ...string) []plan.Offer {
	t.Helper()
	out := make([]plan.Offer, len(lists))
	for i, list := range lists {
		for _, name := range strings.Fields(list) {
			out[i].Listed = append(out[i].Listed, platform(t, name))
		}
	}
	return out
}

// good is a share in which everything was built.
func good(platforms []plan.Platform) share {
	var s share
	for _, p := range platforms {
		s.results = append(s.results, build.Result{Platform: p, Done: true})
	}
	return s
}

// failed is a share in which one platform failed, and the others were not finished.
func failed(platforms []plan.Platform, name string, f build.Failure) share {
	s := good(platforms)
	for i := range s.results {
		s.results[i].Done = platforms[i].String() == name
		if s.results[i].Done {
			s.results[i].Failure = &f
		}
	}
	return s
}

// What becomes of the platforms when nodes fail in ways that real ones do not on demand.
func TestFleet(t *testing.T) {
	t.Parallel()
	const amd64, arm64 = "linux/amd64 linux/386 linux/arm64 linux/s390x", "linux/arm64 linux/amd64"
	lost := func(s share) share { s.lost, s.err = true, errors.New("connection lost\nand more"); return s }
	for _, test := range []struct {
		name      string
		offers    []plan.Offer
		platforms string
		native    bool
		build     map[string]func([]plan.Platform) share // by node, and the platforms that it was given
		want      []string                               // platform: node, or failure
		said      []string
	}{
		{
			name: "all is well", offers: offers(t, amd64, arm64), platforms: "linux/amd64 linux/arm64 linux/386",
			want: []string{"linux/amd64: built on 0", "linux/arm64: built on 1", "linux/386: built on 0"},
		},
		{
			name: "a lost node's platforms go to another, the healthy one's go on", offers: offers(t, amd64, arm64), platforms: "linux/amd64 linux/arm64",
			build: map[string]func([]plan.Platform) share{"1 linux/arm64": func(p []plan.Platform) share { return lost(share{}) }},
			want:  []string{"linux/amd64: built on 0", "linux/arm64: built on 0"},
			said:  []string{"linux/arm64: built again on 0, because 1 was lost"},
		},
		{
			name: "what failed by itself before its node was lost has failed", offers: offers(t, "linux/arm64 linux/s390x", arm64, "linux/s390x linux/arm64"), platforms: "linux/arm64 linux/s390x linux/amd64",
			build: map[string]func([]plan.Platform) share{"1 linux/amd64": func(p []plan.Platform) share {
				return lost(failed(p, "linux/amd64", build.Failure{ExitCode: 2, Err: errors.New("exit code: 2")}))
			}},
			want: []string{"linux/arm64: built on 0", "linux/s390x: built on 2", "linux/amd64: exit code: 2"},
		},
		{
			name: "what was killed with its node is built again", offers: offers(t, amd64, arm64), platforms: "linux/arm64",
			build: map[string]func([]plan.Platform) share{"1 linux/arm64": func(p []plan.Platform) share {
				return lost(failed(p, "linux/arm64", build.Failure{ExitCode: 137, Err: errors.New("exit code: 137")}))
			}},
			want: []string{"linux/arm64: built on 0"},
			said: []string{"linux/arm64: built again on 0, because 1 was lost"},
		},
		{
			name: "nobody else can", offers: offers(t, amd64, "linux/riscv64"), platforms: "linux/amd64 linux/riscv64",
			build: map[string]func([]plan.Platform) share{"1 linux/riscv64": func(p []plan.Platform) share { return lost(share{}) }},
			want:  []string{"linux/amd64: built on 0", "linux/riscv64: node 1 was lost (connection lost), and no other node can build linux/riscv64"},
		},
		{
			name: "what runs nowhere may be built anywhere", offers: offers(t, "linux/amd64", "linux/amd64"), platforms: "linux/riscv64",
			build: map[string]func([]plan.Platform) share{"0 linux/riscv64": func(p []plan.Platform) share { return lost(share{}) }},
			want:  []string{"linux/riscv64: built on 1"},
			said:  []string{"linux/riscv64: built again on 1, because 0 was lost"},
		},
		{
			name: "an emulator is no place for what has to be native", offers: offers(t, amd64, arm64), platforms: "linux/amd64 linux/arm64", native: true,
			build: map[string]func([]plan.Platform) share{"1 linux/arm64": func(p []plan.Platform) share { return lost(share{}) }},
			want:  []string{"linux/amd64: built on 0", "linux/arm64: node 1 was lost (connection lost), and no other node can build linux/arm64"},
		},
		{
			name: "both are lost, one after the other", offers: offers(t, amd64, arm64), platforms: "linux/arm64",
			build: map[string]func([]plan.Platform) share{
				"1 linux/arm64": func(p []plan.Platform) share { return lost(share{}) },
				"0 linux/arm64": func(p []plan.Platform) share { return lost(share{}) },
			},
			want: []string{"linux/arm64: node 0 was lost (connection lost), and no other node can build linux/arm64"},
			said: []string{"linux/arm64: built again on 0, because 1 was lost"},
		},
		{
			name: "a node that cannot work and is there keeps its platforms", offers: offers(t, amd64, arm64), platforms: "linux/amd64 linux/arm64",
			build: map[string]func([]plan.Platform) share{"1 linux/arm64": func(p []plan.Platform) share {
				s := good(p)
				s.err = errors.New("pushing: denied")
				return s
			}},
			want: []string{"linux/amd64: built on 0", "linux/arm64: node 1: pushing: denied"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var said []string
			f := newFleet(test.offers, []string{"0", "1", "2"}[:len(test.offers)])
			f.nativeOnly = test.native
			f.say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
			f.build = func(_ context.Context, node int, platforms []plan.Platform) share {
				if do := test.build[fmt.Sprint(node)+" "+platformList(platforms)]; do != nil {
					return do(platforms)
				}
				return good(platforms)
			}
			var wanted []plan.Platform
			for _, name := range strings.Fields(test.platforms) {
				wanted = append(wanted, platform(t, name))
			}
			f.run(t.Context(), wanted)
			var got []string
			for _, p := range wanted {
				what := fmt.Sprintf("built on %d", f.placed[p.String()].Node)
				if failure := f.results[p.String()].Failure; failure != nil {
					what = failure.Error()
				}
				got = append(got, p.String()+": "+what)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("results differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.said, said); diff != "" {
				t.Errorf("what was said differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCancelledFleetBuildsNothingAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := newFleet(offers(t, "linux/arm64", "linux/arm64"), []string{"0", "1"})
	builds := 0
	f.build = func(context.Context, int, []plan.Platform) share {
		builds++
		cancel()
		return share{lost: true, err: errors.New("lost")}
	}
	f.run(ctx, []plan.Platform{platform(t, "linux/arm64")})
	if builds != 1 || len(f.results) != 0 {
		t.Errorf("%d builds with %d results, want one without a result", builds, len(f.results))
	}
}

func TestWatchGivesUpASilentNodeOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		ask  func(context.Context) error
		want error
	}{
		{"it is silent", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, errSilent},
		{"it answers", func(context.Context) error { return nil }, context.Canceled},
		{"it answers with an error", func(context.Context) error { return errors.New("busy") }, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			asked := 0
			ask := func(ctx context.Context) error {
				if asked++; asked == 5 {
					cancel(nil) // the build has ended
				}
				return test.ask(ctx)
			}
			watch(ctx, time.Millisecond, 10*time.Millisecond, ask, cancel)
			if got := context.Cause(ctx); !errors.Is(got, test.want) {
				t.Errorf("the build ended by %v, want %v", got, test.want)
			}
		})
	}
}

func TestStepsOfSeveralNodesAreSetApart(t *testing.T) {
	t.Parallel()
	step := digest.FromString("step")
	message := func() *buildkit.SolveStatus {
		return &buildkit.SolveStatus{
			Vertexes: []*buildkit.Vertex{
				{Digest: step, Name: "[internal] load build context"},
				{Digest: digest.FromString("next"), Name: "[linux/arm64 2/2] RUN make", Inputs: []digest.Digest{step}},
			},
			Statuses: []*buildkit.VertexStatus{{Vertex: step}}, Logs: []*buildkit.VertexLog{{Vertex: step}}, Warnings: []*buildkit.VertexWarning{{Vertex: step}},
		}
	}
	a, b := message(), message()
	setApart(a, "a")
	setApart(b, "b")
	of := func(m *buildkit.SolveStatus) []digest.Digest {
		return []digest.Digest{m.Vertexes[0].Digest, m.Vertexes[1].Inputs[0], m.Statuses[0].Vertex, m.Logs[0].Vertex, m.Warnings[0].Vertex}
	}
	if all := slices.Compact(of(a)); len(all) != 1 || all[0] == of(b)[0] || all[0] == step {
		t.Errorf("the step is %v on one node and %v on the other", all, of(b))
	}
	if got, want := a.Vertexes[0].Name+"|"+a.Vertexes[1].Name, "[internal] load build context on a|[linux/arm64 2/2] RUN make"; got != want {
		t.Errorf("names are %s, want %s", got, want)
	}
}
