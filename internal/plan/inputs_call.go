package plan

import (
	"encoding/csv"
	"strconv"
	"strings"
)

// Call is a question about a Dockerfile that is asked instead of building it. Its zero value builds.
type Call struct {
	Method CallMethod `json:"method,omitempty"`
	Format string     `json:"format,omitempty"` // text or json
	// IgnoreStatus ends well also where a check found something.
	IgnoreStatus bool `json:"ignoreStatus,omitempty"`
}

// CallMethod is what is asked.
type CallMethod string

// The questions of docker buildx build --call.
const (
	CallBuild   CallMethod = ""
	CallCheck   CallMethod = "check"   // what is bad style in it
	CallOutline CallMethod = "outline" // its arguments, secrets and SSH agents
	CallTargets CallMethod = "targets" // its stages
)

// callInputs are what is done with the Dockerfile.
func callInputs() []Input {
	return []Input{
		{
			Name: "call", Flag: "call", Kind: KindText, Default: "build", Help: "build, or only ask: check, outline or targets; with ,format=json as JSON",
			text: func(in *Inputs) *string { return &in.Call },
		},
	}
}

func (r *reader) call() Call {
	if r.in.Call == "" {
		return Call{}
	}
	c := Call{Format: "text"}
	fields, err := csv.NewReader(strings.NewReader(r.in.Call)).Read()
	for i, field := range fields {
		key, value, named := strings.Cut(field, "=")
		switch {
		case !named && i == 0:
			c.Method = CallMethod(field)
		case key == "format" && (value == "text" || value == "json"):
			c.Format = value
		case key == "ignorestatus":
			c.IgnoreStatus, err = strconv.ParseBool(value)
		default:
			c.Method = "?"
		}
	}
	switch c.Method {
	case "build":
		return Call{}
	case "lint":
		c.Method = CallCheck
	}
	known := c.Method == CallCheck || c.Method == CallOutline || c.Method == CallTargets
	if err != nil || !known {
		r.problem("--call", r.in.Call, "it is not one of the known values", "write build, check, outline or targets, and behind it ,format=json for JSON")
	}
	return c
}
