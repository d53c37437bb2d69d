// Package publish is about the registry: may we push there (CheckPush), what was pushed by digest (Read), the index of all
// platforms (Index), and at the very end the tags (Tag). Each function reads back what it wrote. The package builds nothing and
// judges no image.
package publish
