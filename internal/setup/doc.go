// Package setup gets a machine ready to build: emulators for foreign programs, proved by executing one (Emulate), and a
// BuildKit builder in a container (StartBuilder). Both are made for one run and taken away by it; what a killed run
// has left, the next one takes away (Sweep). The package builds nothing and pushes nothing.
package setup
