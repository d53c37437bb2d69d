package setup

import (
	"os/exec"
	"testing"
)

func TestCertainlyGone(t *testing.T) {
	t.Parallel()
	self := thisProcess()
	if self == (owner{}) {
		t.Fatal("this process has no name")
	}
	with := func(change func(*owner)) string {
		o := self
		change(&o)
		return o.String()
	}
	for _, test := range []struct {
		name, label string
		want        bool
	}{
		{"this process", self.String(), false},
		{"its number had another process", with(func(o *owner) { o.started = "1" }), true},
		{"nobody has the number", with(func(o *owner) { o.pid = 1 << 30 }), true},
		{"another machine", with(func(o *owner) { o.pid, o.boot = 1<<30, "another" }), false},
		{"another container", with(func(o *owner) { o.pid, o.namespace = 1<<30, "1" }), false},
		{"no label", "", false},
		{"a label of somebody else", "1/2/3", false},
		{"a number that is none", self.boot + "/" + self.namespace + "/x/1", false},
		{"a group of processes", self.boot + "/" + self.namespace + "/-1/1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := certainlyGone(test.label, self); got != test.want {
				t.Errorf("certainlyGone(%q) = %t, want %t", test.label, got, test.want)
			}
		})
	}
	if certainlyGone(with(func(o *owner) { o.pid = 1 << 30 }), owner{}) {
		t.Error("a process that cannot name itself is certain of others")
	}
}

func TestZombieIsGone(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "true")
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	_, started, _ := statOf(child.Process.Pid)
	named := thisProcess()
	named.pid, named.started = child.Process.Pid, started
	if _, err := pipe.Read(make([]byte, 1)); err == nil {
		t.Fatal("true prints something")
	}
	// Its streams are closed just before it becomes one.
	for range 1_000_000 {
		if certainlyGone(named.String(), thisProcess()) {
			break
		}
	}
	if !certainlyGone(named.String(), thisProcess()) {
		t.Error("a process that only waits to be asked how it ended counts as living")
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}
