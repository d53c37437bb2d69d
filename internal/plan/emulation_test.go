package plan_test

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0"
	config := plan.BuilderConfig{"registry": map[string]any{
		"docker.io":         map[string]any{"mirrors": []any{"mirror.example.com/hub", "plain.example.com"}},
		"plain.example.com": map[string]any{"http": true},
	}}
	for _, test := range []struct {
		image string
		want  []string // addresses, with the scheme
	}{
		{"tonistiigi/binfmt:qemu-v10" + digest, []string{
			"https mirror.example.com/hub/tonistiigi/binfmt" + digest, "http plain.example.com/tonistiigi/binfmt" + digest,
			"https index.docker.io/tonistiigi/binfmt" + digest,
		}},
		{"busybox", []string{
			"https mirror.example.com/hub/library/busybox:latest", "http plain.example.com/library/busybox:latest", "https index.docker.io/library/busybox:latest",
		}},
		{"ghcr.io/a/b:1", []string{"https ghcr.io/a/b:1"}},
		{"plain.example.com/a:1", []string{"http plain.example.com/a:1"}},
	} {
		references, err := config.References(test.image)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range references {
			got = append(got, r.Context().Scheme()+" "+r.Name())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.image, diff)
		}
	}
	if _, err := config.References("A"); err == nil {
		t.Error("a name that is none: got no error")
	}
}

func TestNewSetup(t *testing.T) {
	t.Parallel()
	world := plan.World{Dir: "/", Stat: os.Stat, ReadFile: os.ReadFile, Getenv: func(string) string { return "" }}
	p, err := plan.NewSetup(plan.Inputs{Builder: "other", BinfmtImage: "none", Binfmt: "always"}, world)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Builder.Keep || !p.KeepHandlers || p.Builder.Use != "" || p.BinfmtImage != "" || p.Binfmt != plan.BinfmtAlways || len(p.Platforms) != 0 {
		t.Errorf("got %+v, want a builder of its own that stays, for whatever there is", p)
	}
	_, err = plan.NewSetup(plan.Inputs{Platforms: []string{"linux/arm46"}, Binfmt: "no", BinfmtImage: "A"}, world)
	var problems plan.InputErrors
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Errorf("got %v, want three problems", err)
	}
}

func TestSetupInputs(t *testing.T) {
	t.Parallel()
	var got []string
	for _, input := range plan.SetupInputs() {
		got = append(got, input.Name)
	}
	want := []string{
		"platforms", "buildkit-image", "buildkitd-config", "buildkitd-config-inline",
		"buildkitd-flags", "driver-opts", "registry-mirrors", "insecure-registries", "registry-cas", "registry-retry", "binfmt", "binfmt-image",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
