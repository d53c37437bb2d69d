package plan

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/shlex"
)

// Tests are what is executed in the image of a platform before it is pushed.
type Tests struct {
	Commands   map[string]SmokeTest `json:"commands,omitempty"` // by platform
	Entrypoint *EntrypointTest      `json:"entrypoint,omitempty"`
	Timeout    time.Duration        `json:"timeout"` // nanoseconds, for one test on one platform
	Network    TestNetwork          `json:"network"`
	// QEMUCPU is the processor that QEMU shows to the tests, by platform; a name or more of QEMU's option -cpu. Where nothing runs under
	// QEMU it has no effect.
	QEMUCPU map[string]string `json:"qemuCPU,omitempty"`
}

// Any reports whether anything is executed on a platform.
func (t Tests) Any(p Platform) bool {
	_, ok := t.Commands[p.String()]
	return ok || t.Entrypoint != nil
}

// SmokeTest is a command that must succeed.
type SmokeTest struct {
	Command string   `json:"command,omitempty"` // shell text; run by the image's shell where it has one
	Args    []string `json:"args,omitempty"`    // the words, where the user gave a JSON list
	Expect  string   `json:"expect,omitempty"`  // what its output must hold
}

// EntrypointTest starts the image as it is. It passes at exit status 0, or when HEALTHCHECK succeeds, or, if the image has none, when it
// has lived for a time.
type EntrypointTest struct {
	Lives time.Duration `json:"lives"` // nanoseconds
}

// DefaultLives is how long a started image without HEALTHCHECK must live if nothing else is said.
const DefaultLives = 10 * time.Second

// TestNetwork says what network tests have.
type TestNetwork string

// The networks of tests.
const (
	TestNetworkNone    TestNetwork = "none"    // a loopback device of their own
	TestNetworkDefault TestNetwork = "default" // that of build steps
)

// oldestCPU are the processors by which a variant of 32-bit ARM was defined: QEMU's own choice runs ARMv7 programs for any of them.
var oldestCPU = map[string]string{"linux/arm/v5": "arm926", "linux/arm/v6": "arm1176", "linux/arm/v7": "cortex-a7"}

func (r *reader) tests(platforms []Platform) Tests {
	t := Tests{
		Commands: r.smokeTests(platforms), Timeout: r.testTimeout(),
		Network: oneOf(r, "--test-network", r.in.SmokeTestNetwork, TestNetworkNone, TestNetworkDefault),
	}
	t.Entrypoint = r.entrypointTest(t.Timeout)
	tested := len(t.Commands) > 0 || t.Entrypoint != nil
	t.QEMUCPU = r.qemuCPU(platforms, tested)
	if !tested {
		return Tests{}
	}
	return t
}

func (r *reader) testTimeout() time.Duration {
	if r.in.SmokeTestTimeout == "" {
		return 2 * time.Minute
	}
	timeout, err := time.ParseDuration(r.in.SmokeTestTimeout)
	if err != nil || timeout <= 0 {
		r.problem("--test-timeout", r.in.SmokeTestTimeout, "it is not a positive duration", "write a number with a unit, for example 90s or 5m")
	}
	return timeout
}

// smokeTests reads the commands, and what their output must hold.
func (r *reader) smokeTests(platforms []Platform) map[string]SmokeTest {
	commands := r.perPlatform("--test", r.in.SmokeTest, platforms, func(text string) (rule, hint string) {
		if text == "" {
			return "", "" // a platform without the test that the others have
		}
		_, rule, hint = parseSmokeTest(text)
		return rule, hint
	})
	expected := r.perPlatform("--test-expect", r.in.SmokeTestExpect, platforms, nil)
	out := map[string]SmokeTest{}
	for _, p := range platforms {
		name := p.String()
		if text := commands[name]; text != "" {
			test, _, _ := parseSmokeTest(text)
			test.Expect = expected[name]
			out[name] = test
		} else if text, ok := expected[name]; ok && len(r.in.SmokeTest) == 0 {
			r.problem("--test-expect", text, "there is no command whose output could hold it", "add --test")
			break
		}
	}
	return out
}

// jsonList tells a list of words from the command [ of a shell.
var jsonList = regexp.MustCompile(`^\[\s*["\]]`)

func parseSmokeTest(text string) (test SmokeTest, rule, hint string) {
	if jsonList.MatchString(text) {
		if err := json.Unmarshal([]byte(text), &test.Args); err != nil || len(test.Args) == 0 {
			return test, "it begins like a JSON list of words and is not one", `for example ["/app", "--version"]`
		}
		return test, "", ""
	}
	if words, err := shlex.Split(text); err != nil || len(words) == 0 {
		return test, "its quotes do not match", "write it as in a shell, for example --test 'app --version'"
	}
	return SmokeTest{Command: text}, "", ""
}

// entrypointTest reads true, false, or how long the image must live.
func (r *reader) entrypointTest(timeout time.Duration) *EntrypointTest {
	const input = "--test-entrypoint"
	text := strings.TrimSpace(r.in.SmokeTestEntrypoint)
	if text == "" {
		return nil
	}
	if wanted, err := strconv.ParseBool(text); err == nil {
		if !wanted {
			return nil
		}
		return &EntrypointTest{Lives: min(DefaultLives, timeout/2)}
	}
	lives, err := time.ParseDuration(text)
	switch {
	case err != nil || lives <= 0:
		r.problem(input, text, "it is neither true nor false nor a positive duration", "write true, or how long the image must live, for example 30s")
	case timeout > 0 && lives >= timeout:
		r.problem(input, text, fmt.Sprintf("a test may take %s only", timeout), "write a shorter time, or a longer one for --test-timeout")
	}
	return &EntrypointTest{Lives: lives}
}

// platformPrefix is how a line for one platform begins: linux/arm64=…
var platformPrefix = regexp.MustCompile(`^[a-z0-9]+/[A-Za-z0-9_]+(/[A-Za-z0-9._]+)?=`)

// perPlatform reads lines that are for one platform (linux/arm64=VALUE) or for all that have no line of their own (VALUE). What it returns
// holds those platforms that a line is for. check, if it is not nil, says what is wrong with a value.
func (r *reader) perPlatform(input string, lines []string, platforms []Platform, check func(value string) (rule, hint string)) map[string]string {
	values := map[string]string{} // by platform; that for all has no name
	for _, line := range lines {
		name, value := "", strings.TrimSpace(line)
		if prefix := platformPrefix.FindString(value); prefix != "" {
			name, value = strings.TrimSuffix(prefix, "="), strings.TrimSpace(value[len(prefix):])
		} else if value == "" {
			continue
		}
		if check != nil {
			if rule, hint := check(value); rule != "" {
				r.problem(input, line, rule, hint)
				continue
			}
		}
		if name != "" {
			p, err := ParsePlatform(name)
			if err != nil {
				problem := err.(*InputError) //nolint:errorlint // ParsePlatform returns nothing else
				r.problem(input, line, problem.Rule, problem.Hint)
				continue
			}
			if !slices.ContainsFunc(platforms, p.Equal) {
				r.problem(input, line, fmt.Sprintf("%s is not one of the platforms to build", p), "name one that --platform names")
				continue
			}
			name = p.String()
		}
		if _, twice := values[name]; twice {
			r.problem(input, line, "there is another line for the same platforms", "write one line for each platform, and at most one for all")
		}
		values[name] = value
	}
	out := map[string]string{}
	for _, p := range platforms {
		if value, own := values[p.String()]; own {
			out[p.String()] = value
		} else if value, all := values[""]; all {
			out[p.String()] = value
		}
	}
	return out
}
