package registry

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// builderTries is how often a builder may push, each time with what patience it has itself.
const builderTries = 6

var (
	// core/remotes/errors of containerd, by which BuildKit pushes: unexpected status from PUT request to https://…: 429 Too Many Requests
	builderStatus  = regexp.MustCompile(`unexpected status(?: code)?(?: from [A-Z]+ request to \S+)?:? (\d{3})`)
	builderAddress = regexp.MustCompile(`(?:request to |Get "|Head "|Post "|Put "|Patch ")(https?://[^\s"]+)`)
)

// passingWords are BuildKit's for what may pass, where there is no status.
var passingWords = []string{
	"connection reset", "broken pipe", "eof", "i/o timeout", "tls handshake timeout", "use of closed network connection", "server sent goaway",
	"closed incomplete writer", "blob unknown", "unknown blob", "manifest unknown", "toomanyrequests", "rate limit",
}

// PushAgain decides what to do when a builder's own push has failed, of which only the words are known. It reports whether it is worth to
// push again, after it has waited. try counts from one. BuildKit makes a request that was limited five times without a pause, and gives up after seven seconds otherwise.
func (t *Transport) PushAgain(ctx context.Context, failure error, try int) bool {
	text := failure.Error()
	if try >= builderTries || !mayPassForBuilder(text) {
		return false
	}
	h := t.builderHost(text)
	pause, _ := h.putOff(h.now(), growing(try, 5*time.Second, time.Minute))
	if pause < 0 {
		return false
	}
	_, short, _ := strings.Cut(text, "failed to push ")
	t.say(fmt.Sprintf("registry %s: the builder could not push to %s; it tries again in %s", h.name, short, pause.Round(100*time.Millisecond)))
	return h.wait(ctx) == nil
}

// mayPassForBuilder reads the words. That we may push was checked before the build, so a 401 means a token that has become too old, and a
// 403 is how some registries limit requests: the words for it do not reach us.
func mayPassForBuilder(text string) bool {
	if status := builderStatusOf(text); status != 0 {
		return slices.Contains(passing, status) || status == 401 || status == 403
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(passingWords, func(words string) bool { return strings.Contains(text, words) })
}

// builderStatusOf is the status in the words of a builder, or zero.
func builderStatusOf(text string) int {
	found := builderStatus.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	status, _ := strconv.Atoi(found[1]) // three digits
	return status
}

// builderHost is the registry that the words are about.
func (t *Transport) builderHost(text string) *host {
	if found := builderAddress.FindStringSubmatch(text); found != nil {
		if address, err := url.Parse(found[1]); err == nil {
			return t.hostAt(address)
		}
	}
	return t.hostAt(&url.URL{Host: "of the builder"})
}
