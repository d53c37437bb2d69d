package plan

import "strings"

// Kind says how the text of an input is read.
type Kind string

// The kinds of inputs.
const (
	KindText  Kind = "text"
	KindBool  Kind = "bool"
	KindList  Kind = "list"  // separated by commas or newlines; as a flag also repeated
	KindLines Kind = "lines" // separated by newlines only, because the values may hold commas; as a flag repeated
	KindKey   Kind = "key"   // one value, or true to have it chosen
	// KindOptions are lines whose quotes belong to the values, which are lists of options themselves.
	KindOptions Kind = "options"
	// KindSecrets are lines of which blanks are no less secret than the rest.
	KindSecrets Kind = "secrets"
)

// Input is one row of the table that makes the flags, the environment names and the inputs of action.yml.
type Input struct {
	Name    string // as in action.yml; MULTIARCH_<NAME> in the environment
	Flag    string // the long flag, without dashes; empty: the positional argument, or an input that must not be in a list of processes
	Short   string // the one-letter flag, if there is one
	Kind    Kind
	Default string
	// ActionDefault is the default in action.yml where that is an expression of GitHub's, which means nothing elsewhere.
	ActionDefault string
	Help          string // one line

	text func(*Inputs) *string
	list func(*Inputs) *[]string
	// environment is where the values from the environment are kept, if they have another form there than as flags.
	environment func(*Inputs) *[]string
	whole       bool // as a flag it is one value, whatever commas it holds
}

// Text returns where the value of an input of kind KindText or KindBool is kept.
func (i Input) Text(in *Inputs) *string { return i.text(in) }

// List returns where the values of an input of kind KindList or KindLines are kept.
func (i Input) List(in *Inputs) *[]string { return i.list(in) }

// Environment returns where the values are kept that the environment gives.
func (i Input) Environment(in *Inputs) *[]string {
	if i.environment != nil {
		return i.environment(in)
	}
	return i.list(in)
}

// FlagValues reads the text of one flag of an input that holds several values. Of the forms of Split a list in brackets is understood
// for every kind, and commas for a KindList.
func (i Input) FlagValues(text string) ([]string, error) {
	if values, ok := i.Kind.bracketed(strings.TrimSpace(text)); ok {
		return i.Kind.clean(values), nil
	}
	if i.Kind == KindList && !i.whole {
		return i.Kind.Split(text)
	}
	return []string{text}, nil
}

// IsList reports whether the input holds several values.
func (i Input) IsList() bool { return i.list != nil }

// Label is the input's name as the user of a command line knows it.
func (i Input) Label() string {
	if i.Flag == "" {
		return i.Name
	}
	return "--" + i.Flag
}
