package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/cli"
	"github.com/org/multiarch-action/internal/plan"
)

// shown says of an input which test shows its effect in a real build, and what is said of a wrong value.
type shown struct {
	input  string
	effect string // a test in e2e
	wrong  string // a value of MULTIARCH_…
	with   string // what else is in the environment, as NAME=VALUE by a blank
	want   string // the whole error
	// later is a test in e2e that shows the error, where only a build finds it; or why there is none.
	later string
}

var everyInput = []shown{
	{input: "context", effect: "TestContextsThatAreNoFolder", wrong: "nowhere", want: `context "nowhere": there is no such folder; name the folder that holds what the Dockerfile copies`},
	{input: "file", effect: "TestEngineIsGivenWhatItCanHold", wrong: "gone", want: `--file "gone": there is no such Dockerfile; name it with --file, relative to the working directory`},
	{input: "platforms", effect: "TestHelloIsProvedAndPublishedForEightPlatforms", wrong: "linux/arm46", want: `--platform "linux/arm46": "arm46" is not an architecture of linux images; did you mean linux/arm64?`},
	{input: "tags", effect: "TestSeveralTagsAndRepositoriesGetOneDigest", wrong: "ghcr.io/Owner/app:1", want: `--tag "ghcr.io/Owner/app:1": a repository has no capital letters; write ghcr.io/owner/app:1`},
	{input: "target", effect: "TestPolicyFileDecidesAboutATarget", later: "TestPolicyFileDecidesAboutATarget"},
	{input: "call", effect: "TestCallAsksAboutTheDockerfile", wrong: "lnit", want: `--call "lnit": it is not one of the known values; write build, check, outline or targets, and behind it ,format=json for JSON`},
	{input: "images", effect: "TestRulesTagAndLabelWhatIsBuilt", wrong: "name=ghcr.io/owner/app,enable=perhaps", want: `--image "name=ghcr.io/owner/app,enable=perhaps": enable=perhaps is neither true nor false; write one image on a line, as name=ghcr.io/owner/app,enable=true`},
	{input: "flavor", effect: "TestRulesTagAndLabelWhatIsBuilt", wrong: "latest=maybe", with: "IMAGES=ghcr.io/owner/app", want: `--flavor "latest=maybe": latest=maybe is not one of auto, true and false; write latest=auto|true|false, prefix=TEXT[,onlatest=true] or suffix=TEXT[,onlatest=true]`},
	{input: "sep-tags", effect: "TestRulesTagAndLabelWhatIsBuilt", later: "every text separates"},
	{input: "sep-labels", effect: "TestRulesTagAndLabelWhatIsBuilt", later: "every text separates"},
	{input: "build-args", effect: "TestStepsGetWhatIsAskedFor", wrong: "=x", want: `--build-arg: number 1 is not NAME=VALUE; for example --build-arg VERSION=1.4`},
	{input: "labels", effect: "TestStepsGetWhatIsAskedFor", wrong: "=x", want: `--label "=x": number 1 has no name; for example --label org.opencontainers.image.title=app`},
	{input: "platform-overrides", effect: "TestStepsGetWhatIsAskedFor", wrong: "linux/s390x: {target: x}", want: `--platform-overrides "linux/s390x": it is not one of the platforms that are built; name one of --platform`},
	{input: "build-contexts", effect: "TestStepsGetWhatIsAskedFor", wrong: "assets=nowhere", want: `--build-context "assets=nowhere": there is no such folder; for example --build-context assets=../assets or base=docker-image://alpine:3.22`},
	{input: "secrets", effect: "TestStepsGetWhatIsAskedFor", wrong: "hunter2", want: `--secret: number 1 is not NAME=VALUE; a value of several lines is quoted together with its name`},
	{input: "secret-envs", effect: "TestStepsGetWhatIsAskedFor", wrong: "TOKEN", want: `--secret-env: number 1 is not NAME=VARIABLE; for example --secret-env token=TOKEN`},
	{input: "secret-files", effect: "TestStepsGetWhatIsAskedFor", wrong: "token=gone", want: `--secret-file "gone": the file for the secret "token" cannot be read; name a file, relative to the working directory`},
	{input: "ssh", effect: "TestStepsGetWhatIsAskedFor", wrong: "default", want: `--ssh "default": there is no SSH agent: SSH_AUTH_SOCK is not set; start one, or name a key: --ssh default=FILE`},
	{input: "github-token", effect: "TestGitContext", later: "TestGitContextWithoutTheTokenFails"},
	{input: "no-cache", effect: "TestNoCacheExecutesStepsAgain", wrong: "si", want: `--no-cache "si": it is neither true nor false; write true or false`},
	{input: "no-cache-filters", effect: "TestNoCacheExecutesStepsAgain", later: "as for docker buildx build, a stage that is not there is none"},
	{input: "pull", effect: "TestPullTakesTheNewBaseImage", wrong: "always", want: `--pull "always": it is neither true nor false; write true or false`},
	{input: "network", effect: "TestStepsGetWhatIsAskedFor", wrong: "bridge", want: `--network "bridge": RUN has no such network; write default, none or host; the builder's own network is --driver-opt network=bridge`},
	{input: "add-hosts", effect: "TestStepsGetRightsLimitsAndTheHost", wrong: "db:other", want: `--add-host "db:other": "other" is not an IP address; for example --add-host db.example.org:10.0.0.7`},
	{input: "shm-size", effect: "TestStepsGetWhatIsAskedFor", wrong: "big", want: `--shm-size "big": it is not a size; write a number with a unit, for example 64m or 1g`},
	{input: "ulimit", effect: "TestStepsGetWhatIsAskedFor", wrong: "files=1", want: `--ulimit "files=1": it is not a limit: invalid ulimit type: files; for example --ulimit nofile=1024:2048`},
	{input: "cgroup-parent", effect: "TestStepsGetWhatIsAskedFor", later: "every text is a name"},
	{input: "allow", effect: "TestStepsGetRightsLimitsAndTheHost", wrong: "root", want: `--allow "root": there is no such entitlement; write network.host, security.insecure, device or buildx.local.delete`},
	{input: "resources", effect: "TestStepsGetRightsLimitsAndTheHost", wrong: "memory=much", want: `--resource "memory=much": it is not a size; for example --resource memory=512m`},
	{input: "cache-from", effect: "TestCachesLeaveNothingToExecute", wrong: "type=cloud,ref=x", want: `--cache-from "cloud": there is no such type of cache; write one of: azblob, gha, inline, local, registry, s3; an inline cache is read from the image: type=registry,ref=IMAGE`},
	{input: "cache-to", effect: "TestCachesLeaveNothingToExecute", wrong: "type=local,src=x", want: `--cache-to "type=local,src=x": dest is missing; add dest=`},
	{input: "push", effect: "TestSeveralTagsAndRepositoriesGetOneDigest", wrong: "true", want: `--push: there is no tag to push to; add --tag, for example --tag ghcr.io/owner/app:1.4`},
	{input: "load", effect: "TestEngineIsGivenWhatItCanHold", wrong: "si", want: `--load "si": it is neither true nor false; write true or false`},
	{input: "outputs", effect: "TestOneBuildFillsEveryOutput", wrong: "type=local", want: `--output "type=local": it names no folder to write to; add dest=FOLDER`},
	{input: "annotations", effect: "TestOneBuildFillsEveryOutput", wrong: "a-key", want: `--annotation "a-key": it is not KEY=VALUE; for example org.opencontainers.image.title=app or index:org.opencontainers.image.title=app`},
	{input: "attests", effect: "TestProvenanceIsLeftOut", wrong: "type=oath", want: `--attest "type=oath": it has no known type; write type=provenance or type=sbom`},
	{input: "provenance", effect: "TestOneBuildFillsEveryOutput", wrong: "mode=most", want: `--provenance "mode=most": mode=most is not known; write mode=min or mode=max`},
	{input: "sbom", effect: "TestOneBuildFillsEveryOutput", wrong: "maybe", want: `--sbom "maybe": "maybe" is not KEY=VALUE; for example generator=registry.example.org/scanner:1`},
	{input: "smoke-test", effect: "TestSmokeTests", wrong: "linux/s390x=true", want: `--test "linux/s390x=true": linux/s390x is not one of the platforms to build; name one that --platform names`},
	{input: "smoke-test-expect", effect: "TestSmokeTests", wrong: "hello", want: `--test-expect "hello": there is no command whose output could hold it; add --test`},
	{input: "smoke-test-entrypoint", effect: "TestStartedImages", wrong: "soon", want: `--test-entrypoint "soon": it is neither true nor false nor a positive duration; write true, or how long the image must live, for example 30s`},
	{input: "smoke-test-timeout", effect: "TestSmokeTests", wrong: "soon", want: `--test-timeout "soon": it is not a positive duration; write a number with a unit, for example 90s or 5m`},
	{input: "smoke-test-network", effect: "TestStartedImages", wrong: "bridge", want: `--test-network "bridge": it is not one of the known values; write one of: none, default`},
	{input: "qemu-cpu", effect: "TestQEMUShowsTheProcessorThatIsAskedFor", wrong: "linux/s390x=z14", with: "SMOKE_TEST=true", want: `--qemu-cpu "linux/s390x=z14": linux/s390x is not one of the platforms to build; name one that --platform names`},
	{input: "verify", effect: "TestEveryFileIsLookedAt", wrong: "most", want: `--verify "most": it is not one of the known values; write one of: full, static, manifest, off`},
	{input: "verify-ignore", effect: "TestWhatIsIgnoredIsShownAndDoesNotCount", wrong: "no/such", want: `--ignore "no/such": there is no check "no/such"; perhaps files/arch; docs/verification.md lists them`},
	{input: "verify-severity", effect: "TestWhatIsIgnoredIsShownAndDoesNotCount", wrong: "files/foreign=bad", want: `--severity "files/foreign=bad": it is not CHECK=error, CHECK=warning or CHECK=note; for example program/arch-compat=error`},
	{input: "verify-policy", effect: "TestPolicyFileDecidesAboutATarget", wrong: "gone.yaml", want: `--policy "gone.yaml": it cannot be read: no such file or directory; name a file with the policy, in YAML`},
	{input: "builder", effect: "TestRemoteBuilders", wrong: "none", want: `--builder "none": there is no node either; add --node ADDRESS`},
	{input: "nodes", effect: "TestNodesShareThePlatforms", wrong: "arm", want: `--node "arm": it is not the address of a builder; write one of tcp://host:port, unix:///path, docker-container://NAME, kube-pod://POD, ssh://user@host`},
	{input: "require-native", effect: "TestRequireNative", wrong: "si", want: `--require-native "si": it is neither true nor false; write true or false`},
	{input: "buildkit-image", effect: "TestTheBuildersOwnEmulatorsAreTheLastWay", wrong: "A B", want: `--buildkit-image "A B": it is not an image reference; for example moby/buildkit:v0.33.1`},
	{input: "buildkitd-config", effect: "TestPlainHTTPRegistryElsewhere", wrong: "gone.toml", want: `--buildkitd-config "gone.toml": the file cannot be read; name a buildkitd.toml, relative to the working directory`},
	{input: "buildkitd-config-inline", effect: "TestRegistryWithItsOwnAuthorityAndAPassword", wrong: "[registry", want: `--buildkitd-config-inline: it is not valid TOML: toml: expected ']' to close table name; see docs/buildkitd.toml.md of BuildKit`},
	{input: "buildkitd-flags", effect: "TestDriverOptionsReachTheBuilder", wrong: "'--debug", want: `--buildkitd-flags "'--debug": its quotes do not match; write it as in a shell, for example '--debug --oci-worker-gc=false'`},
	{input: "driver-opts", effect: "TestDriverOptionsReachTheBuilder", wrong: "memory=much", want: `--driver-opt "memory=much": it is not an amount of memory; write a number with a unit, for example 512m or 2g`},
	{input: "registry-mirrors", effect: "TestRegistryInputsNeedNoConfigurationOfBuildKit", wrong: "mirror.example.org", want: `--registry-mirror "mirror.example.org": it is not REGISTRY=VALUE; for example docker.io=mirror.example.org`},
	{input: "insecure-registries", effect: "TestPlainHTTPRegistryElsewhere", wrong: "http://registry.example.org", want: `--insecure-registry "http://registry.example.org": a registry is named without a scheme; write registry.example.org`},
	{input: "registry-cas", effect: "TestRegistryInputsNeedNoConfigurationOfBuildKit", wrong: "registry.example.org=gone.pem", want: `--registry-ca "registry.example.org=gone.pem": the file cannot be read; name a certificate in PEM, relative to the working directory`},
	{input: "registry-retry", effect: "TestPushOnABadDay", wrong: "long", want: `--registry-retry "long": it is not a duration; write a number with a unit, for example 90s or 5m, or 0`},
	{input: "force-tag", effect: "TestSameInputsGiveTheSameDigestOnFreshBuilders", wrong: "si", want: `--force-tag "si": it is neither true nor false; write true or false`},
	{input: "keep-builder", effect: "TestKeptBuilderIsUsedAgainAndRemovedByCleanup", wrong: "si", want: `--keep-builder "si": it is neither true nor false; write true or false`},
	{input: "keep-handlers", effect: "TestHelloIsProvedAndPublishedForEightPlatforms", wrong: "si", want: `--keep-handlers "si": it is neither true nor false; write true or false`},
	{input: "registry", effect: "TestTwoRegistriesWithTwoPasswords", wrong: "ghcr io", want: `--registry "ghcr io": it is not the name of a registry; for example ghcr.io or localhost:5000`},
	{input: "username", effect: "TestTwoRegistriesWithTwoPasswords", wrong: "me", want: `password: there is no password for index.docker.io; set password in the environment, MULTIARCH_PASSWORD, or name a file by --password-file`},
	{input: "password", effect: "TestTwoRegistriesWithTwoPasswords", wrong: "hunter2", want: `--username: there is no user name for index.docker.io; set username, or leave out registry and password to use the logins of docker`},
	{input: "password-file", effect: "TestTwoRegistriesWithTwoPasswords", wrong: "gone", with: "USERNAME=me", want: `--password-file "gone": it cannot be read; name a file that holds the password alone`},
	{input: "registry-auth", effect: "TestTwoRegistriesWithTwoPasswords", wrong: "hunter2", want: `registry-auth: it is not a YAML list of logins with registry, username, password and scope; for example - {registry: ghcr.io, username: owner, password: TOKEN}`},
	{input: "binfmt", effect: "TestTheBuildersOwnEmulatorsAreTheLastWay", wrong: "maybe", want: `--binfmt "maybe": it is not one of the known values; write one of: auto, always, never`},
	{input: "binfmt-image", effect: "TestEmulatorsAreTakenFromAnImage", wrong: "A B", want: `--binfmt-image "A B": it is not an image reference; write none, or for example tonistiigi/binfmt:qemu-v10.2.3-68@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0`},
	{input: "preflight", effect: "TestBaseImageWithoutAPlatformFailsOnlyThatPlatform", wrong: "maybe", want: `--preflight "maybe": it is not one of the known values; write one of: on, off`},
	{input: "parallel", effect: "TestFirstFailureAndTimeEndABuild", wrong: "many", want: `--parallel "many": it is not a number of platforms; write 1 or more, or leave it out`},
	{input: "fail-fast", effect: "TestFirstFailureAndTimeEndABuild", wrong: "si", want: `--fail-fast "si": it is neither true nor false; write true or false`},
	{input: "allow-failure", effect: "TestPlatformThatMayFailIsLeftOutLoudly", wrong: "linux/s390x", want: `--allow-failure "linux/s390x": it is not one of the platforms that are built; name one that --platform names`},
	{input: "platform-timeout", effect: "TestFirstFailureAndTimeEndABuild", wrong: "soon", want: `--platform-timeout "soon": it is not a positive duration; write a number with a unit, for example 90s or 30m`},
	{input: "staged", effect: "TestStagedBuildsOfTheGitHubExample", wrong: "true", with: "TAGS=ghcr.io/owner/app:1", want: `--staged: this is no run of a CI host, which would give the key; write a key, the same for all builds and for publish: --staged=KEY`},
	{input: "record", effect: "TestStagedBuildsOfTheGitLabExample", wrong: "README.md", with: "TAGS=ghcr.io/owner/app:1", want: `--record "README.md": it is a file; name a folder; it is made if there is none`},
	{input: "summary", effect: "TestPlatformThatMayFailIsLeftOutLoudly", wrong: "nowhere/summary.md", want: `--summary "nowhere/summary.md": the folder that it would be in does not exist; create the folder first`},
	{input: "report", effect: "TestPlatformThatMayFailIsLeftOutLoudly", wrong: "nowhere/report.json", want: `--report "nowhere/report.json": the folder that it would be in does not exist; create the folder first`},
	{input: "iidfile", effect: "TestOneBuildFillsEveryOutput", wrong: "nowhere/iid", with: "LOAD=true TAGS=app:dev", want: `--iidfile "nowhere/iid": the folder that it would be in does not exist; create the folder first`},
	{input: "metadata-file", effect: "TestOneBuildFillsEveryOutput", wrong: "nowhere/metadata.json", want: `--metadata-file "nowhere/metadata.json": the folder that it would be in does not exist; create the folder first`},
	{input: "junit", effect: "TestPlatformThatMayFailIsLeftOutLoudly", wrong: "nowhere/junit.xml", want: `--junit "nowhere/junit.xml": the folder that it would be in does not exist; create the folder first`},
	{input: "dotenv", effect: "TestGitLabPipeline", wrong: "nowhere/build.env", want: `--dotenv "nowhere/build.env": the folder that it would be in does not exist; create the folder first`},
	{input: "links", effect: "TestGitLabPipeline", wrong: "nowhere/links.json", want: `--links "nowhere/links.json": the folder that it would be in does not exist; create the folder first`},
	{input: "progress", effect: "TestRawProgressIsJSONAlone", wrong: "json", want: `--progress "json": it is not one of the known values; write one of: auto, plain, tty, quiet, none, rawjson`},
}

func TestEveryInputIsShown(t *testing.T) {
	t.Parallel()
	tests := testsOfE2E(t)
	var want, got []string
	for _, input := range plan.BuildInputs() {
		want = append(want, input.Name)
	}
	for _, s := range everyInput {
		got = append(got, s.input)
		if !tests[s.effect] {
			t.Errorf("%s: e2e has no test %s", s.input, s.effect)
		}
		if strings.HasPrefix(s.later, "Test") && !tests[s.later] {
			t.Errorf("%s: e2e has no test %s", s.input, s.later)
		}
		if s.later != "" {
			continue
		}
		t.Run(s.input, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"MULTIARCH_" + strings.ToUpper(strings.ReplaceAll(s.input, "-", "_")): s.wrong}
			for pair := range strings.FieldsSeq(s.with) {
				name, value, _ := strings.Cut(pair, "=")
				env["MULTIARCH_"+name] = value
			}
			args := []string{"build", "--dry-run"}
			if s.input != "context" {
				args = append(args, "examples/hello")
			}
			if s.input != "platforms" {
				args = append(args, "--platform", "linux/amd64")
			}
			var stderr strings.Builder
			code := cli.Run(t.Context(), cli.World{Args: args, Getenv: func(name string) string { return env[name] }, Stdout: t.Output(), Stderr: &stderr})
			if diff := cmp.Diff("multiarch-action: error: "+s.want+"\n", stderr.String()); diff != "" || code != cli.ExitUsage {
				t.Errorf("exit code %d, and the error differs (-want +got):\n%s", code, diff)
			}
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the inputs differ from those that are shown (-inputs +shown):\n%s", diff)
	}
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testsOfE2E are the names of the tests that need the lab.
func testsOfE2E(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("e2e/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("the tests of e2e: %v, %d files", err, len(files))
	}
	out := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range testFunction.FindAllStringSubmatch(string(text), -1) {
			out[match[1]] = true
		}
	}
	return out
}
