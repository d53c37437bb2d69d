// Package login finds the logins for registries: those that the user gave, those of docker and podman, those that a CI host has at hand,
// and those of cloud providers. They are kept in memory; no file is written or changed. Start at New.
package login
