package cli

import "testing"

func TestInstruction(t *testing.T) {
	t.Parallel()
	for createdBy, want := range map[string]string{
		"COPY app / # buildkit": "COPY app /",
		"RUN /bin/sh -c apt-get update &&     apt-get install x # buildkit":      "RUN apt-get update && apt-get install x",
		"RUN |2 TOKEN=s3cret VERSION=1 /bin/sh -c make all # buildkit":           "RUN make all",
		"RUN |1 TOKEN=s3cret make # buildkit":                                    "RUN",
		"/bin/sh -c #(nop) ADD file:81c0a803075715d1a6b4f75a29f8a01b21cc1 in / ": "ADD file:81c0a803075715d1a6b4f75a29f8a01b21cc1 in /",
		"# debian.sh --arch 'arm64' out/ 'bookworm' '@1734912000'":               "# debian.sh --arch 'arm64' out/ 'bookworm' '@1734912000'",
		"": "",
	} {
		if got := instruction(createdBy); got != want {
			t.Errorf("instruction(%q) = %q, want %q", createdBy, got, want)
		}
	}
}
