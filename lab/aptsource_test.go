package main

import (
	"path/filepath"
	"testing"
)

func TestMirrorOfTheMachine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  string
		found bool
	}{
		{
			name: "a list in the old style, with options, comments and sources of source",
			files: map[string]string{"sources.list": "# deb http://commented.test/debian bookworm main\n" +
				"deb-src http://source.test/debian bookworm main\n" +
				"deb http://security.test/debian-security bookworm-security main\n" +
				"deb [arch=amd64 signed-by=/k.gpg]  http://mirror.test/debian/ bookworm main contrib\n"},
			want: "http://mirror.test/debian", found: true,
		},
		{
			name: "stanzas, with a comment inside, a field over two lines, and one switched off",
			files: map[string]string{"sources.list.d/debian.sources": "Types: deb\nEnabled: no\nURIs: http://off.test/debian\nSuites: bookworm\n\n" +
				"Types: deb deb-src\n# a snapshot\nURIs:\n http://mirror.test/debian\nSuites: bookworm\n bookworm-updates\nComponents: main\n"},
			want: "http://mirror.test/debian", found: true,
		},
		{
			name:  "a mirror list, which debootstrap can't read",
			files: map[string]string{"sources.list.d/debian.sources": "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\n"},
		},
		{
			name:  "another distribution",
			files: map[string]string{"sources.list.d/ubuntu.sources": "Types: deb\nURIs: http://ubuntu.test/ubuntu\nSuites: noble noble-updates\n"},
		},
		{
			name:  "a third party's list",
			files: map[string]string{"sources.list.d/third.list": "deb https://third.test/apt stable main\n"},
		},
		{name: "no sources at all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				write(t, filepath.Join(dir, name), text)
			}
			sources, err := machineSources(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, found := mirrorOf(sources, "bookworm"); got != tt.want || found != tt.found {
				t.Errorf("got %q (%v), want %q (%v)", got, found, tt.want, tt.found)
			}
		})
	}
}

func TestParseDefaultMirror(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script, program, want string
	}{
		{"a suite's script that names one", "mirror_style release\ndefault_mirror http://suite.test/debian\n", "DEF_MIRROR=\"http://program.test/debian\"\n", "http://suite.test/debian"},
		{"one inside a condition", "case $ARCH in\n  i386)\n    default_mirror \"http://suite.test/debian\"\n", "", "http://suite.test/debian"},
		{"a script that leaves it to the program", "mirror_style release\n", "DEF_MIRROR=\"http://program.test/debian\"\nDEF_HTTPS_MIRROR=\"https://program.test/debian\"\n", "http://program.test/debian"},
		{"none", "# default_mirror is not set\n", "MIRROR=\"http://other.test\"\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, found := parseDefaultMirror(tt.script, tt.program)
			if got != tt.want || found != (tt.want != "") {
				t.Errorf("got %q (%v), want %q", got, found, tt.want)
			}
		})
	}
}
