package setup

// surroundings are what decides how an obstacle is overcome: where this process runs.
type surroundings struct {
	userNamespace bool // not the machine's first user namespace: a rootless container
	container     bool
	wsl           bool // the Windows Subsystem for Linux
}

// privilege says how to be allowed to register emulators.
func (s surroundings) privilege() string {
	switch {
	case s.userNamespace:
		return "register the emulators once as root outside the container: multiarch-action setup --no-builder"
	case s.container:
		return "start the container with --privileged, or give it the socket of the Docker Engine, or register the emulators once as root outside the container: multiarch-action setup --no-builder"
	case s.wsl:
		return "run this as root (wsl -u root) in any distribution: all share one list, which is empty again after wsl --shutdown"
	}
	return "run this as root (sudo), or let this user reach a Docker Engine (group docker)"
}

// module says how to get a kernel that has binfmt_misc.
func (s surroundings) module() string {
	switch {
	case s.wsl:
		return "update the kernel: wsl --update"
	case s.container || s.userNamespace:
		return "load the kernel module outside the container, on the machine itself: sudo modprobe binfmt_misc"
	}
	return "load the kernel module: sudo modprobe binfmt_misc; where the kernel has none, use a builder that brings emulators of its own (moby/buildkit) or a native machine"
}

// mount says how to get the list to be seen.
func (s surroundings) mount(root string) string {
	command := "sudo mount -t binfmt_misc binfmt_misc " + root
	if s.container || s.userNamespace {
		return "mount it outside the container, on the machine itself: " + command
	}
	return "mount it: " + command
}
