package verify

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// constants returns the text constants of a file.
func constants(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "check") {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				text, _ := strconv.Unquote(lit.Value)
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

// base is an image with a busybox userland and the loader of musl.
func base(arch string, more map[string]node) map[string]node {
	files := map[string]node{
		"/bin": link("usr/bin"), "/usr/bin/sh": link("busybox"), "/usr/bin/env": link("/bin/busybox"),
		"/usr/bin/busybox": elf(arch, withLoader("/lib/ld-musl.so.1"), withKind(etDyn)), "/lib/ld-musl.so.1": elf(arch, withKind(etDyn)),
	}
	for name, n := range more {
		files[name] = n
	}
	return files
}

// TestOddButGoodImagesPass holds images that look wrong to a careless check.
func TestOddButGoodImagesPass(t *testing.T) {
	t.Parallel()
	app := elf("arm64")
	tests := map[string]struct {
		config ocispec.ImageConfig
		files  map[string]node
	}{
		"busybox links in a merged /usr":    {shellForm("sh"), nil},
		"a static position-independent app": {entrypoint("/app"), map[string]node{"/app": elf("arm64", withKind(etDyn))}},
		"a program with the GNU OSABI":      {entrypoint("/app"), map[string]node{"/app": elf("arm64", func(e *elfImage) { e.osabi = 3 })}},
		"a script with env -S":              {entrypoint("/app"), map[string]node{"/app": exe("#!/usr/bin/env -S node --title x\n"), "/usr/local/bin/node": app}},
		"a script with env":                 {entrypoint("/app"), map[string]node{"/app": exe("#! /usr/bin/env node"), "/usr/local/bin/node": app}},
		"shell form with exec":              {shellForm("exec /app"), map[string]node{"/app": app}},
		"shell form with many things":       {shellForm(`set -e; umask 022; export A=/srv B; cd "$A/x" && exec ./app --p="${PORT:-80}" "$UNKNOWN"`), map[string]node{"/srv/x/app": app}},
		"tini and its options":              {entrypoint("/sbin/tini", "-g", "-e", "143", "--", "app"), map[string]node{"/sbin/tini": app, "/bin2/app": app, "/usr/local/bin/app": app}},
		"init is a link to tini":            {entrypoint("/init", "--", "/app"), map[string]node{"/init": link("sbin/tini"), "/sbin/tini": app, "/app": app}},
		"a chain of wrappers":               {entrypoint("dumb-init", "-r", "15:3", "gosu", "u:g", "env", "-u", "X", "A=1", "timeout", "-k", "5", "9", "nice", "-n5", "/app"), map[string]node{"/bin2": app, "/usr/local/bin/dumb-init": app, "/usr/local/bin/gosu": app, "/usr/local/bin/timeout": app, "/usr/local/bin/nice": app, "/app": app}},
		"busybox and the name of an applet": {entrypoint("/bin/busybox", "sh", "-c", "exec /app"), map[string]node{"/app": app}},
		"five scripts in a row":             {entrypoint("/1"), map[string]node{"/1": exe("#!/2"), "/2": exe("#!/3"), "/3": exe("#!/4"), "/4": exe("#!/5"), "/5": exe("#!/app"), "/app": app}},
		"relative to the working directory": {ocispec.ImageConfig{Entrypoint: []string{"./bin/../app"}, WorkingDir: "/srv"}, map[string]node{"/srv/app": app, "/srv/bin/x": app}},
		"the first on PATH is a folder":     {ocispec.ImageConfig{Cmd: []string{"app"}, Env: []string{"PATH=/a:/b:/c"}}, map[string]node{"/a/app": {mode: fs.ModeDir | 0o755}, "/b/app": plain("x"), "/c/app": app}},
		"a Cmd that is only an argument":    {ocispec.ImageConfig{Entrypoint: []string{"/app"}, Cmd: []string{"serve"}}, map[string]node{"/app": app}},
		"a Cmd that is data":                {ocispec.ImageConfig{Entrypoint: []string{"/app"}, Cmd: []string{"/x.js"}}, map[string]node{"/app": app, "/x.js": exe("let x")}},
		"a Windows program for wine":        {ocispec.ImageConfig{Entrypoint: []string{"/app"}, Cmd: []string{"/x.exe"}}, map[string]node{"/app": app, "/x.exe": exe("MZ")}},
		"a link that leaves and returns":    {entrypoint("/app"), map[string]node{"/app": link("../../../srv/app"), "/srv/app": app}},
		"an image of an emulator":           {entrypoint("/usr/bin/qemu-arm-static"), map[string]node{"/usr/bin/qemu-arm-static": app}},
		"positional parameters of a shell":  {entrypoint("/bin/sh", "-ec", `exec "$@"`, "--", "/app"), map[string]node{"/app": app}},
		"a shell that runs a builtin":       {shellForm("echo hello"), nil},
		"a shell with joined options":       {entrypoint("/bin/sh", "-eo", "pipefail", "-c", "/app"), map[string]node{"/app": app}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platform(t, "linux/arm64")
			got, err := checkImage(t.Context(), p, imageFor(p, test.config), newMemory(base("arm64", test.files)))
			if err != nil || len(got) > 0 {
				t.Errorf("got %v, error %v; want nothing", brief(got), err)
			}
		})
	}
}

// TestForeignProgramsAreFoundWhereverTheyHide puts an amd64 program behind everything that is followed.
func TestForeignProgramsAreFoundWhereverTheyHide(t *testing.T) {
	t.Parallel()
	good, bad := elf("arm64"), elf("amd64")
	tests := map[string]struct {
		config ocispec.ImageConfig
		files  map[string]node
		want   []string
	}{
		"behind PATH":                           {ocispec.ImageConfig{Cmd: []string{"app"}}, map[string]node{"/usr/local/bin/app": bad}, []string{"error program/arch /usr/local/bin/app"}},
		"behind a link":                         {entrypoint("/app"), map[string]node{"/app": link("x"), "/x": bad}, []string{"error program/arch /app → /x"}},
		"behind tini":                           {ocispec.ImageConfig{Entrypoint: []string{"/tini", "--"}, Cmd: []string{"/app"}}, map[string]node{"/tini": good, "/app": bad}, []string{"error program/arch /tini → /app"}},
		"tini itself":                           {entrypoint("/tini", "--", "/app"), map[string]node{"/tini": bad, "/app": good}, []string{"error program/arch /tini"}},
		"behind shell form":                     {shellForm("app --x"), map[string]node{"/bin2": good, "/usr/bin/app": bad}, []string{"error program/arch /bin/sh → /usr/bin/app"}},
		"behind &&":                             {shellForm("envsubst < a > b && exec nginx -g 'daemon off;'"), map[string]node{"/usr/bin/envsubst": good, "/usr/sbin/nginx": bad}, []string{"error program/arch /bin/sh → /usr/sbin/nginx"}},
		"behind a pipe":                         {shellForm("echo x | /app"), map[string]node{"/app": bad}, []string{"error program/arch /bin/sh → /app"}},
		"behind a variable of Env":              {ocispec.ImageConfig{Cmd: []string{"sh", "-c", `exec "$HOME_DIR"/app`}, Env: []string{"HOME_DIR=/opt"}}, map[string]node{"/opt/app": bad}, []string{"error program/arch /usr/bin/sh → /opt/app"}},
		"behind env with another PATH":          {entrypoint("env", "PATH=/x", "app"), map[string]node{"/x/app": bad}, []string{"error program/arch /usr/bin/env → /x/app"}},
		"behind a script of env":                {entrypoint("/run"), map[string]node{"/run": exe("#!/usr/bin/env -S python3 -u\n"), "/usr/bin/python3": bad}, []string{"error program/arch /run → /usr/bin/env → /usr/bin/python3"}},
		"behind a script's last exec":           {entrypoint("/run"), map[string]node{"/run": exe("#!/bin/sh\nset -e\nexec /app\n"), "/app": bad}, []string{"error program/arch /run → /bin/sh → /app"}},
		"behind a script's exec \"$@\"":         {cmdAfter("/run", "mysqld"), map[string]node{"/run": exe("#!/bin/sh\nif true; then exec \"$@\"; fi\n"), "/usr/sbin/mysqld": bad}, []string{"error program/arch /run → /bin/sh → /usr/sbin/mysqld"}},
		"behind gosu in a script":               {cmdAfter("/run", "redis"), map[string]node{"/run": exe("#!/bin/sh\nexec gosu redis \"$0\" \"$@\"\nexec \"$@\"\n"), "/usr/bin/gosu": good, "/usr/bin/redis": bad}, []string{"error program/arch /run → /bin/sh → /usr/bin/redis"}},
		"behind a condition of a script":        {entrypoint("/run"), map[string]node{"/run": exe("#!/bin/sh\nif x; then exec /app; fi\necho\n"), "/app": bad}, []string{"warning program/arch /run → /bin/sh → /app"}},
		"perhaps behind an entrypoint":          {cmdAfter("/app", "server"), map[string]node{"/app": good, "/usr/bin/server": bad}, []string{"warning program/arch /usr/bin/server"}},
		"behind a function in the text":         {shellForm("f() { /app; }; f"), map[string]node{"/app": bad}, []string{"note program/unfollowed /bin/sh"}},
		"behind a condition in the text":        {shellForm("if x; then /a; fi; exec /app"), map[string]node{"/app": bad}, []string{"note program/unfollowed /bin/sh", "error program/arch /bin/sh → /app"}},
		"behind chroot":                         {entrypoint("chroot", "/x", "/app"), map[string]node{"/usr/sbin/chroot": good}, []string{"note program/unfollowed /usr/sbin/chroot"}},
		"behind an option nobody knows":         {entrypoint("/tini", "--new", "/app"), map[string]node{"/tini": good}, []string{"note program/unfollowed /tini"}},
		"behind quotes of env -S":               {entrypoint("/run"), map[string]node{"/run": exe("#!/usr/bin/env -S 'x y'\n")}, []string{"note program/unfollowed /run → /usr/bin/env"}},
		"env without -S":                        {entrypoint("/run"), map[string]node{"/run": exe("#!/usr/bin/env sh -e\n")}, []string{"error program/missing /run → /usr/bin/env → sh -e"}},
		"a script without interpreter":          {entrypoint("/run"), map[string]node{"/run": exe("#!/bin/bash\n")}, []string{"error program/script-interp /run → /bin/bash"}},
		"a text run by a shell":                 {shellForm("/run"), map[string]node{"/run": exe("echo\n")}, []string{"warning program/no-format /bin/sh → /run"}},
		"a macOS program":                       {entrypoint("/app"), map[string]node{"/app": exe("\xcf\xfa\xed\xfe")}, []string{"error program/format /app"}},
		"a universal macOS program":             {entrypoint("/app"), map[string]node{"/app": exe("\xca\xfe\xba\xbe\x00\x00\x00\x02")}, []string{"error program/format /app"}},
		"a Java class is no Mach-O":             {entrypoint("/app"), map[string]node{"/app": exe("\xca\xfe\xba\xbe\x00\x00\x00\x41")}, []string{"error program/no-format /app"}},
		"a FreeBSD program":                     {entrypoint("/app"), map[string]node{"/app": elf("arm64", func(e *elfImage) { e.osabi = 9 })}, []string{"error program/osabi /app"}},
		"a program whose end is missing":        {entrypoint("/app"), map[string]node{"/app": elf("arm64", func(e *elfImage) { e.behind = 1 })}, []string{"error program/truncated /app"}},
		"a loader path without its end":         {entrypoint("/app"), map[string]node{"/app": elf("arm64", func(e *elfImage) { e.loader = "/lib/ld" })}, []string{"error program/format /app"}},
		"a loader nobody may execute":           {entrypoint("/app"), map[string]node{"/app": elf("arm64", withLoader("/ld")), "/ld": plain("")}, []string{"error program/not-executable /app → /ld"}},
		"a name with control characters":        {entrypoint("/a\n::error::x"), nil, []string{`error program/missing "/a\n::error::x"`}},
		"a script that starts itself":           {cmdAfter("/run", "a", "b"), map[string]node{"/run": exe("#!/bin/sh\nexec \"$0\" x \"$@\"\n")}, nil},
		"env that starts env, for ever":         {entrypoint(strings.Fields(strings.Repeat("env ", 100))...), nil, []string{"note program/unfollowed /usr/bin/env"}},
		"a file missing behind a folder's link": {entrypoint("/bin/x"), nil, []string{"error program/missing /bin/x"}},
		"a text with too many commands":         {shellForm(strings.Repeat(":;", 600) + "/app"), map[string]node{"/app": bad}, []string{"note program/unfollowed /bin/sh"}},
		"a text nested too deep":                {shellForm(strings.Repeat("(", 200) + strings.Repeat(")", 200)), nil, []string{"note program/unfollowed /bin/sh"}},
		"a variable that grows":                 {shellForm("A=xxxxxxxx;" + strings.Repeat("A=$A$A;", 40) + "exec $A"), nil, []string{"note program/unfollowed /bin/sh"}},
		"a path that goes through a file":       {entrypoint("/app/x"), map[string]node{"/app": good}, []string{"error program/missing /app/x"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platform(t, "linux/arm64")
			got, err := checkImage(t.Context(), p, imageFor(p, test.config), newMemory(base("arm64", test.files)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, brief(got)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
