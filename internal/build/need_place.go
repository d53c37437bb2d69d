package build

import (
	"cmp"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"
)

// instruction finds the instruction of the Dockerfile that an operation was made from: its text and its place. A command that a
// base image brings along has the place of the FROM.
func instruction(definition *llb.Definition, operation []byte) (text, place string) {
	id := digest.FromBytes(operation)
	// The name is given by the converter (dfCmd of frontend/dockerfile/dockerfile2llb/convert.go).
	text = cmp.Or(definition.Metadata[id].Description["com.docker.dockerfile.v1.command"], "a command")
	source := definition.Source
	if source == nil || source.Locations[id.String()] == nil {
		return text, ""
	}
	for _, location := range source.Locations[id.String()].Locations {
		if int(location.SourceIndex) < len(source.Infos) && len(location.Ranges) > 0 {
			return text, fmt.Sprintf("%s:%d", source.Infos[location.SourceIndex].Filename, location.Ranges[0].Start.Line)
		}
	}
	return text, ""
}
