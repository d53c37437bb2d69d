package metadata

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// globals are the names that are known in prefix, suffix, value and enable of every rule, and in labels and annotations.
func (m *maker) globals() scope {
	e := m.in.Event
	return scope{
		"branch": e.branch(), "tag": e.tag(), "sha": m.shortSHA(), "base_ref": baseRef(e),
		"is_default_branch":     fmt.Sprint(e.isDefaultBranch()),
		"is_not_default_branch": fmt.Sprint(!e.isDefaultBranch()),
		"date":                  dateFunction("date", m.in.Now),
		"commit_date":           dateFunction("commit_date", m.commitTime()),
	}
}

func baseRef(e Event) string {
	if e.tag() != "" || e.pull() != "" {
		return strings.TrimPrefix(e.BaseRef, heads)
	}
	return ""
}

// commitTime is when the commit was made, or now, where nobody knows.
func (m *maker) commitTime() time.Time {
	if m.in.Event.CommitTime.IsZero() {
		return m.in.Now
	}
	return m.in.Event.CommitTime
}

// dateFunction makes the function behind {{date 'FORMAT' tz='ZONE'}}.
func dateFunction(name string, t time.Time) function {
	return func(parameters []any, named map[string]any) (any, error) {
		if len(parameters) != 1 {
			return nil, fmt.Errorf("%s takes one format in quotes, as in {{%s 'YYYYMMDD'}}", name, name)
		}
		location := time.UTC
		for key, value := range named {
			if key != "tz" {
				return nil, fmt.Errorf("%s knows tz='ZONE', and no %s", name, key)
			}
			var err error
			if location, err = zone(textOf(value)); err != nil {
				return nil, err
			}
		}
		format, ok := parameters[0].(string)
		if !ok {
			format = "YYYY-MM-DDTHH:mm:ssZ" // moment's own, where the format is undefined
			if location == time.UTC {
				format = "YYYY-MM-DDTHH:mm:ss[Z]"
			}
		}
		return formatTime(t.In(location), format), nil
	}
}

// global fills in a text that may hold the global names.
func (m *maker) global(text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil // also what is written with backslashes stays as it is
	}
	return render(text, m.globals())
}

// enabled reads a rule's attribute enable.
func (m *maker) enabled(r rule) (bool, error) {
	text, given := r.get("enable")
	if !given {
		return true, nil
	}
	value, err := m.global(text)
	if err != nil {
		return false, err
	}
	if value != "true" && value != "false" {
		return false, errors.New("enable=" + value + " is neither true nor false")
	}
	return value == "true", nil
}
