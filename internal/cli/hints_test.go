package cli

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	buildkit "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

// built is a run whose steps took some seconds; a negative time is that of a step out of the cache.
func built(t *testing.T, taken map[string]float64) *run {
	t.Helper()
	r := finished(t, nil, io.Discard, nil, "linux/amd64", "linux/arm64")
	r.steps = steps{}
	for i, execution := range []string{string(plan.Native), string(plan.Emulated)} {
		r.report.Platforms[i].Execution, r.report.Platforms[i].Seconds = execution, 10
	}
	begin := time.Now()
	for name, seconds := range taken {
		v := &buildkit.Vertex{Digest: digest.FromString(name), Name: name, Started: &begin, Completed: &begin, Cached: seconds < 0}
		if seconds > 0 {
			end := begin.Add(time.Duration(seconds * float64(time.Second)))
			v.Completed = &end
		}
		r.steps.add(&buildkit.SolveStatus{Vertexes: []*buildkit.Vertex{v}})
	}
	return r
}

func TestHints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		taken map[string]float64
		want  []report.Hint
	}{
		{"nothing was slow", map[string]float64{"[linux/arm64 2/2] RUN make": 1, "[linux/amd64 2/2] RUN make": 1, "[internal] load build context": 90}, nil},
		{"a step under emulation", map[string]float64{"[linux/arm64 build 2/3] RUN make": 8, "[linux/amd64 build 2/3] RUN make": 1, "[linux/arm64 build 3/3] RUN test": 4}, []report.Hint{{
			ID: "emulated-step", Seconds: 7,
			Text: "[build 2/3] RUN make took 8.0 s on linux/arm64 under emulation (80 % of its time), and 1.0 s on linux/amd64: if it can build for another platform, run it in a stage FROM --platform=$BUILDPLATFORM and copy its result; else add a native --node",
		}}},
		{"a step that runs on the build platform already", map[string]float64{"[linux/amd64->arm64 build 2/3] RUN make": 8}, nil},
		{"a small part of the time", map[string]float64{"[linux/arm64 build 2/3] RUN make": 2.4}, nil},
		{"a copy under emulation", map[string]float64{"[linux/arm64 2/3] COPY a b": 8}, nil},
		{"a cache that one platform missed", map[string]float64{"[linux/arm64 2/3] COPY a b": 1.5, "[linux/amd64 2/3] COPY a b": -1, "[linux/arm64 3/3] COPY c d": 1, "[linux/amd64 3/3] COPY c d": 1}, []report.Hint{{
			ID: "missed-cache", Seconds: 1.5,
			Text: "linux/arm64 executed 1 step in 1.5 s that another platform took from the cache: look whether its cache is written and kept, under a name of its own",
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, built(t, test.taken).hints(), cmpopts.EquateApprox(0, 1e-9), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("hints() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHintOfARepeatedCopy(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]int64{"COPY data /data": 4 << 20, "COPY --link data /data": 0, "COPY other /other": 0} {
		r := built(t, map[string]float64{"[linux/amd64 2/3] " + step: 0.1})
		for _, p := range []string{"linux/amd64", "linux/arm64", "linux/s390x"} {
			r.images = append(r.images, plan.Pushed{
				Config: ocispec.Image{History: []ocispec.History{
					{CreatedBy: "ADD rootfs.tar / # buildkit"}, {CreatedBy: "ENV A=b", EmptyLayer: true}, {CreatedBy: "COPY data /data # buildkit"},
				}},
				Blobs: []v1.Descriptor{{Digest: v1.Hash{Hex: p}, Size: 9 << 20}, {Digest: v1.Hash{Hex: "same"}, Size: 2 << 20}},
			})
		}
		hint := r.repeatedCopy()
		if want == 0 && hint != nil || want > 0 && (hint == nil || hint.Bytes != want) {
			t.Errorf("with the step %q repeatedCopy() = %+v, want %d bytes", step, hint, want)
		}
	}
}
