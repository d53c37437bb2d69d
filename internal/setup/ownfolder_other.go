//go:build !unix

package setup

// ownFolder reports false: emulators are kept on Linux only.
func ownFolder(string) bool { return false }
