package main

import "testing"

func TestTransferredIsTheMostOfEachVertex(t *testing.T) {
	t.Parallel()
	const messages = `{"vertexes":[{"name":"[internal] load build context"}]}
{"statuses":[{"id":"transferring context:","vertex":"sha256:a","current":10},{"id":"transferring dockerfile:","vertex":"sha256:c","current":99}]}
{"statuses":[{"id":"transferring context:","vertex":"sha256:a","current":30}]}
{"statuses":[{"id":"transferring context:","vertex":"sha256:b","current":30}]}
multiarch-action: error: no JSON
`
	if got := transferred(messages); got != 60 {
		t.Errorf("transferred() = %d, want 60", got)
	}
}
