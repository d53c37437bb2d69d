// Package corpus makes images for tests of verification: bad ones, each wrong in one way, and good ones that look odd
// but run. Programs in them are headers without code, so that any of them can be made anywhere.
//
// Start at Bad and Good. To look at them, write them as OCI layouts: go test ./internal/verify -run TestCorpus -corpus FOLDER.
package corpus

import (
	"io/fs"
	"maps"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is one image for one platform.
type Image struct {
	Name     string            // what is wrong with it, or what is odd about it
	Platform string            // what it is published for
	Label    *ocispec.Platform // what its config says, if that is not the platform
	Config   ocispec.ImageConfig
	Files    map[string]File
	Finds    string // the check that must find it; empty for a good one
	Full     bool   // it is found only where every file is looked at
}

// File is one file of an image; folders that only hold others need not be there.
type File struct {
	Mode     fs.FileMode
	Link     string
	Data     []byte
	UID, GID int
}

func program(e ELF) File           { return File{Mode: 0o755, Data: e.Bytes()} }
func script(text string) File      { return File{Mode: 0o755, Data: []byte(text)} }
func data(text string) File        { return File{Mode: 0o644, Data: []byte(text)} }
func link(target string) File      { return File{Mode: fs.ModeSymlink | 0o777, Link: target} }
func folder(mode fs.FileMode) File { return File{Mode: fs.ModeDir | mode} }

// static is a program that needs nothing.
func static(arch string) File { return program(ELF{Arch: arch}) }

func entry(words ...string) ocispec.ImageConfig { return ocispec.ImageConfig{Entrypoint: words} }
func cmd(words ...string) ocispec.ImageConfig   { return ocispec.ImageConfig{Cmd: words} }
func shell(text string) ocispec.ImageConfig     { return cmd("/bin/sh", "-c", text) }

// as sets the user of a config.
func as(user string, c ocispec.ImageConfig) ocispec.ImageConfig {
	c.User = user
	return c
}

func env(c ocispec.ImageConfig, entries ...string) ocispec.ImageConfig {
	c.Env = entries
	return c
}

func in(dir string, c ocispec.ImageConfig) ocispec.ImageConfig {
	c.WorkingDir = dir
	return c
}

// with puts files into a system, later ones over earlier ones.
func with(system map[string]File, more ...map[string]File) map[string]File {
	out := map[string]File{}
	maps.Copy(out, system)
	for _, m := range more {
		maps.Copy(out, m)
	}
	return out
}
