package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// hub is the registry to pull upstream images from.
type hub struct {
	host string // "" where there is none
	why  string
}

// findHub decides once whether images are pulled or made here. LAB_HUB decides for it: another registry, or "off".
func (l *lab) findHub(ctx context.Context) (hub, error) {
	var found hub
	err := l.log.step(ctx, "hub", func(ctx context.Context) (string, error) {
		switch at := l.getenv("LAB_HUB"); at {
		case "off":
			found = hub{why: "LAB_HUB=off: images are made here"}
		case "":
			found = askHub(ctx, "https://registry-1.docker.io/v2/")
		default:
			found = hub{host: at, why: "images are pulled from LAB_HUB=" + at}
		}
		return found.why, nil
	})
	return found, err
}

// askHub asks whether Docker Hub answers within 5 s. "Who are you?" is as good an answer as "welcome".
func askHub(ctx context.Context, url string) hub {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return hub{why: "Docker Hub can't be asked (" + err.Error() + "): images are made here"}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return hub{why: "Docker Hub is out of reach (" + rootCause(err).Error() + "): images are made here"}
	}
	_ = response.Body.Close() // the status says it all
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
		return hub{why: "Docker Hub answers " + response.Status + ": images are made here"}
	}
	return hub{host: "index.docker.io", why: "Docker Hub is in reach: images are pulled"}
}

// rootCause unwraps an error down to its first cause, the shortest way to say it.
func rootCause(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// reference gives an image of the hub, "library/busybox:latest" for example. A registry on this machine speaks HTTP.
func (h hub) reference(image string) (name.Reference, error) {
	var options []name.Option
	host, _, err := net.SplitHostPort(h.host)
	if ip := net.ParseIP(strings.Trim(host, "[]")); err == nil && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		options = append(options, name.Insecure)
	}
	return name.ParseReference(h.host+"/"+image, options...)
}

// engineName gives the same image as an engine is asked for it.
func (h hub) engineName(image string) string {
	if h.host == "index.docker.io" {
		return image
	}
	return h.host + "/" + image
}
