// Package e2e holds the tests that run the program as its users do, against the lab's real engine, BuildKit, QEMU and registries. They
// have the build tag e2e; `make test` starts what they need and runs them.
package e2e
