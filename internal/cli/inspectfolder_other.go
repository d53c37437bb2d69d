//go:build !linux

package cli

import (
	"context"
	"errors"
)

// inspectFolder is for builders, which run Linux.
func (a *app) inspectFolder(context.Context, string, string, string) error {
	return errors.New("files in a folder are looked at on Linux only")
}
