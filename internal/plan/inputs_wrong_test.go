package plan_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/org/multiarch-action/internal/plan"
)

// Each new input says what is wrong with it, and shows nothing that may be secret.
func TestNewRefusesWhatABuildCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	w := keysAndSecrets(t)
	list := func(field func(*plan.Inputs) *[]string, values ...string) func(*plan.Inputs) {
		return func(in *plan.Inputs) { *field(in) = values }
	}
	secrets := func(in *plan.Inputs) *[]string { return &in.Secrets }
	contexts := func(in *plan.Inputs) *[]string { return &in.BuildContexts }
	cacheTo := func(in *plan.Inputs) *[]string { return &in.CacheTo }
	cacheFrom := func(in *plan.Inputs) *[]string { return &in.CacheFrom }
	for _, test := range []struct {
		name   string
		change func(*plan.Inputs)
		want   string
	}{
		{"label", list(func(in *plan.Inputs) *[]string { return &in.Labels }, "=x"), `--label "=x": number 1 has no name; for example --label org.opencontainers.image.title=app`},
		{"syntax", list(func(in *plan.Inputs) *[]string { return &in.BuildArgs }, "BUILDKIT_SYNTAX="), `--build-arg "BUILDKIT_SYNTAX=": it names no frontend; for example --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1, or leave out the =`},
		{"several platforms, and one wanted", func(in *plan.Inputs) {
			in.Platforms, in.BuildArgs = []string{"linux/amd64", "linux/arm64"}, []string{"BUILDKIT_MULTI_PLATFORM=false"}
		}, `--build-arg "BUILDKIT_MULTI_PLATFORM=false": several platforms are named, whose image is an index; leave it out, or name one --platform`},
		{"index or not", list(func(in *plan.Inputs) *[]string { return &in.BuildArgs }, "BUILDKIT_MULTI_PLATFORM=yes"), `--build-arg "BUILDKIT_MULTI_PLATFORM=yes": it is neither true nor false; write BUILDKIT_MULTI_PLATFORM=1, or leave it out`},
		{"call", func(in *plan.Inputs) { in.Call = "lnit" }, `--call "lnit": it is not one of the known values; write build, check, outline or targets, and behind it ,format=json for JSON`},
		{"network", func(in *plan.Inputs) { in.Network = "bridge" }, `--network "bridge": RUN has no such network; write default, none or host; the builder's own network is --driver-opt network=bridge`},
		{"host without address", list(func(in *plan.Inputs) *[]string { return &in.AddHosts }, "db"), `--add-host "db": it is not NAME:ADDRESS; for example --add-host db.example.org:10.0.0.7`},
		{"host with a name", list(func(in *plan.Inputs) *[]string { return &in.AddHosts }, "db:other"), `--add-host "db:other": "other" is not an IP address; for example --add-host db.example.org:10.0.0.7`},
		{"shm size", func(in *plan.Inputs) { in.ShmSize = "big" }, `--shm-size "big": it is not a size; write a number with a unit, for example 64m or 1g`},
		{"ulimit", list(func(in *plan.Inputs) *[]string { return &in.Ulimit }, "files=1"), `--ulimit "files=1": it is not a limit: invalid ulimit type: files; for example --ulimit nofile=1024:2048`},
		{"entitlement", list(func(in *plan.Inputs) *[]string { return &in.Allow }, "root"), `--allow "root": there is no such entitlement; write network.host, security.insecure, device or buildx.local.delete`},
		{"no boolean", func(in *plan.Inputs) { in.NoCache, in.Pull = "si", "no!" }, "--no-cache \"si\": it is neither true nor false; write true or false\n--pull \"no!\": it is neither true nor false; write true or false"},

		{"secret by value", list(secrets, "token=hunter2"), `--secret: number 1 is not id=NAME with src=FILE or env=VARIABLE; for example --secret id=token,src=token.txt or id=token,env=TOKEN`},
		{"secret from nowhere", list(secrets, "id=token,src=gone"), `--secret "gone": the file for the secret "token" cannot be read; name a file, relative to the working directory`},
		{"secret from two places", list(secrets, "id=token,src=a,env=B"), `--secret: number 1 is not id=NAME with src=FILE or env=VARIABLE; for example --secret id=token,src=token.txt or id=token,env=TOKEN`},
		{"secret that is large", list(secrets, "id=token,src=large"), `--secret "large": it is larger than the 500 KB that BuildKit takes for a secret; leave out what steps do not need`},
		{"secret text without a name", list(func(in *plan.Inputs) *[]string { return &in.SecretTexts }, "hunter2"), `--secret: number 1 is not NAME=VALUE; a value of several lines is quoted together with its name`},
		{"secret variable without a name", list(func(in *plan.Inputs) *[]string { return &in.SecretEnvs }, "TOKEN"), `--secret-env: number 1 is not NAME=VARIABLE; for example --secret-env token=TOKEN`},
		{"secret file without a name", list(func(in *plan.Inputs) *[]string { return &in.SecretFiles }, "token.txt"), `--secret-file: number 1 is not NAME=FILE; for example --secret-file token=token.txt`},
		{"no agent", list(func(in *plan.Inputs) *[]string { return &in.SSH }, "default"), `--ssh "default": there is no SSH agent: SSH_AUTH_SOCK is not set; start one, or name a key: --ssh default=FILE`},
		{"no key", list(func(in *plan.Inputs) *[]string { return &in.SSH }, "git=gone"), `--ssh "gone": there is no such socket or key, or it cannot be read; name the socket of an agent, or the file of a private key`},
		{"public key", list(func(in *plan.Inputs) *[]string { return &in.SSH }, "git=Dockerfile"), `--ssh "Dockerfile": it is not a private key; name the private key, not the .pub beside it`},
		{"locked key", list(func(in *plan.Inputs) *[]string { return &in.SSH }, "git=locked"), `--ssh "locked": this key has a passphrase; add it to an agent with ssh-add, and write --ssh default`},

		{"context without a name", list(contexts, "../x"), `--build-context "../x": it is not NAME=VALUE; for example --build-context assets=../assets or base=docker-image://alpine:3.22`},
		{"context that is nowhere", list(contexts, "x=gone"), `--build-context "x=gone": there is no such folder; for example --build-context assets=../assets or base=docker-image://alpine:3.22`},
		{"layout that is none", list(contexts, "x=oci-layout://empty:1"), `--build-context "x=oci-layout://empty:1": there is no OCI layout with that image; name a folder that has index.json, and one of its tags or digests`},
		{"default context on no host", func(in *plan.Inputs) { in.Context = "{{defaultContext}}:sub" }, `context "{{defaultContext}}:sub": the host says of no commit that it is about it; write the Git URL, or . for the working tree` + "\n" + `context ":sub": there is no such folder; name the folder that holds what the Dockerfile copies`},
		{"nothing on standard input", func(in *plan.Inputs) { in.File = "-" }, `--file "-": standard input is not a Dockerfile; send the text of one`},
		{"standard input twice", func(in *plan.Inputs) { in.Context, in.File = "-", "-" }, `--file "-": standard input is the context already; leave out one of the two`},

		{"cache of no type", list(cacheTo, "type=cloud,ref=x"), `--cache-to "cloud": there is no such type of cache; write one of: azblob, gha, inline, local, registry, s3; an inline cache is read from the image: type=registry,ref=IMAGE`},
		{"cache without a place", list(cacheTo, "type=local,src=x"), `--cache-to "type=local,src=x": dest is missing; add dest=`},
		{"cache at no reference", list(cacheFrom, "type=registry,ref=A B"), `--cache-from "A B": it is not an image reference: invalid reference format: repository name (library/A B) must be lowercase; for example type=registry,ref=user/app:cache`},
		{"cache in no mode", list(cacheTo, "type=registry,ref=a/b,mode=all"), `--cache-to "type=registry,mode=all,ref=a/b": there is no mode "all"; write mode=min or mode=max`},
		{"cache that is no list", list(cacheTo, "type=s3,hunter2"), `--cache-to: it is not a list of NAME=VALUE; for example type=registry,ref=user/app:cache`},
		{"cache that the host has not", list(cacheTo, "type=gha,ignore-error=false"), `--cache-to "type=gha": the host gives this step no cache service; on GitHub only actions get one, steps with run: do not; use the action, or another type of cache`},

		{"overrides that are no map", func(in *plan.Inputs) { in.PlatformOverrides = "linux/amd64: {token: hunter2}" }, `--platform-overrides: it is not a YAML map from platforms to build-args, file and target; for example {linux/arm64: {target: small, build-args: [VARIANT=small]}}`},
		{"override of another platform", func(in *plan.Inputs) { in.PlatformOverrides = "linux/s390x: {target: x}" }, `--platform-overrides "linux/s390x": it is not one of the platforms that are built; name one of --platform`},
		{"override without a file", func(in *plan.Inputs) { in.PlatformOverrides = "linux/amd64: {file: gone}" }, `--platform-overrides "gone": there is no such Dockerfile; name it with --file, relative to the working directory`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(test.change), w)
			if err == nil || err.Error() != test.want {
				t.Errorf("New():\n got %v\nwant %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the secret is in the error")
			}
		})
	}
}

// keysAndSecrets is a world with files that cannot be secrets and keys.
func keysAndSecrets(t *testing.T) plan.World {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	w := world(nil)
	read, stat := w.ReadFile, w.Stat
	more := map[string][]byte{"/src/locked": pem.EncodeToMemory(locked), "/src/large": make([]byte, 501<<10)}
	w.ReadFile = func(name string) ([]byte, error) {
		if content, ok := more[name]; ok {
			return content, nil
		}
		return read(name)
	}
	w.Stat = func(name string) (fs.FileInfo, error) {
		if _, ok := more[name]; ok {
			return stat("/src/Dockerfile")
		}
		return stat(name)
	}
	return w
}
