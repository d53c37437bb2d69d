//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// usesSecrets takes long enough to be looked at.
const usesSecrets = `FROM busybox
RUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=file --mount=type=ssh [ ${#TOKEN} = 26 ] && sleep 2 && echo "it is $TOKEN" && wc -c < /run/secrets/file > /size
`

// needles are what must be nowhere: values, and what base64 makes of them at each offset.
func needles(values ...string) []string {
	out := values
	for _, value := range values {
		for offset := range 3 {
			// The characters at both ends depend on what is beside the value.
			text := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), value...))
			out = append(out, text[4:len(text)-4])
		}
	}
	return out
}

func wantNoNeedle(t *testing.T, needles []string, place string, hay []byte) {
	t.Helper()
	for _, needle := range needles {
		if bytes.Contains(hay, []byte(needle)) {
			t.Errorf("%s holds the secret as %q", place, needle)
		}
	}
}

// wantNoNeedleBelow reads all files below a folder, unpacked if they are gzipped, and returns how many there are.
func wantNoNeedleBelow(t *testing.T, needles []string, dir string) (files int) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // temporary files come and go
		}
		hay, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		files++
		wantNoNeedle(t, needles, path, hay)
		if unpacker, err := gzip.NewReader(bytes.NewReader(hay)); err == nil {
			hay, _ = io.ReadAll(unpacker)
			wantNoNeedle(t, needles, path, hay)
		}
		return nil
	})
	return files
}

func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	token, inFile := rand.Text(), rand.Text()
	dir, secrets, local := folder(t, map[string]string{"Dockerfile": usesSecrets}), folder(t, map[string]string{"secret": inFile}), t.TempDir()
	keyFile := privateKey(t, secrets)
	pem, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ssh.ParsePrivateKey(pem); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(pem), "\n")
	needles := needles(token, inFile, lines[len(lines)/2])
	ref, cache := tag(t), tag(t)+"-cache"
	i := builds(dir, []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push", "--secret-file", "file="+filepath.Join(secrets, "secret"), "--ssh", "default="+keyFile,
		"--summary", filepath.Join(local, "summary.md"), "--metadata-file", filepath.Join(local, "metadata.json"), "--json",
		"--provenance", "mode=max", "--sbom", "true",
		"--cache-to", "type=registry,ref="+cache+",mode=max", "--cache-to", "type=local,mode=max,dest="+filepath.Join(local, "cache"))
	i.env, i.tmp = []string{"MULTIARCH_SECRETS=token=" + token}, shortTemp(t)
	stop, watched := make(chan struct{}), make(chan int)
	go func() { watched <- watch(t, needles, i.tmp, stop) }()
	r := i.run(t)
	close(stop)
	if seen := <-watched; seen == 0 {
		t.Error("no process of the run was seen")
	}
	r.wantCode(t, 0)
	r.wantStderr(t, "| it is ***")
	wantNoNeedle(t, needles, "standard error", []byte(r.stderr))
	wantNoNeedle(t, needles, "standard output, which holds the report", []byte(r.stdout))
	for name, ref := range map[string]string{"image": ref, "cache": cache + "-linux-arm64"} {
		must(t, w.crane, "pull", "--format", "oci", ref, filepath.Join(local, name))
	}
	if files := wantNoNeedleBelow(t, needles, local); files < 20 {
		t.Errorf("only %d files of image, caches and summary were looked at", files)
	}
	for _, statement := range []string{`"predicateType":"https://slsa.dev/provenance/v1"`, `"predicateType":"https://spdx.dev/Document"`} {
		if found := filesWith(t, filepath.Join(local, "image"), statement); found != 2 {
			t.Errorf("%d files of the image are statements with %s, want one for each platform", found, statement)
		}
	}
	wantNothingLeft(t, r.report.Run)
}

// filesWith counts the files below a folder that hold a text, whatever blanks are in them.
func filesWith(t *testing.T, dir, text string) (count int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(bytes.ReplaceAll(raw, []byte(" "), nil), []byte(text)) {
			count++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// watch looks at the arguments of all processes and at the folder for temporary files until it is stopped, and returns how many times
// it saw the program.
func watch(t *testing.T, needles []string, tmp string, stop <-chan struct{}) (seen int) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range files {
			line, _ := os.ReadFile(file) // it may have ended
			wantNoNeedle(t, needles, "the arguments of a process", line)
			if bytes.Contains(line, []byte("TestSecretsAreNowhere")) && bytes.Contains(line, []byte("--secret-file")) {
				seen++
			}
		}
		wantNoNeedleBelow(t, needles, tmp)
		select {
		case <-stop:
			return seen
		case <-again.C:
		}
	}
}
