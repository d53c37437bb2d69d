package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// env prints what tests and the Makefile need to know, in a form that a shell and a program read alike.
func (l *lab) env(ctx context.Context) error {
	password, err := os.ReadFile(l.secret("password"))
	if err != nil {
		return withHint(fmt.Errorf("env: reading the second registry's password: %w", err), "run: go run ./lab up")
	}
	host, err := hostArch()
	if err != nil {
		return fmt.Errorf("env: %w", err)
	}
	installer, err := installerDigest(ctx)
	if err != nil {
		return withHint(fmt.Errorf("env: asking the first registry for %s: %w", installerName, err), "run: go run ./lab up")
	}
	wrapper, _, err := l.runtimeWrapper(ctx)
	if err != nil {
		return fmt.Errorf("env: %w", err)
	}
	lines := []string{
		"LAB_REGISTRY=" + plainRegistry.address(),
		"LAB_REGISTRY_PROGRAM=" + filepath.Join(l.debs(host).root("docker-registry", host.debian), "usr", "bin", "docker-registry"),
		"LAB_TLS_REGISTRY=" + secureRegistry.address(),
		"LAB_TLS_CA=" + l.secret("ca.pem"),
		"LAB_TLS_USER=" + registryUser,
		"LAB_TLS_PASSWORD=" + string(password),
		"LAB_BUILDKIT_IMAGE=" + buildkitImage,
		"MULTIARCH_BUILDKIT_IMAGE=" + buildkitImage, // the program's own is on Docker Hub only
		"LAB_BUILDKITD_CONFIG=" + filepath.Join(l.root, "lab", "buildkitd.toml"),
		"LAB_OCI_RUNTIME=" + cmp.Or(wrapper, "runc"), // for a buildkitd outside of the engine
		"LAB_QEMU_DIR=" + l.debs(host).qemuDir(host),
		"LAB_BINFMT_IMAGE=" + installer.String(),
	}
	_, err = fmt.Fprintln(l.stdout, strings.Join(lines, "\n"))
	return err
}
