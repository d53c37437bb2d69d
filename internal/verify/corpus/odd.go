package corpus

import ocispec "github.com/opencontainers/image-spec/specs-go/v1"

// goodOdd are images that start in ways that are rare.
func goodOdd() []Image {
	arm := static("arm64")
	one := func(name string, config ocispec.ImageConfig, files map[string]File) Image {
		return good(name, "linux/arm64", config, alpine("arm64", files))
	}
	unreadable := File{Mode: 0o111, Data: arm.Data}
	return []Image{
		one("a program that may be executed but not read", as("1000", entry("/app")), map[string]File{"/app": unreadable}),
		one("a folder that may be entered but not listed", as("1000", entry("/srv/app")), map[string]File{"/srv": folder(0o711), "/srv/app": arm}),
		one("env that clears the environment and sets PATH", entry("/usr/bin/env", "-i", "PATH=/opt/bin", "app"), map[string]File{"/opt/bin/app": arm}),
		one("a working directory that is a link", in("/current", entry("./app")), map[string]File{"/current": link("releases/7"), "/releases/7/app": arm}),
		one("a program above a working directory that is not there", in("/root/a", entry("../../app")), map[string]File{"/app": arm}),
		one("an entrypoint that was undone", ocispec.ImageConfig{Entrypoint: []string{""}, Cmd: []string{"/app"}}, map[string]File{"/app": arm}),
		one("a function of the shell", shell("start() { exec /app; }; start"), map[string]File{"/app": arm}),
		one("a shell that is given the command as its arguments", ocispec.ImageConfig{Entrypoint: []string{"/bin/sh", "-c", `exec /app "$0" "$@"`}, Cmd: []string{"--flag"}}, map[string]File{"/app": arm}),
		one("a script that sources settings that may be missing", entry("/run"), map[string]File{"/run": script("#!/bin/sh\n[ -f /etc/settings ] && . /etc/settings\nexec /app\n"), "/app": arm}),
		one("a chain of alternatives", entry("/run.py"), map[string]File{
			"/run.py": script("#!/usr/bin/python\n"), "/usr/bin/python": link("/etc/alternatives/python"), "/etc/alternatives/python": link("../../usr/bin/python3"), "/usr/bin/python3": arm,
		}),
		one("a supervisor whose first process is a script for an interpreter of its own", entry("/init"), map[string]File{
			"/init": script("#!/package/admin/execline/command/execlineb -P\n/app\n"), "/package/admin/execline": link("execline-2.9"),
			"/package/admin/execline-2.9/command/execlineb": arm, "/app": arm,
		}),
		one("a program for Windows in a folder for programs", entry("/app"), map[string]File{"/app": arm, "/usr/bin/setup.exe": script("MZ\x90\x00")}),
		good("a program whose name ends as that of a script", "linux/arm64", entry("/app.sh"), map[string]File{"/app.sh": arm}),
		good("foreign programs where every container has something else", "linux/arm64", entry("/app"), map[string]File{"/app": arm, "/dev/shm/a": static("amd64"), "/proc/a": static("amd64")}),
	}
}

// badOdd are wrong in ways that are rare.
func badOdd() []Image {
	arm, amd := static("arm64"), static("amd64")
	one := func(name, finds string, config ocispec.ImageConfig, files map[string]File) Image {
		return Image{Name: name, Platform: "linux/arm64", Config: config, Files: alpine("arm64", files), Finds: finds}
	}
	return []Image{
		one("a command of an empty word", "program/missing", cmd(""), map[string]File{"/app": arm}),
		one("a wrong command behind an entrypoint that was undone", "program/arch", ocispec.ImageConfig{Entrypoint: []string{""}, Cmd: []string{"/app"}}, map[string]File{"/app": amd}),
		one("a program that only the empty element of PATH would find", "program/missing", in("/srv", env(cmd("app"), "PATH=:/bin")), map[string]File{"/srv/app": arm}),
		one("a wrong program whose name ends as that of a script", "program/arch", entry("/app.sh"), map[string]File{"/app.sh": amd}),
		one("a script that its user may not read", "program/not-executable-user", as("1000", entry("/run")), map[string]File{"/run": {Mode: 0o711, Data: []byte("#!/bin/sh\n")}}),
		one("a program in a folder that its user may not enter", "program/not-executable-user", as("1000", entry("/srv/app")), map[string]File{"/srv": {Mode: folder(0o744).Mode}, "/srv/app": arm}),
		one("a wrong program behind two links and a wrapper", "program/arch", entry("/tini", "--", "/start"), map[string]File{"/tini": arm, "/start": link("current"), "/current": link("/opt/app"), "/opt/app": amd}),
		one("a wrong program that a script in the working directory starts", "program/arch", in("/srv", entry("./run")), map[string]File{"/srv/run": script("#!/bin/sh\nexec ./app\n"), "/srv/app": amd}),
		one("a wrong interpreter of a chain of alternatives", "program/script-interp", entry("/run.py"), map[string]File{
			"/run.py": script("#!/usr/bin/python\n"), "/usr/bin/python": link("/etc/alternatives/python"), "/etc/alternatives/python": link("/usr/bin/python3"), "/usr/bin/python3": amd,
		}),
		one("env that sets a PATH without the program", "program/missing", entry("/usr/bin/env", "-i", "PATH=/opt/bin", "app"), map[string]File{"/usr/bin/app": arm}),
		one("a program behind the wrapper that is not there", "program/missing", entry("/tini", "--", "/gone"), map[string]File{"/tini": arm}),
		one("a wrong program behind exec with more after it", "program/arch", shell("exec /app && exit 1"), map[string]File{"/app": amd}),
		one("a virtual environment without its Python", "program/script-interp", entry("/venv/bin/gunicorn"), map[string]File{
			"/venv/bin/gunicorn": script("#!/venv/bin/python3\n"), "/venv/bin/python3": link("/usr/local/bin/python3"),
		}),
		one("a wrong program above a working directory that is not there", "program/arch", in("/root", entry("../app")), map[string]File{"/app": amd}),
	}
}
