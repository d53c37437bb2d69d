package cli

import (
	"testing"
)

// buildxFlags are all flags of docker buildx build, hidden ones too (commands/build.go and commands/root.go of buildx).
var buildxFlags = []string{
	"add-host", "allow", "annotation", "attest", "build-arg", "build-context", "builder", "cache-from", "cache-to", "call", "cgroup-parent",
	"check", "compress", "cpu-period", "cpu-quota", "cpu-shares", "cpuset-cpus", "cpuset-mems", "debug", "file", "force-rm", "iidfile",
	"isolation", "label", "load", "memory", "memory-swap", "metadata-file", "network", "no-cache", "no-cache-filter", "output", "platform",
	"policy", "print", "progress", "provenance", "pull", "push", "quiet", "resource", "rm", "sbom", "secret", "security-opt", "shm-size", "squash", "ssh",
	"tag", "target", "ulimit",
}

func TestBuildTakesEveryFlagOfBuildx(t *testing.T) {
	t.Parallel()
	flags := (&app{}).buildCommand().Flags()
	for _, name := range buildxFlags {
		if flags.Lookup(name) == nil {
			t.Errorf("build has no flag --%s", name)
		}
	}
	for letter, name := range map[string]string{"f": "file", "o": "output", "q": "quiet", "t": "tag", "m": "memory", "c": "cpu-shares", "D": "debug"} {
		if flag := flags.ShorthandLookup(letter); flag == nil || flag.Name != name {
			t.Errorf("-%s is not short for --%s", letter, name)
		}
	}
}
