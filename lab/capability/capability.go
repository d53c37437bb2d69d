// Package capability tells which of the kernel's capabilities this machine withholds even from root. Start at Missing.
// It changes nothing; stripping what is missing is the OCI runtime wrapper's work.
package capability

import (
	"fmt"
	"strconv"
	"strings"
)

// names are the capabilities by number, from include/uapi/linux/capability.h.
var names = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
	"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Missing gives the names of the capabilities that the kernel has and the bounding set lacks. Status is the text of
// /proc/self/status, lastCap that of /proc/sys/kernel/cap_last_cap.
func Missing(status, lastCap string) ([]string, error) {
	last, err := strconv.Atoi(strings.TrimSpace(lastCap))
	if err != nil {
		return nil, fmt.Errorf("capabilities: reading the kernel's last one: %w", err)
	}
	bounding, err := boundingSet(status)
	if err != nil {
		return nil, err
	}
	var missing []string
	for number := 0; number <= last; number++ {
		if bounding&(1<<number) == 0 {
			missing = append(missing, name(number))
		}
	}
	return missing, nil
}

// boundingSet finds the CapBnd line, a set of bits in hexadecimal.
func boundingSet(status string) (uint64, error) {
	for line := range strings.Lines(status) {
		if text, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("capabilities: reading the bounding set: %w", err)
			}
			return set, nil
		}
	}
	return 0, fmt.Errorf("capabilities: reading the bounding set: no CapBnd line in the process status")
}

// name gives a capability's name. One newer than the table gets a name that no container asks for.
func name(number int) string {
	if number < len(names) {
		return names[number]
	}
	return "CAP_" + strconv.Itoa(number)
}
