package source

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Error says that an image could not be reached or read.
type Error struct {
	Name string // of the image, as it was written
	Err  error
	hint string
}

// about says which image an error is about, unless it says so already.
func about(name string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		if known.Name == "" {
			known.Name = name
		}
		return known
	}
	return &Error{Name: name, Err: err}
}

// Error names the image and the cause.
func (e *Error) Error() string { return fmt.Sprintf("image %s: reading: %v", e.Name, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it; empty if nothing is known.
func (e *Error) Hint() string {
	var hinted interface{ Hint() string }
	if e.hint == "" && errors.As(e.Err, &hinted) {
		return hinted.Hint()
	}
	var answer *transport.Error
	if e.hint != "" || !errors.As(e.Err, &answer) {
		return e.hint
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return "check the name and the tag; some registries say so too where a login is needed"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "log in with an account that may read there, for example by docker login; some registries say so too where there is no such repository"
	case http.StatusTooManyRequests:
		return "the registry limits how much may be read; log in, or wait"
	}
	return "check the registry's name, and that it can be reached from here"
}

// IsMissing reports whether a registry or a folder says that something is not there.
func IsMissing(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound || errors.Is(err, errNoBlob)
}

var errNoBlob = errors.New("it is not there")

// NotImageError says that a name is one of something else than an image.
type NotImageError struct{ MediaType string }

// Error says what it is.
func (e *NotImageError) Error() string {
	if e.MediaType == "schema 1" {
		return "it is an image of schema 1, which registries and engines have given up"
	}
	return fmt.Sprintf("it is no image but an artifact of type %q", e.MediaType)
}

// Hint says what to do about it.
func (e *NotImageError) Hint() string {
	if e.MediaType == "schema 1" {
		return "build it anew, or pull and push it by an engine that still can"
	}
	return "name an image; charts, signatures, attestations and other artifacts hold no programs to verify"
}

// Defect is one way in which the documents of an image are bad.
type Defect string

// The defects of documents.
const (
	DefectDigest Defect = "digest" // the bytes are not those that were named
	DefectSize   Defect = "size"   // there are more or fewer bytes than were named
	DefectType   Defect = "type"   // it can be taken for different things
	DefectJSON   Defect = "json"   // it cannot be read
	DefectLimits Defect = "limits" // it is larger than anything real
)

// BadImageError says what is wrong with an index, a manifest or a config.
type BadImageError struct {
	Defect          Defect
	Digest          string // of what is bad; empty: what the name leads to
	Expected, Found string
}

// Error names the document and what is wrong with it.
func (e *BadImageError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s found %s, expected %s", e.Digest, e.Found, e.Expected))
}

// bad makes a BadImageError of two formatted texts.
func bad(defect Defect, d v1.Descriptor, expected string, args ...any) func(found string, args ...any) error {
	e := &BadImageError{Defect: defect, Expected: fmt.Sprintf(expected, args...)}
	if d.Digest != (v1.Hash{}) {
		e.Digest = d.Digest.String()
	}
	return func(found string, args ...any) error {
		e.Found = fmt.Sprintf(found, args...)
		return e
	}
}
