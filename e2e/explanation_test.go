//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// mistakes has a stage with another mistake for every platform.
const mistakes = `FROM busybox AS on-amd64
COPY missing.txt /
FROM scratch AS on-arm64
RUN true
FROM busybox AS on-arm
RUN --mount=type=secret,id=token,required=true true
FROM busybox AS on-386
RUN curl -V
FROM busybox AS on-ppc64le
RUN --mount=type=tmpfs,target=/small,size=1m dd if=/dev/zero of=/small/x bs=1M count=3
FROM busybox AS on-s390x
RUN --mount=type=ssh,required=true true
FROM busybox AS on-riscv64
RUN wget -q http://nowhere.invalid/
FROM on-$TARGETARCH
`

// unreached has base images that cannot be had, and steps that the builder refuses.
const unreached = `FROM localhost:5000/library/busybox AS on-amd64
RUN --security=insecure true
FROM localhost:5000/no/such:1 AS on-arm64
FROM localhost:5443/library/busybox AS on-arm
FROM localhost:5999/library/busybox AS on-386
FROM busybox AS on-ppc64le
RUN printf '#!/bin/bash\r\ntrue\r\n' > /x && chmod +x /x && /x
FROM scratch AS on-s390x
COPY --chmod=755 Dockerfile /bin/sh
RUN true
FROM busybox AS on-riscv64
RUN exit 137
FROM on-$TARGETARCH
`

func TestKnownFailuresAreExplained(t *testing.T) {
	t.Parallel()
	seven := []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x", "linux/riscv64"}
	for _, test := range []struct {
		name, dockerfile string
		causes           []string // by platform
	}{
		{"steps", mistakes, []string{
			"COPY or ADD names /missing.txt", "the image has no /bin/sh", "asks for the secret token", "the image has no program curl",
			"a file system is full", "asks for an SSH agent or key", "the name nowhere.invalid could not be resolved",
		}},
		{"base images", unreached, []string{
			"asks for the right security.insecure", "the image localhost:5000/no/such:1 does not exist", "issued by an authority that the builder",
			"nothing answers at 127.0.0.1:5999", "/x is not in the image, or the interpreter", "a program of another architecture than linux/s390x", "the step was killed",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := builds(folder(t, map[string]string{"Dockerfile": test.dockerfile}), seven, "--preflight=off").run(t)
			r.wantCode(t, 1)
			for i, name := range seven {
				f := r.platform(t, name).Failure
				if f == nil || !strings.Contains(f.Cause, test.causes[i]) || f.Evidence == "" || f.Hint == "" || f.Error == "" {
					t.Errorf("failure of %s = %+v, want the cause %q with evidence, hint and the original text", name, f, test.causes[i])
				}
			}
			r.wantStderr(t, "every platform failed")
		})
	}
}
