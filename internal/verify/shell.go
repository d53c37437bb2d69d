package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Bounds of what is parsed as shell text. The largest entrypoint scripts of official images have 16 KiB. The parser
// is recursive: at this size and depth its stack stays far below Go's limit, which no recover could catch.
const (
	maxShellText  = 64 << 10
	maxShellDepth = 100
	maxStatements = 500
)

func isShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"}, name)
}

// shellCall is what a shell was asked to do.
type shellCall struct {
	text   string // with -c
	strict bool   // with -e: it ends where a command fails
	file   string // without
	params []string
}

// parseShellCall reads a shell's arguments: options may be joined, as in -eo pipefail -c, and -c takes no value of its
// own: the text is the first word that is no option (POSIX sh).
func parseShellCall(args []string) (call shellCall, ok bool) {
	withText := false
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		used := 0
		if strings.HasPrefix(word, "--") {
			if word == "--rcfile" || word == "--init-file" {
				used = 1
			}
		} else {
			withText = withText || word[0] == '-' && strings.Contains(word, "c")
			call.strict = call.strict || word[0] == '-' && strings.Contains(word, "e")
			used = strings.Count(word, "o") + strings.Count(word, "O")
		}
		args = args[min(used, len(args)):]
	}
	if len(args) == 0 {
		return shellCall{}, false
	}
	if withText {
		call.text = args[0]
		call.params = args[1:]
		return call, true
	}
	return shellCall{file: args[0], params: args}, true
}

// shell goes from a shell to what its text or its script starts.
func (r *run) shell(ctx context.Context, c command) error {
	call, ok := parseShellCall(c.argv[1:])
	switch {
	case !ok && c.cut:
		r.unfollowed(c, "arguments that are known only when the image runs")
		return nil
	case !ok:
		return nil // it reads its input
	case call.file != "":
		return r.shellFile(ctx, c, call)
	}
	file, problem := parseShell(call.text)
	if problem != "" {
		r.unfollowed(c, problem)
		return nil
	}
	walk := shellWalk{run: r, command: c, strict: call.strict, scope: scope{vars: maps.Clone(c.env), params: call.params}, functions: map[string]bool{}}
	return walk.all(ctx, file.Stmts)
}

// parseShell parses text as bash, of which the texts of other shells are nearly always a part. problem completes
// "not followed because of …".
func parseShell(text string) (file *syntax.File, problem string) {
	if len(text) > maxShellText || depth(text) > maxShellDepth {
		return nil, "a shell text that is too large or too deep to be read"
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, "a shell text that cannot be parsed"
	}
	return file, ""
}

// depth estimates how deep a text is nested, without understanding it.
func depth(text string) int {
	now, deepest := 0, 0
	for _, char := range text {
		switch char {
		case '(', '{':
			now++
		case ')', '}':
			now = max(now-1, 0)
		}
		deepest = max(deepest, now)
	}
	return deepest + strings.Count(text, "if ")/20 + strings.Count(text, "while ")/20
}

// shellWalk follows the text of sh -c from its beginning for as long as it goes straight on.
type shellWalk struct {
	run       *run
	command   command
	scope     scope
	functions map[string]bool
	strict    bool // it ends where a command fails
	count     int
	done      bool // the shell is replaced by another program, or ends
}

func (w *shellWalk) all(ctx context.Context, statements []*syntax.Stmt) error {
	for i, s := range statements {
		if w.done {
			return nil
		}
		last := i == len(statements)-1
		if err := w.optional(s.Background || !last && !w.strict, func() error { return w.statement(ctx, s) }); err != nil {
			return err
		}
	}
	return nil
}

// optional follows what may fail without the image failing with it: that a program is not there is then no finding.
func (w *shellWalk) optional(may bool, follow func() error) error {
	before := w.command.optional
	defer func() { w.command.optional = before }()
	w.command.optional = before || may
	return follow()
}

func (w *shellWalk) statement(ctx context.Context, s *syntax.Stmt) error {
	w.count++
	if w.count > maxStatements {
		w.unsure("more commands in the shell text than are read")
		w.done = true
		return nil
	}
	switch cmd := s.Cmd.(type) {
	case nil:
		return nil
	case *syntax.CallExpr:
		return w.call(ctx, cmd)
	case *syntax.DeclClause:
		w.scope.assign(cmd.Args)
		return nil
	case *syntax.BinaryCmd:
		return w.binary(ctx, cmd)
	case *syntax.Block:
		return w.all(ctx, cmd.Stmts)
	case *syntax.TimeClause:
		if cmd.Stmt == nil {
			return nil
		}
		return w.statement(ctx, cmd.Stmt)
	case *syntax.FuncDecl:
		if cmd.Name != nil {
			w.functions[cmd.Name.Value] = true
		}
		return nil
	}
	w.unsure("a condition, loop or subshell in the shell text")
	return nil
}

// binary follows both sides of && and of a pipe. What is behind || is started only if the other fails.
func (w *shellWalk) binary(ctx context.Context, cmd *syntax.BinaryCmd) error {
	if err := w.optional(cmd.Op == syntax.OrStmt, func() error { return w.statement(ctx, cmd.X) }); err != nil {
		return err
	}
	if cmd.Op == syntax.OrStmt {
		w.command.sure = max(w.command.sure, likely)
		return nil
	}
	if cmd.Op != syntax.AndStmt {
		w.done = false // each side of a pipe is a process
	}
	if w.done {
		return nil
	}
	return w.statement(ctx, cmd.Y)
}

// unsure is called where the text can go more than one way.
func (w *shellWalk) unsure(reason string) {
	w.run.unfollowed(w.command, reason)
	w.command.sure = max(w.command.sure, likely)
}

// call follows one simple command. Only the first is certain to be started: the ones behind it depend on its success.
func (w *shellWalk) call(ctx context.Context, cmd *syntax.CallExpr) error {
	if len(cmd.Args) == 0 {
		w.scope.assign(cmd.Assigns)
		return nil
	}
	local := scope{vars: maps.Clone(w.scope.vars), params: w.scope.params}
	local.assign(cmd.Assigns)
	argv, whole := local.argv(cmd.Args)
	if len(argv) == 0 {
		if !whole {
			w.unsure("an expansion in the shell text that the image's Env does not answer")
		}
		return nil
	}
	if w.functions[argv[0]] {
		w.unsure("a function in the shell text")
		return nil
	}
	if isBuiltin(argv[0]) {
		return w.builtin(ctx, local, argv, whole)
	}
	return w.external(ctx, local, argv, whole)
}

func (w *shellWalk) external(ctx context.Context, local scope, argv []string, whole bool) error {
	next := w.command.next(argv)
	next.cut, next.env = !whole, local.vars
	if w.command.applets && isApplet(argv[0]) {
		next.optional = true // a shell that was built for it has them in itself
	}
	w.command.sure = max(w.command.sure, likely)
	return w.run.start(ctx, next)
}

// builtin applies what matters of a shell's own commands.
func (w *shellWalk) builtin(ctx context.Context, local scope, argv []string, whole bool) error {
	switch argv[0] {
	case "exec":
		argv = execArguments(argv[1:])
		if len(argv) == 0 && whole {
			return nil // it only redirects
		}
		w.done = true
		if len(argv) == 0 {
			w.unsure("an expansion in the shell text that the image's Env does not answer")
			return nil
		}
		return w.external(ctx, local, argv, whole)
	case "exit", "return":
		w.done = true
	case "cd":
		w.changeDir(argv, whole)
	case "set":
		w.strict = w.strict || len(argv) > 1 && argv[1][:min(1, len(argv[1]))] == "-" && strings.Contains(argv[1], "e") && argv[1] != "--"
		if i := slices.Index(argv, "--"); i >= 0 && whole {
			w.scope.params = slices.Concat(w.scope.params[:min(1, len(w.scope.params))], argv[i+1:])
		}
	case "eval", "source", ".", "shift", "command", "builtin":
		w.unsure(fmt.Sprintf("%s in the shell text", shown(argv[0])))
	case "[", "test", "false", "read", "wait", "getopts", "type":
		w.command.sure = max(w.command.sure, likely)
	}
	return nil
}

func (w *shellWalk) changeDir(argv []string, whole bool) {
	target := argv[len(argv)-1]
	switch {
	case !whole || len(argv) < 2 || target == "-":
		w.command.dir = ""
	case w.command.dir != "" || strings.HasPrefix(target, "/"):
		w.command.dir = below(w.command.dir, target)
	}
}

// execArguments removes the options of exec: -a NAME, -c and -l in bash.
func execArguments(argv []string) []string {
	rest, ok := options{flags: "cl", values: "a"}.rest(argv)
	if !ok {
		return nil
	}
	return rest
}

// isBuiltin reports whether every shell runs the command itself (POSIX, 2.14 and 1.6; bash's own).
func isBuiltin(name string) bool {
	return slices.Contains([]string{
		"exec", "exit", "return", "cd", "set", "eval", "source", ".", "shift", "command", "builtin", "[", "test", "true", "false",
		":", "echo", "printf", "export", "unset", "umask", "ulimit", "trap", "alias", "unalias", "readonly", "local", "hash",
		"read", "wait", "getopts", "type", "shopt", "pwd", "kill", "jobs", "bg", "fg", "times", "declare", "typeset", "let",
		"mapfile", "readarray", "compgen", "complete", "caller", "dirs", "bind", "suspend", "logout", "break", "continue", "fc",
		"enable", "disown", "pushd", "popd", "history", "help",
	}, name)
}

// shellFile reads a script for the programs that it gives way to with exec. That is no proof, since a script can do
// anything, but exec "$@" at its end is how entrypoints start the image's Cmd.
func (r *run) shellFile(ctx context.Context, c command, call shellCall) error {
	if c.dir == "" && !strings.HasPrefix(call.file, "/") {
		return nil
	}
	name := below(c.dir, call.file)
	at, err := r.tree.resolve(ctx, name)
	var absent *lookupError
	if errors.As(err, &absent) {
		return nil // shells also look along PATH, and the script may come from a volume
	}
	if err != nil || !at.file.Mode.IsRegular() || at.file.Size > maxShellText || r.bodies[at.path] {
		return err
	}
	r.bodies[at.path] = true
	text, err := r.tree.files.ReadAt(ctx, at.path, 0, at.file.Size)
	if err != nil {
		return fmt.Errorf("%q: reading the script: %w", at.path, err)
	}
	file, problem := parseShell(string(text))
	if problem != "" {
		return nil // what is in it is only a hint
	}
	if !slices.Contains(c.via, name) {
		c = c.through(name)
	}
	for _, next := range execs(file, c, scope{vars: map[string]string{}, params: append([]string{name}, call.params[1:]...)}) {
		if err := r.start(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// execs lists the commands for which a script gives way. A command is likely if it stands last and outside of every
// condition, or passes on all arguments, and guessed otherwise.
func execs(file *syntax.File, c command, s scope) []command {
	var last syntax.Node
	if len(file.Stmts) > 0 {
		last = file.Stmts[len(file.Stmts)-1].Cmd
	}
	shifts := false
	var found []command
	syntax.Walk(file, func(node syntax.Node) bool {
		call, ok := node.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		shifts = shifts || call.Args[0].Lit() == "shift"
		if call.Args[0].Lit() != "exec" || len(found) == maxCommands {
			return true
		}
		argv, whole := s.argv(call.Args[1:])
		argv = execArguments(argv)
		if len(argv) == 0 {
			return true
		}
		next := c.next(argv)
		next.cut = !whole
		next.sure = max(c.sure, guessed)
		if node == last || !shifts && slices.ContainsFunc(call.Args, isAllParams) {
			next.sure = max(c.sure, likely)
		}
		found = append(found, next)
		return true
	})
	return found
}
