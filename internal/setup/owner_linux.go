package setup

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// thisProcess names the process itself. It is empty where /proc is not mounted.
func thisProcess() owner {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return owner{}
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return owner{}
	}
	pid := os.Getpid()
	_, started, ok := statOf(pid)
	if !ok {
		return owner{}
	}
	number := strings.Trim(namespace, "pid:[]") // proc_pid_ns(5): pid:[4026531836]
	return owner{boot: strings.TrimSpace(string(boot)), namespace: number, pid: pid, started: started}
}

// ended reports whether a process of this boot and namespace is certainly gone: its number is free, another process has it, or it only
// waits for its parent to ask how it ended.
func ended(o owner) bool {
	if errors.Is(unix.Kill(o.pid, 0), unix.ESRCH) {
		return true
	}
	state, started, ok := statOf(o.pid)
	return ok && (started != o.started || state == "Z" || state == "X")
}

// statOf returns the state of a process and when it started, fields 3 and 22 of proc_pid_stat(5). The second field is in parentheses and
// may hold anything.
func statOf(pid int) (state, started string, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", "", false
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return "", "", false
	}
	return fields[0], fields[19], true
}
