// Package layers reads the files of an image out of its layers, without a builder and without writing anything to disk. Each
// layer is streamed once, to its very end, while digests and sizes are checked; then the layers are applied upon each other
// in memory, as the image specification says (opencontainers/image-spec layer.md).
//
// Of every path it keeps the metadata, of regular files what checks ask for: the first bytes of each, the headers and tables
// of ELF files, scripts, and small files below /etc. Start at Reader.Read. What was not kept can still be read through
// Files.ReadAt: that layer is then streamed once more.
//
// It believes nothing: every number in a layer is bounded by Limits, and what is wrong with a layer is a *BadLayerError or a
// *LimitError, not a crash. It opens no connection; Layer.Open gives it the bytes.
package layers
