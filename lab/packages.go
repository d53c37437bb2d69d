package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// systemPackage is a Debian package that the machine itself must have.
type systemPackage struct {
	name    string
	program string // proof that it is there, also where another package brought it; empty: ask dpkg
}

var (
	enginePackages = []systemPackage{{"docker.io", "dockerd"}, {"runc", "runc"}, {"iptables", "iptables"}}
	cCompiler      = []systemPackage{{"gcc", "gcc"}, {"libc6-dev", ""}, {"libseccomp-dev", ""}, {"pkg-config", "pkg-config"}}
	debianMaker    = []systemPackage{{"debootstrap", "debootstrap"}}
	testPackages   = []systemPackage{
		{"gcc", "gcc"},
		{"libc6-dev", ""},
		{"git", "git"},
		{"nodejs", "node"},
		{"openssh-client", "ssh"},
		{"iproute2", "ip"},
		{"rsync", "rsync"},
		{"libxml2-utils", "xmllint"},
		{"groovy", "groovy"},
		{"default-jre-headless", ""},
	}
)

// ensurePackages installs what is missing of the packages, with the machine's own apt, which needs root. The reason is
// for the person who has to help out.
func (l *lab) ensurePackages(ctx context.Context, reason string, packages ...systemPackage) error {
	l.packages.Lock() // two steps may want packages; apt itself would make the second one fail
	defer l.packages.Unlock()
	var missing []string
	for _, p := range packages {
		if !p.there(ctx) {
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if !hasProgram("apt-get") {
		return withHint(fmt.Errorf("packages: installing %s %s: this machine has no apt-get", list, reason),
			"install what these packages are called on this system, then run `lab up` again")
	}
	if os.Geteuid() != 0 {
		return withHint(fmt.Errorf("packages: installing %s %s: only root can install packages", list, reason),
			"run: sudo apt-get install --no-install-recommends "+list)
	}
	return l.log.step(ctx, "packages", func(ctx context.Context) (string, error) {
		return "installed " + list + " " + reason, install(ctx, missing)
	})
}

func (p systemPackage) there(ctx context.Context) bool {
	if p.program != "" {
		return hasProgram(p.program)
	}
	state, err := output(child(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", p.name))
	return err == nil && state == "installed"
}

// install asks apt for packages. Lists of packages that are missing or out of date show only by a refusal, and
// refreshing them costs more than the attempt: so attempt first.
func install(ctx context.Context, names []string) error {
	apt := func(args ...string) error {
		cmd := child(ctx, "apt-get", append([]string{"-y", "-q", "-o", "DPkg::Lock::Timeout=120"}, args...)...)
		cmd.Env = append(cmd.Env, "DEBIAN_FRONTEND=noninteractive")
		return quiet(cmd)
	}
	args := append([]string{"install", "--no-install-recommends"}, names...)
	if apt(args...) == nil {
		return nil
	}
	if err := apt("update"); err != nil {
		return fmt.Errorf("refreshing the package lists: %w", err)
	}
	if err := apt(args...); err != nil {
		return fmt.Errorf("installing %s: %w", strings.Join(names, " "), err)
	}
	return nil
}
