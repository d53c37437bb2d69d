package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/org/multiarch-action/internal/folder"
	"github.com/org/multiarch-action/internal/verify"
)

// inspectFolder looks at the files of an image that is mounted at a folder, and writes what it found into a file.
func (a *app) inspectFolder(ctx context.Context, dir, answer, text string) (err error) {
	var request versionedRequest
	if err := json.Unmarshal([]byte(text), &request); err != nil {
		return fmt.Errorf("request to look at files: reading: %w", err)
	}
	if version := a.version(); version != request.Version {
		return fmt.Errorf("request to look at files: it is of version %s, and this program is %s", request.Version, version)
	}
	files, err := folder.Open(dir)
	if err != nil {
		return fmt.Errorf("files of the image: %w", err)
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	inspection, err := verify.InspectFiles(ctx, request.Request, folderFiles(files))
	if err != nil {
		return err
	}
	found, err := json.Marshal(inspection)
	if err != nil {
		return fmt.Errorf("what was found in files: encoding: %w", err)
	}
	return os.WriteFile(answer, found, 0o600)
}

// folderFiles are files in a folder.
func folderFiles(files *folder.Files) filesOf[folder.File] {
	return filesOf[folder.File]{files, func(f folder.File) verify.File {
		return verify.File{Mode: f.Mode, Size: f.Size, Link: f.Link, UID: f.UID, GID: f.GID}
	}}
}
