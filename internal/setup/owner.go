package setup

import (
	"fmt"
	"strconv"
	"strings"
)

// owner names a process for good: no other process on any machine ever has the same name. A run's container carries it, so that
// another run can tell whether the process is gone.
type owner struct {
	boot      string // id of the machine's start
	namespace string // in which the process has its number
	pid       int
	started   string // when, in the kernel's ticks since the boot
}

// String is the value of LabelOwner. It is empty where a process cannot be named.
func (o owner) String() string {
	if o == (owner{}) {
		return ""
	}
	return fmt.Sprintf("%s/%s/%d/%s", o.boot, o.namespace, o.pid, o.started)
}

func parseOwner(text string) (owner, bool) {
	fields := strings.Split(text, "/")
	if len(fields) != 4 {
		return owner{}, false
	}
	pid, err := strconv.Atoi(fields[2])
	return owner{boot: fields[0], namespace: fields[1], pid: pid, started: fields[3]}, err == nil && pid > 0
}

// certainlyGone reports whether the process that a label names has ended, as seen from self. Of processes on other machines, and of
// those in other containers, nothing is certain.
func certainlyGone(label string, self owner) bool {
	other, ok := parseOwner(label)
	if !ok || self == (owner{}) || other.boot != self.boot || other.namespace != self.namespace {
		return false
	}
	return ended(other)
}
