package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// GaveUpError says that a request failed, and failed again until there was no patience left.
type GaveUpError struct {
	Tries  int
	Waited time.Duration
	Err    error // of the last try
}

// Error ends with how much was tried.
func (e *GaveUpError) Error() string {
	if e.Tries == 1 {
		return fmt.Sprintf("%v; the time for waiting is used up", e.Err)
	}
	return fmt.Sprintf("%v; tried %d times in %s", e.Err, e.Tries, e.Waited.Round(time.Second))
}

// Unwrap returns the last cause.
func (e *GaveUpError) Unwrap() error { return e.Err }

// InterruptedError says that a part of something failed that has to be begun anew.
type InterruptedError struct{ Err error }

// Error is the cause.
func (e *InterruptedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InterruptedError) Unwrap() error { return e.Err }

// Error is what a registry did not do, and as whom it was asked.
type Error struct {
	Host  string
	Login string // in words: by what login it was asked
	Err   error
}

// Error gives the registry's own words, and for a refusal the login.
func (e *Error) Error() string {
	text := plainly(e.Err)
	if status := statusOf(e.Err); status == http.StatusUnauthorized || status == http.StatusForbidden {
		text += "; it was asked " + e.Login
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *Error) Hint() string { return Hint(e.Err, e.Host) }

// plainly is the text of an error without what net/http puts around it, which says the method and the address a second time.
func plainly(err error) string {
	text := err.Error()
	var wrapped *url.Error
	if errors.As(err, &wrapped) && statusOf(wrapped.Err) != 0 {
		text = strings.Replace(text, wrapped.Error(), wrapped.Err.Error(), 1)
	}
	return text
}

// inShort is what a log says of a failure while there is hope.
func inShort(err error) string {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return err.Error()
	}
	text := fmt.Sprintf("%s answered by %d", answer.Request.Method, answer.StatusCode)
	if words := http.StatusText(answer.StatusCode); words != "" {
		text += " " + words
	}
	for _, said := range answer.Errors {
		text += ", " + said.String()
	}
	return text
}

// statusOf is the status of the answer that an error is about; zero: there was none.
func statusOf(err error) int {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// says reports whether a registry's refusal has one of the codes.
func says(err error, codes ...transport.ErrorCode) bool {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return false
	}
	for _, said := range answer.Errors {
		for _, code := range codes {
			if said.Code == code {
				return true
			}
		}
	}
	return false
}

const logIn = "log in with an account that may push there, for example by docker login; on GitHub the job needs permissions: packages: write for ghcr.io"

// Hint says what to do about a failure of the registry at a host.
func Hint(err error, host string) string {
	text := strings.ToLower(err.Error())
	spoken := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(text, word) {
				return true
			}
		}
		return false
	}
	switch status := statusOf(err); {
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && spoken("rate limit", "ratelimit", "toomanyrequests"):
		return "the registry limits how much may be asked of it: log in, ask less at the same time, or run again later"
	case (status == http.StatusForbidden || status == http.StatusRequestEntityTooLarge || status >= 500) && spoken("quota", "storage limit", "insufficient storage"):
		return "the account's space in the registry is used up: delete old images, or have it raised"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return logIn
	case status == http.StatusRequestEntityTooLarge:
		return "the registry, or a proxy in front of it, limits how large an upload may be: have that raised, or make the layer smaller"
	case status == http.StatusMethodNotAllowed:
		return "the registry takes nothing: it may be a mirror that can only be read"
	case status == http.StatusNotFound && says(err, transport.NameUnknownErrorCode):
		return "check the registry's name and the repository's; some registries want a repository to be made before something is pushed there"
	case status >= 500:
		return "the registry is in trouble: see what its operator says, and run again later"
	}
	var stall *StallError
	var plain tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &stall):
		return stall.Hint()
	case errors.As(err, &plain), spoken("http response to https client"):
		return "the registry speaks plain HTTP: if that is meant, add --insecure-registry " + host
	case errors.As(err, &unknown):
		return "name the certificate of the registry's authority: --registry-ca " + host + "=FILE"
	}
	return "check the registry's name, and that it can be reached from here"
}
