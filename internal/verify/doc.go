// Package verify proves that an image is for the platform that its label names. It believes no label: it finds the
// programs that the image would start, as the runtime, the kernel and a shell would find them, and reads in their
// headers which machine, loader, libraries and processor they need.
//
// Start at Inspect for the files and the config of one platform, at Index for what a registry answered about all of
// them, and at Across for what differs between them. Checks lists everything that can be found.
//
// It will not run anything, write anything, open a connection or print. It reads small ranges of files through Files
// (of a C library's loader and its cache, all), and holds limits against hostile images: a bad image gives findings,
// not a crash.
package verify
