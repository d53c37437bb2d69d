package verify

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// user is who an image's programs run as.
type user struct {
	uid    int
	groups []int // the first is the main group
}

// account is a line of /etc/passwd or /etc/group.
type account struct {
	name    string
	number  int
	group   int      // main group, in passwd
	members []string // in group
}

// parseAccounts reads /etc/passwd or /etc/group as runc does (moby/sys/user): lines that are not understood are skipped.
func parseAccounts(text string) []account {
	var list []account
	for line := range strings.Lines(text) {
		parts := strings.Split(strings.TrimSpace(line), ":")
		if len(parts) < 3 || strings.HasPrefix(parts[0], "#") {
			continue
		}
		number, err := strconv.Atoi(parts[2])
		if err != nil {
			continue
		}
		a := account{name: parts[0], number: number}
		if len(parts) > 3 {
			a.group, _ = strconv.Atoi(parts[3])
			a.members = strings.Split(parts[3], ",")
		}
		list = append(list, a)
	}
	return list
}

// findAccount looks for a name or a number, as "User" in the image's config may be either.
func findAccount(list []account, text string) (account, bool) {
	number, err := strconv.Atoi(text)
	i := slices.IndexFunc(list, func(a account) bool { return a.name == text || err == nil && a.number == number })
	if i >= 0 {
		return list[i], true
	}
	return account{number: number}, err == nil
}

// loadUser finds out who the image's user is. Only a name has to be in the image's files.
func (r *run) loadUser(ctx context.Context) error {
	name, group, hasGroup := strings.Cut(r.config.User, ":")
	if r.config.User == "" {
		r.user = &user{groups: []int{0}}
		return nil
	}
	passwd, _, err := r.text(ctx, "/etc/passwd")
	if err != nil {
		return err
	}
	groups, _, err := r.text(ctx, "/etc/group")
	if err != nil {
		return err
	}
	if name == "" {
		name = "0"
	}
	found, ok := findAccount(parseAccounts(passwd), name)
	if !ok {
		r.reportUser("user", name, "/etc/passwd")
		return nil
	}
	u := &user{uid: found.number, groups: []int{found.group}}
	all := parseAccounts(groups)
	if hasGroup && group != "" {
		g, ok := findAccount(all, group)
		if !ok {
			r.reportUser("group", group, "/etc/group")
			return nil
		}
		u.groups[0] = g.number
	} else {
		for _, g := range all {
			if slices.Contains(g.members, found.name) && found.name != "" {
				u.groups = append(u.groups, g.number)
			}
		}
	}
	r.user = u
	return nil
}

func (r *run) reportUser(kind, name, file string) {
	r.report(command{}, plan.Finding{
		Check: checkConfigUser, Path: configPath,
		Expected: fmt.Sprintf("a %s that %s has, or a number", kind, file), Found: fmt.Sprintf("USER with the %s %s", kind, shown(name)),
		Why: fmt.Sprintf("starting the image ends with \"unable to find %s\"", kind),
		Fix: "create it in the last stage (adduser, useradd), or COPY the file, or use a number as in USER 65532:65532",
	})
}

// may reports whether the user has a permission (4 read, 1 execute) on a file: exactly one of the three groups of bits
// counts (path_resolution(7)). Root may enter every folder, and execute what anybody may.
func (u *user) may(file File, bit fs.FileMode) bool {
	mode := file.Mode.Perm()
	switch {
	case u.uid == 0:
		return bit != 1 || file.Mode.IsDir() || mode&0o111 != 0
	case file.UID == u.uid:
		return mode&(bit<<6) != 0
	case slices.Contains(u.groups, file.GID):
		return mode&(bit<<3) != 0
	}
	return mode&bit != 0
}

// forbidden says why the image's user may not start a program; empty if it may. script asks for what its interpreter
// needs, which opens it.
func (r *run) forbidden(ctx context.Context, at place, bit fs.FileMode) (string, error) {
	if r.user == nil || r.user.uid == 0 {
		return "", nil
	}
	for dir := path.Dir(at.path); dir != "/"; dir = path.Dir(dir) {
		found, err := r.tree.stat(ctx, dir)
		if err != nil {
			return "", err
		}
		if found.exists && !r.user.may(found.file, 1) {
			return fmt.Sprintf("the folder %s with %s, which that user may not enter", shown(dir), ownership(found.file)), nil
		}
	}
	if !r.user.may(at.file, bit) {
		return ownership(at.file), nil
	}
	return "", nil
}

func ownership(f File) string {
	return fmt.Sprintf("mode %04o, owner %d:%d", f.Mode.Perm(), f.UID, f.GID)
}

func (r *run) reportForbidden(c command, where, what string, action string) {
	r.report(c, plan.Finding{
		Check: checkNotExecUser, Path: where,
		Expected: fmt.Sprintf("a file that USER %s (%d:%d) may %s", shown(r.config.User), r.user.uid, r.user.groups[0], action), Found: what,
		Why: `starting it ends with "permission denied"`,
		Fix: "use COPY --chmod=755 or --chown, or RUN chmod before the line with USER",
	})
}
