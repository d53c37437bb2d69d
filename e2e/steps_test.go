//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rights beyond the sandbox, limits, and the host's address, on a builder that is started with them.
func TestStepsGetRightsLimitsAndTheHost(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "0.0.0.0:0") // the bridge's address is one of the host's
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the host\n") })}
	go func() { _ = server.Serve(listener) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	dir := folder(t, map[string]string{"Dockerfile": `FROM busybox
RUN --security=insecure grep CapEff /proc/self/status > /insecure
RUN grep CapEff /proc/self/status > /sandbox
RUN [ "$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes)" = 67108864 ]
RUN [ "$(cut -d ' ' -f 1 /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us)" = 50000 ]
RUN [ "$(grep Cpus_allowed_list /proc/self/status | cut -f 2)" = 0 ]
RUN [ "$(wget -q -O - http://up.example:PORT/)" = "the host" ] && grep -q "^10.1.1.1.*first.example$" /etc/hosts && grep -q "^fd00::1.*second.example$" /etc/hosts
RUN --network=host true
`})
	dockerfile := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(dockerfile, []byte(strings.ReplaceAll(text(t, dockerfile), "PORT", port)), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	r := builds(dir, []string{"linux/amd64"}, "-o", out, "--allow", "security.insecure", "--allow", "network.host",
		"--resource", "memory=64m", "--cpu-quota", "50000", "--cpuset-cpus=0", "--squash", "--rm", "--force-rm=false",
		"--add-host", "up.example:host-gateway", "--add-host", "first.example=10.1.1.1,second.example:[fd00::1]").run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "host-gateway is ", "--squash has no effect: a last stage that copies from the one before it, COPY --from, has one layer")
	var sandbox, insecure uint64
	for name, mask := range map[string]*uint64{"sandbox": &sandbox, "insecure": &insecure} {
		if _, err := fmt.Sscanf(text(t, filepath.Join(out, name)), "CapEff:\t%x", mask); err != nil {
			t.Fatal(err)
		}
	}
	const sysAdmin = 1 << 21 // linux/capability.h
	if insecure&sysAdmin == 0 || sandbox&sysAdmin != 0 || insecure&sandbox != sandbox {
		t.Errorf("a step has the capabilities %x, with security.insecure %x", sandbox, insecure)
	}
	wantNothingLeft(t, r.report.Run)
}

// What a builder elsewhere says of itself counts: its platform, its host's address, its devices.
func TestBuilderElsewhereSaysWhatItIs(t *testing.T) {
	t.Parallel()
	certs := newAuthority(t)
	spec := "cdiVersion: 0.6.0\nkind: example.com/e2e\ndevices:\n- name: given\n  containerEdits:\n    env: [E2E_DEVICE=given]\n    deviceNodes: [{path: /dev/given, hostPath: /dev/zero}]\n"
	if err := os.WriteFile(certs.file("e2e.yaml"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	b := startBuildkitd(t, certs, "--oci-worker-platform", "linux/386", "--oci-worker-labels", "org.mobyproject.buildkit.worker.moby.host-gateway-ip=10.9.8.7",
		"--cdi-spec-dir", "/certs", "--allow-insecure-entitlement", "device")
	dir := folder(t, map[string]string{
		"Dockerfile": "FROM busybox\nRUN grep -q '^10.9.8.7.*up.example$' /etc/hosts\n",
		"device":     "FROM busybox\nRUN --device=example.com/e2e=given [ $E2E_DEVICE = given ] && [ $(head -c 3 /dev/given | wc -c) = 3 ]\n",
	})
	build := func(args ...string) result {
		t.Helper()
		return invocation{args: append(append([]string{"build", "--progress", "plain", "--builder", b.node()}, args...), dir)}.run(t)
	}
	r := build("--add-host", "up.example:host-gateway")
	r.wantCode(t, 0)
	if r.report.Platforms[0].Platform.String() != "linux/386" {
		t.Errorf("without a platform the image is for %s", r.report.Platforms[0].Platform)
	}
	r.wantStderr(t, "no platform is named, so the image is for that of the builder "+b.address+", linux/386")
	for _, allow := range []string{"device", "device=example.com/e2e=given"} {
		build("-f", filepath.Join(dir, "device"), "--allow", allow).wantCode(t, 0)
	}
	refused := build("-f", filepath.Join(dir, "device"))
	refused.wantCode(t, 1)
	refused.wantStderr(t, "device example.com/e2e=given is requested by the build but not allowed", "hint: add --allow device")

	silent := startBuildkitd(t, certs)
	r = invocation{args: []string{"build", "--builder", silent.node(), "--add-host", "up.example:host-gateway", dir}}.run(t)
	r.wantCode(t, 2)
	r.wantStderr(t, `--add-host "host-gateway": builder `+silent.address+": it does not say by which address its host is reached; write the address itself")
}

// The builder has the base image of before, and its tag has moved. BuildKit always asks the registry; that it was told to is in the
// provenance.
func TestPullTakesTheNewBaseImage(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	base := tag(t)
	dir := folder(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN echo $VERSION > /version\n"})
	for _, version := range []string{"first", "second"} {
		must(t, w.crane, "mutate", "--platform", "linux/amd64", "--env", "VERSION="+version, "-t", base, w.lab["LAB_REGISTRY"]+"/library/busybox:latest")
		out := filepath.Join(t.TempDir(), "out")
		args := []string{"build", "--platform", "linux/amd64", "--builder", b.node(), "--insecure-registry", w.lab["LAB_REGISTRY"], "--provenance", "mode=max", "-o", out}
		if version == "second" {
			args = append(args, "--pull")
		}
		invocation{args: append(args, dir)}.run(t).wantCode(t, 0)
		if got := text(t, filepath.Join(out, "version")); got != version+"\n" {
			t.Errorf("the image is built on the %s base image, want the %s", got, version)
		}
		asked := strings.Contains(text(t, filepath.Join(out, "provenance.json")), `"image.resolvemode": "pull"`)
		if asked != (version == "second") {
			t.Errorf("%s build: the builder was told to pull: %t", version, asked)
		}
	}
}

// docker buildx build --quiet prints the image's ID, and nothing else; where something fails, what failed is said.
func TestQuietPrintsTheImagesID(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN echo noise\n", "bad": "FROM busybox\nRUN echo why; false\n"})
	quiet := func(args ...string) result {
		t.Helper()
		i := builds(dir, []string{"linux/amd64"}, args...)
		i.args = append(i.args[:5], i.args[7:]...) // without --progress plain
		return i.run(t)
	}
	const loaded = "multiarch-e2e/quiet:1"
	r := quiet("-q", "-t", loaded, "--load")
	r.wantCode(t, 0)
	if id := must(t, "docker", "image", "inspect", "-f", "{{.Id}}", loaded); r.stdout != id || r.stderr != "" {
		t.Errorf("stdout is %q and stderr %q, want the engine's ID %q and nothing", r.stdout, r.stderr, id)
	}
	must(t, "docker", "image", "rm", loaded)
	r = quiet("-q", "--load", "--provenance", "min") // no name, and attestations that the engine does not take
	r.wantCode(t, 0)
	must(t, "docker", "image", "rm", strings.TrimSpace(r.stdout))
	r = quiet("--progress", "quiet", "-t", ref, "--push", "--provenance", "min")
	r.wantCode(t, 0)
	if r.stdout != digestOf(t, ref)+"\n" || r.stderr != "" {
		t.Errorf("stdout is %q and stderr %q, want the digest %s and nothing", r.stdout, r.stderr, digestOf(t, ref))
	}
	r = quiet("--progress", "none", "-t", ref, "--push")
	r.wantCode(t, 0)
	if r.stdout+r.stderr != "" {
		t.Errorf("with none, stdout is %q and stderr %q", r.stdout, r.stderr)
	}
	r = quiet("-q", "-f", filepath.Join(dir, "bad"))
	r.wantCode(t, 1)
	r.wantStderr(t, "linux/amd64 failed at bad:2", "why")
	if r.stdout != "" {
		t.Errorf("stdout is %q after a failure", r.stdout)
	}
}
