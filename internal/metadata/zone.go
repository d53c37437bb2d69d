package metadata

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // not every machine has time zones
)

// zone finds a time zone by its name in the IANA database, written in any case.
func zone(name string) (*time.Location, error) {
	if name == "" {
		return nil, fmt.Errorf("the time zone is empty")
	}
	for _, spelled := range []string{name, strings.ToUpper(name), titled(name)} {
		if spelled == "LOCAL" || spelled == "Local" {
			continue // this machine's own zone is no answer that another machine would give
		}
		if location, err := time.LoadLocation(spelled); err == nil {
			return location, nil
		}
	}
	return nil, fmt.Errorf("there is no time zone %q", name)
}

// titled spells a name as the database does most of them: America/New_York.
func titled(name string) string {
	out := []byte(strings.ToLower(strings.ReplaceAll(name, " ", "_")))
	for i := range out {
		if (i == 0 || strings.IndexByte("/_-", out[i-1]) >= 0) && out[i] >= 'a' && out[i] <= 'z' {
			out[i] -= 'a' - 'A'
		}
	}
	return string(out)
}
