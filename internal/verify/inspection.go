package verify

import (
	"encoding/json"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// Request is what InspectFiles is asked for. It can be sent to where the files are, as JSON.
type Request struct {
	Level    plan.Level
	Platform ocispec.Platform
	Config   ocispec.ImageConfig
}

// RequestFor asks for what Inspect would look for in the files of a platform's image. It leaves out of the config what says nothing
// about files but differs from build to build, such as labels with times: the answer for the same files can then be remembered.
func RequestFor(level plan.Level, p plan.Platform, config ocispec.Image) Request {
	request := Request{Level: level, Platform: p.Spec(), Config: config.Config}
	request.Config.Labels = nil
	return request
}

// Inspection is what InspectFiles has found. It can be sent back as JSON.
type Inspection struct {
	Findings []plan.Finding
	Programs Programs // as Inspect returns them
}

// sentProgram is a Program as it is sent.
type sentProgram struct {
	Path        []byte // names of files need not be valid text, which JSON wants
	Fingerprint uint64
	Machine     uint16
	Bits        int
	Big, N32    bool
	Reached     bool
}

// MarshalJSON writes all that Across compares.
func (p Program) MarshalJSON() ([]byte, error) {
	m := p.machine
	return json.Marshal(sentProgram{Path: []byte(p.Path), Fingerprint: p.Fingerprint, Machine: m.number, Bits: m.bits, Big: m.big, N32: m.n32, Reached: p.reached})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Program) UnmarshalJSON(text []byte) error {
	var sent sentProgram
	err := json.Unmarshal(text, &sent)
	*p = Program{
		Path: string(sent.Path), Fingerprint: sent.Fingerprint, reached: sent.Reached,
		machine: machine{number: sent.Machine, bits: sent.Bits, big: sent.Big, n32: sent.N32},
	}
	return err
}
