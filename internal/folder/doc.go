// Package folder reads the files of an image that is mounted at a folder. No link leads out of it, whatever the image holds: a path is
// looked up through os.Root, and a walk follows no link at all. It writes nothing. It is for Linux, where builders run. Start at
// Open.
package folder
