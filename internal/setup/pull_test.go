package setup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSourcesOfAnImage(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("DOCKER_CONFIG", folder)
	logins := `{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpzM2NyZXQ="},"ghcr.io":{"auth":"dXNlcjpzM2NyZXQ="}}}`
	if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(logins), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		image string
		want  []string
	}{
		{"busybox", []string{"busybox", "busybox with your login", "mirror.gcr.io/library/busybox:latest"}},
		{"moby/buildkit:v1@sha256:" + strings.Repeat("a", 64), []string{
			"moby/buildkit:v1@sha256:" + strings.Repeat("a", 64), "moby/buildkit:v1@sha256:" + strings.Repeat("a", 64) + " with your login",
			"mirror.gcr.io/moby/buildkit@sha256:" + strings.Repeat("a", 64),
		}},
		{"ghcr.io/a/b:1", []string{"ghcr.io/a/b:1", "ghcr.io/a/b:1 with your login"}},
		{"quay.io/a/b:1", []string{"quay.io/a/b:1"}},
	} {
		sources, err := sourcesOf(t.Context(), test.image, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range sources {
			got = append(got, s.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("sourcesOf(%q) differs (-want +got):\n%s", test.image, diff)
		}
	}
	if _, err := sourcesOf(t.Context(), "NO", nil); err == nil {
		t.Error("a name that is none has sources")
	}
}

func TestPullingIsPatient(t *testing.T) {
	t.Parallel()
	first, login, mirror := source{image: "docker.io/a"}, source{image: "docker.io/a", login: "s3cret"}, source{image: "mirror/a"}
	away := errors.New("received unexpected HTTP status: 503 Service Unavailable")
	denied := errors.New("pull access denied for a")
	limited := errors.New("toomanyrequests: You have reached your pull rate limit")
	for _, test := range []struct {
		name    string
		sources []source
		answers []error // of one pull after the other; then nil
		want    string  // the image; or the error, if there is one
		hint    string
		said    []string
	}{
		{"at once", []source{first, mirror}, nil, "docker.io/a", "", []string{"pulling docker.io/a"}},
		{"a fault that passes", []source{first, mirror}, []error{away, limited}, "docker.io/a", "", []string{
			"pulling docker.io/a",
			"pulling docker.io/a: received unexpected HTTP status: 503 Service Unavailable; trying again in 1s",
			"pulling docker.io/a: toomanyrequests: You have reached your pull rate limit; trying again in 3s",
		}},
		{"a fault that stays", []source{first, mirror}, []error{away, away, away, away}, "mirror/a", "", []string{
			"pulling docker.io/a",
			"pulling docker.io/a: received unexpected HTTP status: 503 Service Unavailable; trying again in 1s",
			"pulling docker.io/a: received unexpected HTTP status: 503 Service Unavailable; trying again in 3s",
			"pulling docker.io/a: received unexpected HTTP status: 503 Service Unavailable; trying again in 9s",
			"pulling mirror/a",
		}},
		{"not for everybody", []source{first, login}, []error{denied}, "docker.io/a", "", []string{"pulling docker.io/a", "pulling docker.io/a with your login"}},
		{
			"not at all",
			[]source{first, login, mirror},
			[]error{denied, denied, errors.New("manifest unknown")},
			"image docker.io/a: pulling: pull access denied for a\nimage docker.io/a with your login: pulling: pull access denied for a\nimage mirror/a: pulling: manifest unknown",
			"log in to the registry (docker login), or name an image that may be pulled with --buildkit-image",
			[]string{"pulling docker.io/a", "pulling docker.io/a with your login", "pulling mirror/a"},
		},
		{
			"no such image",
			[]source{first},
			[]error{errors.New("manifest unknown")},
			"image docker.io/a: pulling: manifest unknown",
			"name an image that exists with --buildkit-image",
			[]string{"pulling docker.io/a"},
		},
		{
			"no network",
			[]source{first},
			[]error{errors.New("dial tcp: lookup registry-1.docker.io: no such host")},
			"image docker.io/a: pulling: dial tcp: lookup registry-1.docker.io: no such host",
			"the Docker engine pulls the image, so it must reach the registry: see to its network, proxy and DNS, name a copy that it reaches with --buildkit-image, or load one (docker load) and name it there by its tag",
			[]string{"pulling docker.io/a"},
		},
		{
			"limits",
			[]source{first},
			[]error{limited, limited, limited, limited},
			"image docker.io/a: pulling: toomanyrequests: You have reached your pull rate limit",
			"the registry limits pulls: log in to it (docker login), or name a copy elsewhere with --buildkit-image",
			[]string{
				"pulling docker.io/a",
				"pulling docker.io/a: toomanyrequests: You have reached your pull rate limit; trying again in 1s",
				"pulling docker.io/a: toomanyrequests: You have reached your pull rate limit; trying again in 3s",
				"pulling docker.io/a: toomanyrequests: You have reached your pull rate limit; trying again in 9s",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var said []string
			pulls := 0
			got, err := pullFrom(t.Context(), test.sources, puller{
				pull: func(context.Context, source) error {
					pulls++
					if pulls > len(test.answers) {
						return nil
					}
					return test.answers[pulls-1]
				},
				say:  func(text string) { said = append(said, text) },
				wait: func(context.Context, time.Duration) error { return nil },
			})
			var hinted interface{ Hint() string }
			if errors.As(err, &hinted) {
				got = err.Error()
				if diff := cmp.Diff(test.hint, hinted.Hint()); diff != "" {
					t.Errorf("Hint() differs (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("pullFrom() differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.said, said); diff != "" {
				t.Errorf("said differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCancelledPullDoesNotGoOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	pulls := 0
	_, err := pullFrom(ctx, []source{{image: "a"}, {image: "b"}}, puller{
		pull: func(context.Context, source) error {
			pulls++
			cancel()
			return errors.New("connection reset by peer")
		},
		say:  func(string) {},
		wait: wait,
	})
	if !errors.Is(err, context.Canceled) || pulls != 1 {
		t.Errorf("pullFrom() = %v after %d pulls, want it cancelled after one", err, pulls)
	}
}
