package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestNewReadsAnnotations(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) {
		in.Platforms = []string{"linux/amd64", "linux/arm64"}
		in.Annotations = []string{
			"org.example.title=a=b", "index,manifest-descriptor:both=1", "manifest[linux/aarch64]:org.example.title=own", "index-descriptor:name=x", "empty=",
		}
		in.Outputs = []string{"type=oci,annotation.a=1,annotation-index.b=2,annotation[linux/amd64].c=3"}
	})
	p := newPlan(t, in, nil)
	tests := []struct {
		target   plan.AnnotationTarget
		platform int
		want     map[string]string
	}{
		{plan.AnnotateManifest, 0, map[string]string{"org.example.title": "a=b", "empty": "", "a": "1", "c": "3"}},
		{plan.AnnotateManifest, 1, map[string]string{"org.example.title": "own", "empty": "", "a": "1"}},
		{plan.AnnotateIndex, 0, map[string]string{"both": "1", "b": "2"}},
		{plan.AnnotateManifestDescriptor, 1, map[string]string{"both": "1"}},
		{plan.AnnotateIndexDescriptor, 0, map[string]string{"name": "x"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, p.AnnotationsOf(test.target, p.Platforms[test.platform])); diff != "" {
			t.Errorf("annotations of %s of %s differ (-want +got):\n%s", test.target, p.Platforms[test.platform], diff)
		}
	}
}

func TestAnnotationsOfAnIndexMakeOneOfASinglePlatform(t *testing.T) {
	t.Parallel()
	for annotation, want := range map[string]bool{"a=b": false, "index:a=b": true, "manifest-descriptor:a=b": true, "index-descriptor:a=b": false} {
		p := newPlan(t, with(func(in *plan.Inputs) { in.Annotations = []string{annotation} }), nil)
		if got := p.Index(); got != want {
			t.Errorf("Index() with %s = %t, want %t", annotation, got, want)
		}
	}
}

func TestNewRefusesAnnotations(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, annotation, want string }{
		{"no value", "title", `--annotation "title": it is not KEY=VALUE; for example org.opencontainers.image.title=app or index:org.opencontainers.image.title=app`},
		{"no key", "index:=x", `--annotation "index:=x": it is not KEY=VALUE; for example org.opencontainers.image.title=app or index:org.opencontainers.image.title=app`},
		{"a document that nobody knows", "layer:a=b", `--annotation "layer:a=b": "layer" is not a document that can be annotated; write manifest, index, manifest-descriptor or index-descriptor before the colon, for example manifest[linux/arm64]:KEY=VALUE`},
		{"a platform that is none", "manifest[arm64]:a=b", `--annotation "manifest[arm64]:a=b": "arm64": an operating system and an architecture are needed, as in linux/arm64; write linux/arm64`},
		{"a platform that is not built", "manifest[linux/s390x]:a=b", `--annotation "manifest[linux/s390x]:a=b": linux/s390x is not built; name a platform of --platform`},
		{"an index of one platform", "index[linux/amd64]:a=b", `--annotation "index[linux/amd64]:a=b": there is one index for all platforms; leave out the platform`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(func(in *plan.Inputs) { in.Annotations = []string{test.annotation} }), world(nil))
			if err == nil || err.Error() != test.want {
				t.Errorf("New():\n got %v\nwant %s", err, test.want)
			}
		})
	}
}
