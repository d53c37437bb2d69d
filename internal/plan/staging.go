package plan

import "strings"

// Run is what a CI host says about the run that the program is part of. Jobs of one run have the same.
type Run struct {
	Key      string // names the run among all of the host's; empty: this is no CI run
	Attempt  int64  // grows when the run, or a job of it, is started again; zero: the host does not say
	Revision string // the commit; empty: the host does not say
	URL      string // its page; empty: the host does not say
}

// Staging says how platforms are handed from the runs that build them to the one that publishes them.
type Staging struct {
	Key      string `json:"key"`
	Attempt  int64  `json:"attempt,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Record is the folder for files that are handed over instead of references in the registry; empty: the registry.
	Record string `json:"record,omitempty"`
}

// stagingInputs are how platforms are handed from builds on many machines to one index.
func stagingInputs() []Input {
	return []Input{
		{
			Name: "staged", Flag: "staged", Kind: KindKey, Help: "hand platforms from builds on many machines to publish, through the registry, under a key (default: the CI host's run)",
			text: func(in *Inputs) *string { return &in.Staged },
		},
		{
			Name: "record", Flag: "record", Kind: KindText, Help: "folder for files that are handed over instead of references in the registry; implies staged",
			text: func(in *Inputs) *string { return &in.Record },
		},
	}
}

// staging reads whether platforms are handed over, and under which key. nil: they are not.
func (r *reader) staging() *Staging {
	text := strings.TrimSpace(r.in.Staged)
	if text == "false" || text == "" && r.in.Record == "" {
		return nil
	}
	run := r.world.Run
	s := &Staging{Key: text, Attempt: run.Attempt, Revision: run.Revision}
	if text == "" || text == "true" {
		s.Key = run.Key
	}
	if r.in.Record != "" {
		s.Record = r.absolute(r.in.Record)
		if info, err := r.world.Stat(s.Record); err == nil && !info.IsDir() {
			r.problem("--record", r.in.Record, "it is a file", "name a folder; it is made if there is none")
		}
	} else if s.Key == "" {
		r.problem("--staged", "", "this is no run of a CI host, which would give the key", "write a key, the same for all builds and for publish: --staged=KEY")
	}
	return s
}
