package build

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
)

// tries is how often something is tried that a registry, or the way to it, may have spoiled.
const tries = 3

// pause is how long to wait before the second try; it doubles before each further one.
const pause = time.Second

// transportFault are the words in which registries and connections say that the next try may well succeed. BuildKit's errors carry no
// more than text. What it repeats by itself, with its own patience, has failed several times when it comes here.
var transportFault = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\b(?:408 Request Timeout|425 Too Early|429 Too Many Requests|499|500 Internal Server Error|502 Bad Gateway|503 Service Unavailable|504 Gateway Time-?out|522)\b`,
	`toomanyrequests`, `secondary rate limit`, `unknown blob|blob unknown`,
	`connection reset by peer`, `broken pipe`, `unexpected EOF`, `: EOF$`, `TLS handshake timeout`, `i/o timeout`, `server sent GOAWAY`, `stream error: stream ID`,
	`temporary failure in name resolution`, `server misbehaving`,
}, "|"))

// temporary reports whether an error is a fault of a registry or of the way to it, which may be gone the next time. What a step of the
// Dockerfile does is never: it might do it twice.
func temporary(err error) bool {
	var exit *gatewaypb.ExitError
	if err == nil || errors.As(err, &exit) || Lost(err) {
		return false
	}
	return transportFault.MatchString(err.Error())
}

// again waits before another try of something that failed for a moment, and tells of it. It reports false if there is to be none.
func (j *job) again(ctx context.Context, what string, try int, err error) bool {
	if try >= tries || !temporary(err) || ctx.Err() != nil {
		return false
	}
	wait := pause << (try - 1)
	if j.Say != nil {
		j.Say("%s: %s; trying again in %s (%d of %d)", what, lastWords(err), wait, try+1, tries)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lastWords is the end of an error, where its cause stands.
func lastWords(err error) string {
	const longest = 120
	text := strings.Join(strings.Fields(err.Error()), " ")
	if runes := []rune(text); len(runes) > longest {
		text = "…" + string(runes[len(runes)-longest:])
	}
	return text
}
