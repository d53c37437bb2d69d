// Package metadata makes an image's tags, version, labels and annotations out of rules and of what happened in Git, with the grammar
// and the semantics of docker/metadata-action v6. Start at New. It reads no file, opens no connection and knows no CI host.
//
// What is right here is what that action does: testdata/cases.json holds its answers, recorded from it.
package metadata
