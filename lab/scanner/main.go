// Command scanner is what the lab's image docker/buildkit-syft-scanner starts: it lists the packages of an image in SPDX, by BuildKit's
// protocol (docs/attestations/sbom-protocol.md of moby/buildkit). It finds what Debian's and Alpine's package managers have installed and
// the modules of Go programs. Upstream's is made of github.com/anchore/syft, which knows much more and takes minutes to compile.
package main

import (
	"bufio"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "scanner:", err)
		os.Exit(1)
	}
}

// run scans what BuildKit names: the result of the build, and besides it folders with stages and contexts.
func run(getenv func(string) string) error {
	to, source := getenv("BUILDKIT_SCAN_DESTINATION"), getenv("BUILDKIT_SCAN_SOURCE")
	if to == "" || source == "" {
		return errors.New("BUILDKIT_SCAN_DESTINATION and BUILDKIT_SCAN_SOURCE must be set")
	}
	targets := []string{source}
	if extras := getenv("BUILDKIT_SCAN_SOURCE_EXTRAS"); extras != "" {
		entries, err := os.ReadDir(extras)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, entry := range entries {
			targets = append(targets, filepath.Join(extras, entry.Name()))
		}
	}
	for _, target := range targets {
		packages, err := scan(target)
		if err != nil {
			return fmt.Errorf("scanning %s: %w", target, err)
		}
		name := filepath.Base(target)
		if err := write(filepath.Join(to, name+".spdx.json"), document(name, packages)); err != nil {
			return fmt.Errorf("writing what is in %s: %w", target, err)
		}
	}
	return nil
}

// found is one package.
type found struct{ kind, name, version string }

// url is the package's name across all kinds (https://github.com/package-url/purl-spec).
func (f found) url() string { return "pkg:" + f.kind + "/" + f.name + "@" + url.PathEscape(f.version) }

// scan finds packages in the files below a folder, each once, in order.
func scan(root string) ([]found, error) {
	var out []found
	for _, database := range []struct{ file, kind, name, version string }{
		{"var/lib/dpkg/status", "deb/debian", "Package", "Version"},
		{"lib/apk/db/installed", "apk/alpine", "P", "V"},
	} {
		packages, err := installed(filepath.Join(root, database.file), database.kind, database.name, database.version)
		if err != nil {
			return nil, err
		}
		out = append(out, packages...)
	}
	modules, err := goModules(root)
	if err != nil {
		return nil, err
	}
	out = append(out, modules...)
	slices.SortFunc(out, func(a, b found) int { return strings.Compare(a.url(), b.url()) })
	return slices.Compact(out), nil
}

// installed reads a package manager's list: paragraphs of KEY: VALUE.
func installed(path, kind, name, version string) ([]found, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	var out []found
	for paragraphs := textproto.NewReader(bufio.NewReader(file)); ; {
		paragraph, err := paragraphs.ReadMIMEHeader()
		if paragraph.Get(name) != "" {
			out = append(out, found{kind, paragraph.Get(name), paragraph.Get(version)})
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// goModules reads which modules the Go programs below a folder are made of.
func goModules(root string) ([]found, error) {
	var out []found
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Mode()&0o111 == 0 {
			return err
		}
		program, err := buildinfo.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // no Go program
		}
		out = append(out, found{"golang", "stdlib", strings.TrimPrefix(program.GoVersion, "go")})
		for _, module := range program.Deps {
			out = append(out, found{"golang", module.Path, module.Version})
		}
		return nil
	})
	return out, err
}

// document lists packages in SPDX.
func document(name string, packages []found) *spdx.Document {
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: name,
		DocumentNamespace: "https://multiarch-action.invalid/lab/" + name,
		CreationInfo: &spdx.CreationInfo{
			Created: time.Now().UTC().Format(time.RFC3339), Creators: []common.Creator{{CreatorType: "Tool", Creator: "multiarch-action-lab-scanner"}},
		},
	}
	for i, p := range packages {
		id := common.ElementID(fmt.Sprintf("Package-%d", i+1))
		doc.Packages = append(doc.Packages, &spdx.Package{
			PackageSPDXIdentifier: id, PackageName: p.name, PackageVersion: p.version, PackageDownloadLocation: "NOASSERTION",
			PackageExternalReferences: []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: p.url()}},
		})
		doc.Relationships = append(doc.Relationships, &spdx.Relationship{
			RefA: common.MakeDocElementID("", "DOCUMENT"), RefB: common.MakeDocElementID("", string(id)), Relationship: common.TypeRelationshipDescribe,
		})
	}
	return doc
}

// statement is how BuildKit takes what a scanner found (exporter/attestation/unbundle.go of moby/buildkit).
type statement struct {
	Type          string          `json:"_type"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

func write(path string, doc *spdx.Document) error {
	var predicate strings.Builder
	if err := spdxjson.Write(doc, &predicate); err != nil {
		return err
	}
	raw, err := json.Marshal(statement{"https://in-toto.io/Statement/v0.1", "https://spdx.dev/Document", json.RawMessage(predicate.String())})
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}
