package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// record says which process the lab started, exactly enough that no other is ever taken for it: a process id comes
// back, an id together with a start time doesn't before the next boot.
type record struct {
	Name  string   `json:"name"`
	PID   int      `json:"pid"`
	Start uint64   `json:"start"` // clock ticks since boot
	Boot  string   `json:"boot"`
	Args  []string `json:"args"`
}

// processes reads /proc, or a folder that looks like it.
type processes struct{ proc string }

var machine = processes{proc: "/proc"}

// process is what a stat file tells about a process.
type process struct {
	name  string // of its program, at most 15 bytes
	state byte   // 'Z' has ended and waits for its parent
	start uint64
}

// look reads a process. The error is fs.ErrNotExist where there is none.
func (p processes) look(pid int) (process, error) {
	text, err := os.ReadFile(filepath.Join(p.proc, strconv.Itoa(pid), "stat"))
	if errors.Is(err, syscall.ESRCH) { // it ended between open and read
		return process{}, fs.ErrNotExist
	}
	if err != nil {
		return process{}, err
	}
	return parseStat(string(text))
}

// parseStat reads the line of /proc/PID/stat. A program's name may hold blanks and parentheses: the last one closes it.
func parseStat(text string) (process, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("reading a process: %q has no program name", text)
	}
	fields := strings.Fields(text[end+1:])
	const startField = 22 - 3 // proc(5) counts from 1, and what is left begins with field 3
	if len(fields) <= startField {
		return process{}, fmt.Errorf("reading a process: %q has no start time", text)
	}
	start, err := strconv.ParseUint(fields[startField], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("reading a process: %w", err)
	}
	return process{name: text[open+1 : end], state: fields[0][0], start: start}, nil
}

// boot gives the id of this boot, without which a start time says nothing.
func (p processes) boot() string {
	text, err := os.ReadFile(filepath.Join(p.proc, "sys/kernel/random/boot_id"))
	if err != nil {
		return "" // equal on both sides of every comparison, so nothing is lost but the protection
	}
	return strings.TrimSpace(string(text))
}

// runs says whether the recorded process still runs.
func (p processes) runs(r record) bool {
	now, err := p.look(r.PID)
	return err == nil && now.state != 'Z' && now.state != 'X' && now.start == r.Start && p.boot() == r.Boot
}

// running finds processes by their exact arguments: those that the lab would start itself, whose record got lost with
// its folder.
func (p processes) running(args []string) []record {
	found, err := filepath.Glob(filepath.Join(p.proc, "[0-9]*", "cmdline"))
	if err != nil {
		return nil
	}
	var same []record
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil || !slices.Equal(strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), args) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file))) // the pattern lets only numbers through, bar a few
		if now, err := p.look(pid); err == nil && now.state != 'Z' {
			same = append(same, record{PID: pid, Start: now.start, Boot: p.boot(), Args: args})
		}
	}
	return same
}

// end asks the recorded process to end, and makes it after the grace. A process that isn't the recorded one any more
// is left alone. The handle that os.FindProcess takes is a descriptor of that very process, so what is checked is
// what gets the signal.
func (p processes) end(ctx context.Context, r record, grace time.Duration) error {
	handle, err := os.FindProcess(r.PID)
	if err != nil {
		return fmt.Errorf("finding process %d: %w", r.PID, err)
	}
	defer func() { _ = handle.Release() }() // only gives back the descriptor
	gone := func() (bool, error) { return !p.runs(r), nil }
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !p.runs(r) {
			return nil
		}
		if err := handle.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("sending %v to process %d: %w", signal, r.PID, err)
		}
		limited, cancel := context.WithTimeout(ctx, grace)
		err = poll(limited, 50*time.Millisecond, gone)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("ending process %d: it outlived SIGKILL by %v", r.PID, grace)
}

// daemon is a program that goes on when the lab has ended.
type daemon struct {
	record
	log  string
	died <-chan error // gives its end, if it ends while the lab watches
}

// startDaemon starts args in a session of its own, so that no signal of this terminal reaches it, and records it.
func (l *lab) startDaemon(ctx context.Context, name string, args []string, env ...string) (*daemon, error) {
	logPath := l.state("run", name+".log")
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("starting %s: opening its log: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the daemon has its own descriptor
	cmd := exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(cmd.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	now, err := machine.look(cmd.Process.Pid)
	if err != nil {
		return nil, fmt.Errorf("starting %s: looking at its process: %w", name, err)
	}
	d := &daemon{record{name, cmd.Process.Pid, now.start, machine.boot(), args}, logPath, died}
	return d, l.keepRecord(d.record)
}

// wait waits until ready says true, at most for the given time. Where the daemon dies first, the error has its last
// words.
func (d *daemon) wait(ctx context.Context, limit time.Duration, ready func() bool) error {
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it doesn't answer after %v", limit))
	defer cancel()
	err := poll(limited, 50*time.Millisecond, func() (bool, error) {
		select {
		case end := <-d.died:
			if end == nil {
				end = errors.New("exit status 0")
			}
			return false, fmt.Errorf("it ended at once: %w", end)
		default:
			return ready(), nil
		}
	})
	if err == nil {
		return nil
	}
	words, readErr := os.ReadFile(d.log)
	if readErr != nil {
		return fmt.Errorf("starting %s: %w", d.Name, err)
	}
	return fmt.Errorf("starting %s: %w; the end of %s:\n%s", d.Name, err, d.log, indent(lastLines(string(words), 8)))
}

func (l *lab) recordPath(name string) string { return l.state("run", name+".json") }

func (l *lab) keepRecord(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("recording %s: %w", r.Name, err)
	}
	if err := os.WriteFile(l.recordPath(r.Name), text, 0o600); err != nil {
		return fmt.Errorf("recording %s: %w", r.Name, err)
	}
	return nil
}

// recorded gives what was recorded of the process of that name, and whether it still runs.
func (l *lab) recorded(name string) (record, bool) {
	var r record
	text, err := os.ReadFile(l.recordPath(name))
	if err != nil || json.Unmarshal(text, &r) != nil {
		return record{}, false // no record, no process of ours
	}
	return r, machine.runs(r)
}
