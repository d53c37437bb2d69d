package setup

// supply is an emulator to register, or why there is none. The zero value is a source that was not asked for one.
type supply struct {
	path   string
	origin string    // the image that it was taken from; empty: this machine
	none   *obstacle // why there is none
	absent bool      // there is none because the source does not have it, which is nobody's fault
}

// supplies are emulators by architecture. Their files may be discarded when they are registered: the kernel holds them open.
type supplies struct {
	byName  map[string]supply
	discard func()
}
