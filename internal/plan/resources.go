package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

const resourceFlag = "--resource"

// resourceNames are the limits that docker buildx build knows, and what BuildKit's frontend calls them (frontend/dockerui/attr.go).
var resourceNames = []struct{ name, attr, rule, hint string }{
	{"memory", "memory", "it is not a size", "memory=512m"},
	{"memory-swap", "memswap", "it is neither a size nor -1, which means no limit", "memory-swap=1g"},
	{"cpu-shares", "cpushares", "it is not a number above 0", "cpu-shares=512"},
	{"cpu-period", "cpuperiod", "it is not a number of microseconds above 0", "cpu-period=100000"},
	{"cpu-quota", "cpuquota", "it is not a number of microseconds above 0", "cpu-quota=50000"},
	{"cpuset-cpus", "cpusetcpus", "it is not a list of processors", "cpuset-cpus=0-3"},
	{"cpuset-mems", "cpusetmems", "it is not a list of memory nodes", "cpuset-mems=0,1"},
}

var cpuset = regexp.MustCompile(`^\d+(-\d+)?(,\d+(-\d+)?)*$`)

// resources reads limits NAME=VALUE of the steps, by BuildKit's names for them.
func (r *reader) resources() map[string]string {
	var out map[string]string
	for _, text := range r.in.Resources {
		name, value, _ := strings.Cut(text, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		i := slices.IndexFunc(resourceNames, func(known struct{ name, attr, rule, hint string }) bool { return known.name == name })
		if i < 0 {
			names := make([]string, len(resourceNames))
			for i, known := range resourceNames {
				names[i] = known.name
			}
			r.problem(resourceFlag, text, "there is no such limit", "write NAME=VALUE with one of: "+strings.Join(names, ", "))
			continue
		}
		known := resourceNames[i]
		value, ok := limit(name, value)
		if !ok {
			r.problem(resourceFlag, text, known.rule, fmt.Sprintf("for example %s %s", resourceFlag, known.hint))
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[known.attr] = value
	}
	return out
}

// limit reads a value as BuildKit wants it; sizes are bytes.
func limit(name, value string) (string, bool) {
	switch {
	case strings.HasPrefix(name, "cpuset-"):
		return value, cpuset.MatchString(value)
	case name == "memory-swap" && value == "-1":
		return value, true
	case strings.HasPrefix(name, "memory"):
		size, err := units.RAMInBytes(value)
		return strconv.FormatInt(size, 10), err == nil && size > 0
	}
	number, err := strconv.ParseInt(value, 10, 64)
	return strconv.FormatInt(number, 10), err == nil && number > 0
}
