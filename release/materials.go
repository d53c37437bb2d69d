package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

const materialsFile = "multiarch-action.cdx.json"

// describe writes the bill of materials: the modules that the Go command recorded in the programs.
func (r *release) describe(context.Context) error {
	modules := map[string]string{}
	var toolchain string
	for _, target := range r.targets {
		info, err := buildinfo.ReadFile(filepath.Join(r.programs(), programOf(target)))
		if err != nil {
			return err
		}
		toolchain = info.GoVersion
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			modules[m.Path] = m.Version
		}
	}
	modules["std"] = strings.TrimPrefix(toolchain, "go")
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: r.date,
		Component: &cyclonedx.Component{
			BOMRef: "multiarch-action", Type: cyclonedx.ComponentTypeApplication, Name: "multiarch-action", Version: r.version,
			Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
		},
	}
	var components []cyclonedx.Component
	for path, version := range modules {
		url := "pkg:golang/" + path + "@" + version
		components = append(components, cyclonedx.Component{BOMRef: url, Type: cyclonedx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: url})
	}
	slices.SortFunc(components, func(a, b cyclonedx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	bom.Components = &components
	file, err := os.Create(filepath.Join(r.programs(), materialsFile))
	if err != nil {
		return err
	}
	if err := cyclonedx.NewBOMEncoder(file, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		_ = file.Close() // the first error tells more
		return err
	}
	fmt.Printf("release: materials   %s with %d modules\n", materialsFile, len(components))
	return file.Close()
}
