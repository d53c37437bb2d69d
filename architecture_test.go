package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/org/multiarch-action"

// mayImport is which of our packages each package may import. Stages never import each other, nor ci: only cli knows them all.
var mayImport = map[string][]string{
	"":                  {"internal/cli"},
	"internal/cli":      {"internal/build", "internal/ci", "internal/explain", "internal/folder", "internal/layers", "internal/login", "internal/migrate", "internal/plan", "internal/progress", "internal/publish", "internal/registry", "internal/report", "internal/setup", "internal/source", "internal/verify"},
	"internal/login":    {"internal/plan"},
	"internal/metadata": {},
	"internal/plan":     {"internal/metadata"},
	"internal/ci":       {"internal/plan", "internal/redact"},
	"internal/setup":    {"internal/plan", "internal/registry"},
	"internal/build":    {"internal/plan", "internal/redact", "internal/registry"},
	"internal/publish":  {"internal/plan", "internal/registry"},
	"internal/verify":   {"internal/fingerprint", "internal/plan"},
	"internal/report":   {"internal/plan", "internal/verify"},
	"internal/progress": {},
	"internal/folder":   {},
	"internal/explain":  {},
	"internal/layers":   {"internal/fingerprint"},
	"internal/migrate":  {},
	"internal/source":   {"internal/layers", "internal/plan", "internal/registry"},
	"internal/redact":   {},
	"internal/registry": {},
	"internal/golden":   {}, // for tests

	"internal/fingerprint": {},

	"internal/ci/runner":     {}, // for tests
	"internal/verify/corpus": {}, // for tests
}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Module                             *struct {
		Path string
		Main bool
	}
}

// goList asks the go command about packages, as it would build them for an operating system.
func goList(t *testing.T, goos string, args ...string) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			seen := 0
			for _, p := range goList(t, goos, "-json=ImportPath,Imports", ".", "./internal/...") {
				name := within(p.ImportPath)
				allowed, known := mayImport[name]
				if !known {
					t.Errorf("%s is not in the table of packages: add it there and to the design", p.ImportPath)
				}
				seen++
				for _, imported := range p.Imports {
					if ours := within(imported); strings.HasPrefix(imported, module) && !slices.Contains(allowed, ours) {
						t.Errorf("%s imports %s, and may import %q only", p.ImportPath, ours, allowed)
					}
				}
			}
			if want := len(mayImport); seen != want {
				t.Errorf("there are %d packages, and %d in the table", seen, want)
			}
		})
	}
}

func within(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

// Words that belong into one place only.
var confined = []struct {
	name    string
	pattern *regexp.Regexp
	home    string
}{
	{"what differs between CI hosts", regexp.MustCompile(`GITHUB_|INPUT_|PLUGIN_|GITLAB|JENKINS|\bCI_|"::`), "internal/ci/"},
	{"the process's own environment and end", regexp.MustCompile(`\bos\.(Getenv|LookupEnv|Environ|Exit)\b|\blog\.Fatal|\.Environ\(\)`), "main.go"},
	{"the process's own streams", regexp.MustCompile(`\bos\.(Stdin|Stdout|Stderr|Args)\b|\bfmt\.Print`), "main.go"},
	{"sleeping and contexts to be thought about later", regexp.MustCompile(`\btime\.Sleep\b|\bcontext\.TODO\b`), "nowhere"},
}

func TestWordsStayInTheirPlace(t *testing.T) {
	t.Parallel()
	files := programFiles(t)
	for _, rule := range confined {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			found := false
			for file, text := range files {
				for number, line := range strings.Split(text, "\n") {
					switch {
					case !rule.pattern.MatchString(line):
					case strings.HasPrefix(file, rule.home):
						found = true
					default:
						t.Errorf("%s:%d: %q belongs into %s", file, number+1, rule.pattern.FindString(line), rule.home)
					}
				}
			}
			if !found && rule.home != "nowhere" {
				t.Errorf("%s does not hold it either: the pattern finds nothing any more", rule.home)
			}
		})
	}
}

// programFiles are the texts of the files that the program is made of, by their path.
func programFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS(".")
	err := fs.WalkDir(root, "internal", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, name)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(root, "main.go")
	if err != nil {
		t.Fatal(err)
	}
	files["main.go"] = string(text)
	return files
}
