// Package source opens images wherever they are: in a registry, in a folder with the OCI image layout, in an archive that a
// tool has saved. Start at Parse and Open. What a Source gives are documents whose digests were checked, and layers that are
// read when they are opened; nothing is written to disk.
package source
