package setup

// timed does a part of starting a builder, and lets whoever asked for the builder see how long it takes.
func (c BuilderConfig) timed(part string, do func() error) error {
	if c.Timed == nil {
		return do()
	}
	return c.Timed(part, do)
}
