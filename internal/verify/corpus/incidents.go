package corpus

import (
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Incident is a public report of an image that did not run, or of one that ran and was refused, made again as far as headers go.
type Incident struct {
	Report string  // repository and number on GitHub
	Images []Image // one for each platform; Finds is not used
	// Index lists the platforms of an index as they are written, where the report is about that alone. A ! behind one says that its
	// image is not in the registry.
	Index     []string
	Wanted    []string // platforms that were asked for
	SharedTop bool     // all images begin with one layer
	Finds     string   // the check that would have found it; empty: there is nothing to find
}

// Incidents are those of the reports that can be made again.
func Incidents() []Incident {
	var all []Incident
	for _, list := range [][]Incident{foreignPrograms(), wrongLabels(), oldARM(), halfIndexes(), brokenStarts()} {
		all = append(all, list...)
	}
	return all
}

// image is one platform's image of a report.
func image(platform string, config ocispec.ImageConfig, files map[string]File) Image {
	return Image{Platform: platform, Config: config, Files: files}
}

// programOn is an image with one program on a Debian of the platform.
func programOn(system, platform string, e ELF) Image {
	return image(platform, entry("/usr/local/bin/app"), debian(system, map[string]File{"/usr/local/bin/app": program(e)}))
}

func foreignPrograms() []Incident {
	amd64, goAMD64 := ELF{Arch: "amd64"}, ELF{Arch: "amd64", Go: []string{"GOARCH=amd64", "GOOS=linux"}}
	everywhere := []Image{programOn("amd64", "linux/amd64", goAMD64), programOn("arm64", "linux/arm64", goAMD64), programOn("armhf", "linux/arm/v7", goAMD64)}
	wrong := func(report string) Incident {
		return Incident{Report: report, Images: []Image{programOn("arm64", "linux/arm64", amd64)}, Finds: "program/arch"}
	}
	leftover := image("linux/arm64", cmd("sh"), debian("arm64", map[string]File{"/usr/bin/qemu-arm-static": static("amd64"), "/usr/bin/qemu-aarch64-static": static("amd64")}))
	second := image("linux/s390x", cmd("sh"), debian("s390x", map[string]File{"/usr/local/bin/opm": static("amd64")}))
	goss := image("linux/arm64", cmd("sh"), debian("arm64", map[string]File{"/usr/local/bin/goss-amd64": static("amd64")}))
	return []Incident{
		{Report: "bitnami/minideb#240", Images: []Image{image("linux/amd64", cmd("sh"), debian("arm64"))}, Finds: "program/arch"},
		{Report: "cloudposse/atmos#2931", Images: []Image{image("linux/arm64", cmd("sh"), debian("amd64"))}, Finds: "program/arch"},
		wrong("archsyscall/restart-operator#6"), wrong("mostlygeek/llama-swap#818"), wrong("dmno-dev/varlock#336"), wrong("tuannvm/mcp-trino#219"),
		wrong("mcowger/plexus#550"), wrong("grafana/xk6#233"), wrong("kubernetes/node-problem-detector#797"), wrong("numaproj/numaflow-go#140"),
		wrong("explodingcamera/liwan#19"), wrong("rabbitmq/messaging-topology-operator#570"), wrong("netbirdio/kubernetes-operator#237"),
		{Report: "Turbootzz/Vaultwarden-API#47", Images: everywhere, Finds: "cross/native-equal"},
		{Report: "caioricciuti/ch-ui#109", Images: everywhere[:2], Finds: "cross/native-equal"},
		{Report: "FriendsOfShopware/shopmon#770", Images: everywhere[:2], Finds: "program/arch"},
		{Report: "minio/sidekick#90", Images: []Image{programOn("s390x", "linux/s390x", amd64)}, Finds: "program/arch"},
		{Report: "operator-framework/operator-lifecycle-manager#2861", Images: []Image{second}, Finds: "files/arch"},
		{Report: "mesosphere/konvoy-image-builder#298", Images: []Image{goss}, Finds: "files/arch"},
		{Report: "miigotu/certbot-dns-godaddy#22", Images: []Image{image("linux/amd64", cmd("sh"), debian("amd64")), image("linux/arm64", cmd("sh"), debian("amd64"))}, SharedTop: true, Finds: "cross/base"},
		{Report: "docker/buildx#1389", Images: []Image{image("linux/amd64", cmd("sh"), debian("amd64")), image("linux/arm64", cmd("sh"), debian("amd64"))}, SharedTop: true, Finds: "cross/base"},
		{Report: "krallin/tini#140", Images: []Image{image("linux/arm64", entry("/tini", "--", "/bin/sh"), debian("arm64", map[string]File{"/tini": static("amd64")}))}, Finds: "program/arch"},
		{Report: "scaleway/image-tools#177", Images: []Image{leftover}},
		{Report: "crossbario/crossbar-docker#48", Images: []Image{leftover}},
	}
}

func wrongLabels() []Incident {
	label := func(report string) Incident {
		i := programOn("arm64", "linux/arm64", ELF{Arch: "arm64"})
		i.Label = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
		return Incident{Report: report, Images: []Image{i}, Finds: "config/platform"}
	}
	both := label("projectcalico/calico#4256")
	both.Images[0].Files = debian("amd64", map[string]File{"/usr/local/bin/app": static("amd64")})
	influx := programOn("arm64", "linux/arm64/v8", ELF{Arch: "arm64"})
	influx.Label = &ocispec.Platform{OS: "linux", Architecture: "arm64"}
	return []Incident{
		both, label("kubernetes-sigs/descheduler#1886"), label("dotnet/dotnet-docker#454"), label("estesp/mquery#9"), label("docker/for-linux#1170"),
		label("containrrr/watchtower#779"), label("weaveworks/ignite#345"),
		{Report: "docker-library/official-images#16859", Images: []Image{influx}},
		{Report: "dotnet/dotnet-docker#510", Index: []string{"linux/amd64", "linux/arm/armv7"}, Finds: "index/platform-unknown-value"},
		{Report: "docker/for-linux#434", Index: []string{"linux/arm64/armv8"}, Finds: "index/platform-unknown-value"},
		{Report: "estesp/manifest-tool#185", Index: []string{"linux/amd64/v8"}, Finds: "index/platform-unknown-value"},
	}
}

func oldARM() []Incident {
	armv7 := func(report string) Incident {
		return Incident{Report: report, Images: []Image{image("linux/arm/v6", cmd("sh"), debian("armhf"))}, Finds: "program/arm-arch"}
	}
	goARM := func(report string) Incident {
		return Incident{Report: report, Images: []Image{app("", "linux/arm/v6", ELF{Arch: "arm", Go: []string{"GOARCH=arm", "GOARM=7", "GOOS=linux"}}, "")}, Finds: "program/go-variant"}
	}
	order := []string{"linux/amd64", "linux/arm/v7", "linux/arm/v6"}
	return []Incident{
		armv7("docker/buildx#304"), armv7("home-assistant/docker-base#6"), armv7("docker-library/docker#260"),
		goARM("docker/containerd-packaging#428"), goARM("moby/moby#47540"),
		{Report: "moby/moby#37647", Index: order, Finds: "index/variant-order"},
		{Report: "rhasspy/rhasspy#118", Index: order, Finds: "index/variant-order"},
		{Report: "bastilimbach/docker-MagicMirror#54", Index: order[:2], Wanted: []string{"linux/amd64", "linux/arm/v6"}, Finds: "index/platform-missing"},
	}
}

func halfIndexes() []Incident {
	two := []string{"linux/amd64", "linux/arm64"}
	missing := func(report string, has ...string) Incident {
		return Incident{Report: report, Index: has, Wanted: two, Finds: "index/platform-missing"}
	}
	return []Incident{
		missing("wouterdebie/putioarr#19", "linux/arm64"), missing("czlonkowski/n8n-mcp#328", "linux/arm64"), missing("openthread/openthread#11233", "linux/arm64"),
		missing("IBM/core-dump-handler#88", "linux/arm64"), missing("docker/build-push-action#314", "linux/amd64"), missing("grafana/k6-operator#383", "linux/amd64"),
		{Report: "docker/build-push-action#835", Index: []string{"linux/amd64", "linux/arm64!"}, Finds: "index/child-missing"},
		{Report: "docker/hub-feedback#2024", Index: []string{"linux/arm64", "linux/arm64"}, Finds: "index/platform-duplicate"},
	}
}

func brokenStarts() []Incident {
	amd64, arm64 := debians["amd64"], debians["arm64"]
	one := func(report, finds string, i Image) Incident {
		return Incident{Report: report, Images: []Image{i}, Finds: finds}
	}
	onAlpine := func(more map[string]File) Image {
		return image("linux/amd64", entry("/usr/bin/k6"), alpine("amd64", map[string]File{"/usr/bin/k6": program(amd64.app())}, more))
	}
	needs := func(platform string, s system, name string) Image {
		return image(platform, entry("/app"), debian(s.arch, map[string]File{"/app": program(s.app(name))}))
	}
	newer := image("linux/amd64", entry("/app"), debian("amd64", map[string]File{"/app": program(versioned(amd64.app(), "libc.so.6", "GLIBC_2.38"))}))
	level := image("linux/amd64", cmd("/bin/bash"), fedora(map[string]File{"/usr/lib64/libc.so.6": program(ELF{Arch: "amd64", Kind: 3, Soname: "libc.so.6", Level: 3})}))
	windows := image("linux/amd64", entry("/run.sh"), debian("amd64", map[string]File{"/run.sh": script("#!/bin/sh\r\nexec sh\r\n")}))
	plain := image("linux/amd64", entry("/run.sh"), debian("amd64", map[string]File{"/run.sh": data("#!/bin/sh\n")}))
	absent := image("linux/amd64", entry("/usr/bin/livepeer"), debian("amd64"))
	return []Incident{
		one("mostafa/xk6-kafka#395", "program/interp-missing", onAlpine(nil)),
		one("gliderlabs/docker-alpine#219", "program/interp-missing", onAlpine(nil)),
		one("SocialCodeInc/dockerfy#6", "program/interp-missing", onAlpine(nil)),
		one("Docker-Hub-frolvlad/docker-alpine-glibc#59", "program/interp-libc", onAlpine(map[string]File{"/lib64/ld-linux-x86-64.so.2": link("/lib/ld-musl-x86_64.so.1")})),
		one("wasmCloud/wasmcloud-otp#302", "program/lib-missing", needs("linux/arm64", arm64, "libssl.so.1.0.0")),
		one("databendlabs/databend#4188", "program/lib-missing", needs("linux/arm64", arm64, "libssl.so.1.1")),
		one("LukeMathWalker/cargo-chef#235", "program/lib-missing", needs("linux/amd64", amd64, "libssl.so.3")),
		one("GoogleContainerTools/distroless#169", "program/lib-missing", needs("linux/amd64", amd64, "libstdc++.so.6")),
		one("GoogleContainerTools/distroless#1552", "program/symbol-version", newer),
		one("livepeer/go-livepeer#2633", "program/missing", absent),
		one("willnorris/imageproxy#51", "program/missing", absent),
		one("bheisig/i-doit-docker#4", "program/not-executable", plain),
		one("urania-dev/snapp#122", "program/script-interp", windows),
		one("moby/moby#22469", "program/script-interp", windows),
		one("chainguard-images/images#1658", "program/x86-library", level),
	}
}
