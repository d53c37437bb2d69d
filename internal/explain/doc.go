// Package explain knows the messages of BuildKit, QEMU, the Docker Engine and registries that people paste into issues, and says what
// each of them means: the cause, the line that shows it, and the next step. Start at Find. It reads text and nothing else; the original
// text stays with whoever shows it.
package explain
