package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// runtimePath is the PATH that runtimes set if the image sets none (DefaultPathEnv in github.com/moby/moby and in
// containerd's oci package).
const runtimePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// execPath is where execvp(3) of glibc looks in an environment without PATH.
const execPath = "/bin:/usr/bin"

// maxFolders bounds how many folders of PATH are searched.
const maxFolders = 256

// below returns a path that is taken relative to a folder. Nothing is cleaned: ".." behind a link is not where it seems.
func below(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

// found is a file that can be started: its name on the way to it and where that led.
type found struct {
	name string
	at   place
}

// find looks up the program of a command: names with a slash below the working directory, other names along PATH. ok
// is false if there is none; that was then reported, if it is sure that there has to be one.
func (r *run) find(ctx context.Context, c command) (f found, ok bool, err error) {
	name := c.argv[0]
	if !strings.Contains(name, "/") && c.by != byKernel {
		return r.search(ctx, c)
	}
	if c.dir == "" && !strings.HasPrefix(name, "/") {
		r.unfollowed(c, fmt.Sprintf("%s is relative to a folder that is known only when the image runs", shown(name)))
		return found{}, false, nil
	}
	name = below(c.dir, name)
	at, err := r.tree.resolve(ctx, name)
	var absent *lookupError
	if err != nil && !errors.As(err, &absent) {
		return found{}, false, err
	}
	switch {
	case absent != nil:
		r.reportAbsent(c, name, absent)
	case !at.file.Mode.IsRegular():
		r.reportLookup(c, checkProgramNotRegular, plan.Finding{
			Path: c.where(name, at.path), Expected: "a regular file", Found: fileKind(at.file.Mode),
			Why: `starting it ends with "permission denied"`, Fix: fixMissing,
		})
	case at.file.Mode&0o111 == 0:
		r.reportNotExecutable(c, name, at)
	default:
		return r.permitted(ctx, c, found{name, at})
	}
	return found{}, false, nil
}

// permitted checks that the image's user may execute a program. It counts only for what is started before a program
// can have changed the user.
func (r *run) permitted(ctx context.Context, c command, f found) (found, bool, error) {
	if c.otherUser {
		return f, true, nil
	}
	what, err := r.forbidden(ctx, f.at, 1)
	if what == "" || err != nil {
		return f, err == nil, err
	}
	r.reportForbidden(c, c.where(f.name, f.at.path), what, "execute")
	return found{}, false, nil
}

// search looks for a name along PATH: the first regular file with an x bit wins. Relative elements are skipped: runc
// refuses what it finds there.
func (r *run) search(ctx context.Context, c command) (found, bool, error) {
	var plain, denied *found
	folders, ok := c.env["PATH"]
	if !ok {
		folders = execPath
	}
	for _, dir := range strings.SplitN(folders, ":", maxFolders+1)[:min(maxFolders, strings.Count(folders, ":")+1)] {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		name := below(dir, c.argv[0])
		at, err := r.tree.resolve(ctx, name)
		var absent *lookupError
		if errors.As(err, &absent) {
			continue
		}
		if err != nil {
			return found{}, false, err
		}
		if at.file.Mode.IsRegular() && at.file.Mode&0o111 != 0 {
			what, err := r.forbidden(ctx, at, 1)
			if what == "" || c.otherUser || err != nil {
				return found{name, at}, err == nil, err
			}
			if denied == nil {
				denied = &found{name, at}
			}
			continue
		}
		if at.file.Mode.IsRegular() && plain == nil {
			plain = &found{name, at}
		}
	}
	if denied != nil {
		return r.permitted(ctx, c, *denied)
	}
	if plain != nil {
		r.reportNotExecutable(c, plain.name, plain.at)
		return found{}, false, nil
	}
	r.reportLookup(c, checkProgramMissing, plan.Finding{
		Path:     c.where(c.argv[0]),
		Expected: "a program of that name in a folder of PATH",
		Found:    fmt.Sprintf("none in %s", shown(folders)),
		Why:      `starting it ends with "executable file not found in $PATH"`,
		Fix:      fixMissing,
	})
	return found{}, false, nil
}

const fixMissing = "COPY the program to that path in the last stage, or correct ENTRYPOINT and CMD"

func (r *run) reportAbsent(c command, name string, absent *lookupError) {
	f := plan.Finding{Path: c.where(name), Expected: "a program", Fix: fixMissing}
	switch {
	case absent.loop:
		f.Found = "a link that leads to itself, or through more than 40 links"
		f.Why = `starting it ends with "too many levels of symbolic links"`
		r.reportLookup(c, checkProgramNotRegular, f)
	case absent.dangling != "":
		f.Found = fmt.Sprintf("a link to %s, which is not in the image", shown(absent.dangling))
		f.Why = `starting it ends with "no such file or directory"`
		r.reportLookup(c, checkProgramNotRegular, f)
	default:
		f.Found = "no such file in the image"
		f.Why = `starting it ends with "no such file or directory"`
		r.reportLookup(c, checkProgramMissing, f)
	}
}

func (r *run) reportNotExecutable(c command, name string, at place) {
	r.reportLookup(c, checkProgramNotExec, plan.Finding{
		Path:     c.where(name, at.path),
		Expected: "a file that may be executed",
		Found:    fmt.Sprintf("mode %04o", at.file.Mode.Perm()),
		Why:      `starting it ends with "permission denied", for root too`,
		Fix:      "set the bit where the file is made, or use COPY --chmod=755",
	})
}

// reportLookup reports that there is no program, unless the command may not have meant one. A #! line always does.
func (r *run) reportLookup(c command, check string, f plan.Finding) {
	if (c.sure != certain || c.optional) && c.by != byKernel {
		return
	}
	f.Check = checkFor(c, check)
	r.report(c, f)
}

// checkFor names the check under which a program is reported: one that a #! line names has its own.
func checkFor(c command, check string) string {
	if c.by == byKernel {
		return checkScriptInterp
	}
	return check
}

func fileKind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "no regular file"
}
