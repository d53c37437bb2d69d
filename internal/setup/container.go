package setup

import (
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"
)

// cgroupParent is where buildx puts its builders too: one place to limit all that builds on a machine.
const cgroupParent = "/docker/buildx"

func (b *Builder) containerConfig() *container.Config {
	flags := []string{"--config", "/etc/buildkit/buildkitd.toml"}
	if b.socket != nil {
		flags = append(flags, b.socket.flags()...)
	}
	flags = append(flags, b.config.Flags...)
	return &container.Config{Image: b.config.Image, Cmd: flags, Labels: b.config.labels(), Env: b.config.Options.Env}
}

func (c BuilderConfig) labels() map[string]string {
	labels := map[string]string{LabelRun: c.Run, LabelVersion: c.Version}
	if me := thisProcess().String(); me != "" {
		labels[LabelOwner] = me
	}
	if c.Keep {
		labels[LabelKept] = "true"
	}
	return labels
}

// hostConfig says how the engine runs the container. It is privileged, as BuildKit starts containers itself; what a step of a build may
// do is not touched by that, unless the user's flags allow entitlements.
func (b *Builder) hostConfig(engine *system.Info) *container.HostConfig {
	init := true // reaps the processes that build steps leave
	options := b.config.Options
	host := &container.HostConfig{
		Privileged:  true,
		Init:        &init,
		NetworkMode: container.NetworkMode(options.Network),
		Mounts: []mount.Mount{{
			// Without a volume BuildKit cannot use overlayfs and copies every layer. It has no name: it goes with the container.
			Type: mount.TypeVolume, Target: "/var/lib/buildkit",
			VolumeOptions: &mount.VolumeOptions{Labels: b.config.labels()},
		}},
		Resources: container.Resources{
			Memory: options.Memory, MemorySwap: options.MemorySwap,
			CPUQuota: options.CPUQuota, CPUPeriod: options.CPUPeriod, CPUShares: options.CPUShares,
			CpusetCpus: options.CPUSetCPUs, CpusetMems: options.CPUSetMems,
			CgroupParent: options.CgroupParent,
		},
	}
	if b.socket != nil {
		host.Mounts = append(host.Mounts, b.socket.mount())
	}
	if b.config.HostNetwork && options.Network == "" {
		host.NetworkMode = "host"
	}
	if host.CgroupParent == "" && engine.CgroupDriver == "cgroupfs" { // systemd knows its own place
		host.CgroupParent = cgroupParent
	}
	host.UsernsMode = usernsMode(engine)
	return host
}

// usernsMode puts a privileged container into the first user namespace, which it needs, where the engine would use another.
func usernsMode(engine *system.Info) container.UsernsMode {
	if slices.Contains(engine.SecurityOptions, "name=userns") {
		return "host"
	}
	return ""
}
