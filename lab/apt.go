package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Debian's releases that the lab takes packages from. The second has the architectures that the first lacks.
const (
	suite      = "bookworm"
	laterSuite = "trixie"
)

// arch is one of the platforms of the lab's base images, and what Debian and QEMU call it.
type arch struct {
	platform string // as "linux/arm/v7"
	debian   string
	suite    string
	qemu     string
}

var arches = []arch{
	{"linux/amd64", "amd64", suite, "x86_64"},
	{"linux/arm64", "arm64", suite, "aarch64"},
	{"linux/arm/v7", "armhf", suite, "arm"},
	{"linux/arm/v6", "armel", suite, "arm"}, // Debian's armel is ARMv5 code, which every ARMv6 runs
	{"linux/386", "i386", suite, "i386"},
	{"linux/ppc64le", "ppc64el", suite, "ppc64le"},
	{"linux/s390x", "s390x", suite, "s390x"},
	{"linux/riscv64", "riscv64", laterSuite, "riscv64"},
}

// hostArch gives the architecture that needs no emulator here.
func hostArch() (arch, error) {
	for _, a := range arches {
		if a.platform == "linux/"+runtime.GOARCH || a.platform == "linux/"+runtime.GOARCH+"/v7" {
			return a, nil
		}
	}
	return arch{}, fmt.Errorf("this machine is %s, for which the lab knows no Debian architecture", runtime.GOARCH)
}

// debs are the packages that the lab unpacks without installing them, each in a folder of its own.
type debs struct{ dir string }

func (d debs) root(name, debianArch string) string { return filepath.Join(d.dir, name+"_"+debianArch) }

// wanted lists the packages as apt spells them, with their suites.
func wanted(host arch) []string {
	list := []string{qemuPackage + ":" + host.debian + "/" + host.suite, "docker-registry:" + host.debian + "/" + host.suite}
	for _, a := range arches {
		list = append(list, "busybox-static:"+a.debian+"/"+a.suite)
	}
	return list
}

// debs gives the place of the unpacked packages, whether they are there or not.
func (l *lab) debs(host arch) debs {
	return debs{l.state("cache", cacheKey("debs", suite, append(append(wanted(host), emulators...), "layout 1")...))}
}

// fetchDebs gives the unpacked packages. An apt of the lab's own downloads them: own sources, own lists, own cache, no
// root, the machine's packages untouched; and Debian's signatures checked as ever.
func (l *lab) fetchDebs(ctx context.Context) (debs, error) {
	host, err := hostArch()
	if err != nil {
		return debs{}, fmt.Errorf("debian packages: %w", err)
	}
	packages, list := l.debs(host), wanted(host)
	return packages, l.log.step(ctx, "debian packages", func(ctx context.Context) (string, error) {
		_, made, err := l.cached(ctx, filepath.Base(packages.dir), func(ctx context.Context, dir string) error { return l.downloadDebs(ctx, dir, list) })
		return fmt.Sprintf("%d packages %s", len(list), madeOrFound(made, "downloaded and unpacked")), err
	})
}

// madeOrFound says that something was made just now, or before.
func madeOrFound(made bool, how string) string {
	if made {
		return how
	}
	return how + " before"
}

// downloadDebs fills dir with one folder per package.
func (l *lab) downloadDebs(ctx context.Context, dir string, list []string) error {
	if err := l.unpackDebs(ctx, dir, list, baseReleases()...); err != nil {
		return err
	}
	host, err := hostArch()
	if err != nil {
		return err
	}
	return keepEmulators(debs{dir}.qemuDir(host))
}

// unpackDebs downloads packages of the releases and unpacks them in dir, one folder per package.
func (l *lab) unpackDebs(ctx context.Context, dir string, list []string, releases ...release) error {
	apt, err := l.isolatedApt(ctx, filepath.Join(dir, "apt"), releases)
	if err != nil {
		return err
	}
	if err := quiet(apt(ctx, "update")); err != nil {
		return withHint(fmt.Errorf("reading Debian's package lists: %w", err), "is the Debian mirror in reach from here?")
	}
	download := apt(ctx, append([]string{"download"}, list...)...)
	download.Dir = dir
	if err := quiet(download); err != nil {
		return fmt.Errorf("downloading packages: %w", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "apt")); err != nil { // 150 MB of lists that nobody reads again
		return fmt.Errorf("removing package lists: %w", err)
	}
	return unpackAll(ctx, dir)
}

// unpackAll unpacks every package of a folder beside itself, keeping only the package's name and architecture.
func unpackAll(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return fmt.Errorf("looking for packages: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, file := range files {
		group.Go(func() error {
			parts := strings.Split(strings.TrimSuffix(filepath.Base(file), ".deb"), "_") // name, version, architecture
			to := debs{dir}.root(parts[0], parts[len(parts)-1])
			if err := quiet(child(ctx, "dpkg-deb", "-x", file, to)); err != nil {
				return fmt.Errorf("unpacking: %w", err)
			}
			return os.Remove(file)
		})
	}
	return group.Wait()
}

// isolatedApt gives a function that prepares calls of an apt-get whose every file lies in dir.
func (l *lab) isolatedApt(ctx context.Context, dir string, releases []release) (func(context.Context, ...string) *exec.Cmd, error) {
	mirror, err := l.debianMirror(ctx)
	if err != nil {
		return nil, err
	}
	keyring, err := l.hostFile(ctx, "debian-archive-keyring", "/usr/share/keyrings/debian-archive-keyring.gpg")
	if err != nil {
		return nil, err
	}
	for _, below := range []string{"state/lists/partial", "cache/archives/partial", "parts"} {
		if err := os.MkdirAll(filepath.Join(dir, below), 0o750); err != nil {
			return nil, fmt.Errorf("making folders for apt: %w", err)
		}
	}
	list := filepath.Join(dir, "sources.list")
	if err := os.WriteFile(list, []byte(sourcesList(mirror, keyring, releases)), 0o644); err != nil {
		return nil, fmt.Errorf("writing package sources: %w", err)
	}
	settings := aptSettings(dir, list)
	return func(ctx context.Context, args ...string) *exec.Cmd {
		return child(ctx, "apt-get", slices.Concat(settings, args)...)
	}, nil
}

// release is a release of Debian with the architectures that are taken from it.
type release struct {
	suite         string
	architectures []string
}

// baseReleases are those that the base images are made of.
func baseReleases() []release {
	releases := []release{{suite: suite}, {suite: laterSuite}}
	for i := range releases {
		for _, a := range arches {
			if a.suite == releases[i].suite {
				releases[i].architectures = append(releases[i].architectures, a.debian)
			}
		}
	}
	return releases
}

// sourcesList names the releases, each for the architectures that it is taken for. "target" leaves out translations and
// lists of contents, which only cost time.
func sourcesList(mirror, keyring string, releases []release) string {
	var b strings.Builder
	for _, r := range releases {
		fmt.Fprintf(&b, "deb [signed-by=%s arch=%s target=Packages] %s %s main\n", keyring, strings.Join(r.architectures, ","), mirror, r.suite)
	}
	return b.String()
}

// aptSettings keeps apt away from the machine's own state. Its configuration it still reads, for a proxy may be in it.
func aptSettings(dir, list string) []string {
	names := make([]string, len(arches))
	for i, a := range arches {
		names[i] = a.debian
	}
	settings := []string{
		"-q", "-y",
		"-o", "Dir::Etc::sourcelist=" + list,
		"-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::Etc::preferences=/dev/null",
		"-o", "Dir::Etc::preferencesparts=-",
		"-o", "Dir::State=" + filepath.Join(dir, "state"),
		"-o", "Dir::State::status=/dev/null", // nothing is installed here
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
		"-o", "APT::Architectures=" + strings.Join(names, ","),
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::Retries=3",
	}
	if os.Geteuid() == 0 {
		// Otherwise apt would download as _apt, which can't write here, and warn about it.
		settings = append(settings, "-o", "APT::Sandbox::User=root")
	}
	return settings
}

// debianMirror gives the mirror that this machine takes Debian from. One that isn't Debian takes debootstrap's.
func (l *lab) debianMirror(ctx context.Context) (string, error) {
	sources, err := machineSources("/etc/apt")
	if err != nil {
		return "", err
	}
	if mirror, ok := mirrorOf(sources, suite); ok {
		return mirror, nil
	}
	main, err := l.hostFile(ctx, "debootstrap", "/usr/sbin/debootstrap")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(main)
	if err != nil {
		return "", fmt.Errorf("reading debootstrap: %w", err)
	}
	// The script lies beside the program, in a tree of its own where the package was only unpacked.
	script, err := os.ReadFile(filepath.Join(filepath.Dir(main), "../share/debootstrap/scripts", suite))
	if err != nil {
		return "", fmt.Errorf("reading debootstrap's script for %s: %w", suite, err)
	}
	if mirror, ok := parseDefaultMirror(string(script), string(text)); ok {
		return mirror, nil
	}
	return "", withHint(fmt.Errorf("finding a Debian mirror: neither apt's sources nor debootstrap name one for %s", suite),
		"add a source for Debian "+suite+" to /etc/apt/sources.list.d")
}

// hostFile gives a file of one of the machine's packages. Where the package isn't installed, the machine's apt
// downloads it, which needs no root, and it is unpacked into the cache.
func (l *lab) hostFile(ctx context.Context, pkg, path string) (string, error) {
	if isFile(path) {
		return path, nil
	}
	dir, _, err := l.cached(ctx, cacheKey("host-"+pkg, "1"), func(ctx context.Context, dir string) error {
		download := child(ctx, "apt-get", "-q", "download", pkg)
		download.Dir = dir
		if err := quiet(download); err != nil {
			return withHint(fmt.Errorf("downloading %s: %w", pkg, err), "run: sudo apt-get update && sudo apt-get install "+pkg)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.deb"))
		if err != nil {
			return fmt.Errorf("looking for %s: %w", pkg, err)
		}
		if len(files) != 1 {
			return fmt.Errorf("downloading %s: got %d packages instead of one", pkg, len(files))
		}
		return quiet(child(ctx, "dpkg-deb", "-x", files[0], dir))
	})
	return filepath.Join(dir, path), err
}
