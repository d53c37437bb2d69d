package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/org/multiarch-action/internal/plan"
)

func TestBuilderAndNodesAreRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		builder string
		nodes   []string
		want    plan.Builder
	}{
		{"a kept container", "multiarch-action-3f9a1c0b7d21", nil, plan.Builder{Use: "multiarch-action-3f9a1c0b7d21"}},
		{"a local one", "local", nil, plan.Builder{Local: true}},
		{"a local one as an address", "local://", nil, plan.Builder{Local: true}},
		{"none, but a node", "none", []string{"ssh://me@arm"}, plan.Builder{None: true, Nodes: []plan.Node{{Endpoint: plan.Endpoint{Address: "ssh://me@arm"}}}}},
		{"an address", "kube-pod://buildkit?namespace=ci", nil, plan.Builder{Remote: &plan.Endpoint{Address: "kube-pod://buildkit?namespace=ci"}}},
		{
			"TLS with files of the working directory", "tcp://arm:1234,cacert=one/ca.pem, cert=/src/two/ca.pem,key=two/key.pem,servername=node", nil,
			plan.Builder{Remote: &plan.Endpoint{Address: "tcp://arm:1234", CACert: "/src/one/ca.pem", Cert: "/src/two/ca.pem", Key: "/src/two/key.pem", ServerName: "node"}},
		},
		{
			"nodes with and without platforms", "",
			[]string{"linux/aarch64,linux/arm/v7=tcp://arm:1234,cacert=one/ca.pem", "unix:///run/b.sock"},
			plan.Builder{Nodes: []plan.Node{
				{Endpoint: plan.Endpoint{Address: "tcp://arm:1234", CACert: "/src/one/ca.pem"}, Platforms: parsed(t, "linux/arm64", "linux/arm/v7")},
				{Endpoint: plan.Endpoint{Address: "unix:///run/b.sock"}},
			}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.New(with(func(in *plan.Inputs) { in.Builder, in.Nodes = test.builder, test.nodes }), world(nil))
			if err != nil {
				t.Fatal(err)
			}
			ignored := cmp.Options{cmpopts.IgnoreFields(plan.Builder{}, "Image", "Config", "Files"), cmpopts.EquateEmpty()}
			if diff := cmp.Diff(test.want, p.Builder, ignored); diff != "" {
				t.Errorf("Builder differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongBuildersAndNodesAreRefused(t *testing.T) {
	t.Parallel()
	const forms = "; write one of tcp://host:port, unix:///path, docker-container://NAME, kube-pod://POD, ssh://user@host"
	for _, test := range []struct {
		name   string
		change func(*plan.Inputs)
		want   string
	}{
		{"another scheme", builder("http://arm:1234"), `--builder "http://arm:1234": http:// leads to no builder` + forms},
		{"no port", builder("tcp://arm"), `--builder "tcp://arm": it is not tcp://host:port; for example tcp://arm.example.org:1234`},
		{"no host", builder("tcp://:1234"), `--builder "tcp://:1234": it is not tcp://host:port; for example tcp://arm.example.org:1234`},
		{"a path behind the port", builder("tcp://arm:1234/x"), `--builder "tcp://arm:1234/x": it is not tcp://host:port; for example tcp://arm.example.org:1234`},
		{"a relative socket", builder("unix://run/b.sock"), `--builder "unix://run/b.sock": the path of a socket is absolute; write three slashes, as in unix:///run/buildkit/buildkitd.sock`},
		{"no container", builder("docker-container://"), `--builder "docker-container://": it names nothing behind docker-container://` + forms},
		{"a password", builder("ssh://me:s3cret@arm"), `--builder "ssh://me:xxxxx@arm": it holds a password; use a key: ssh://user@host for SSH, cert= and key= for TLS`},
		{"a password in what is no address", builder("ssh://me:s3cret@arm:port"), `--builder "…@arm:port": it is not the address of a builder` + forms},
		{"TLS over SSH", builder("ssh://arm,servername=x"), `--builder "ssh://arm": only tcp:// addresses have TLS; leave out cacert, cert, key and servername`},
		{"a certificate without its key", builder("tcp://arm:1,cert=one/ca.pem"), `--builder "tcp://arm:1": a client certificate is two files, and one of cert and key is given; add the other, as in cert=cert.pem,key=key.pem`},
		{"a file that is not there", builder("tcp://arm:1,cacert=gone.pem"), `--builder "cacert=gone.pem": there is no such file; name a file in PEM, relative to the working directory`},
		{"an unknown option", builder("tcp://arm:1,ca=x"), `--builder "ca=x": it is no option of an address; the options are cacert=FILE, cert=FILE, key=FILE and servername=NAME`},
		{"an option twice", builder("tcp://arm:1,servername=a,servername=b"), `--builder "servername=b": servername is given twice for tcp://arm:1; leave out one of the two`},
		{"none and no node", builder("none"), `--builder "none": there is no node either; add --node ADDRESS`},
		{"a node that is no address", node("arm"), `--node "arm": it is not the address of a builder` + forms},
		{"a platform that is none", node("linux/amd65=tcp://arm:1"), `--node "linux/amd65": "amd65" is not an architecture of linux images; did you mean linux/amd64?`},
		{"a node twice", node("linux/arm64=tcp://arm:1", "linux/arm/v7=tcp://arm:1"), `--node "tcp://arm:1": it is given twice; name each builder once, with all its platforms`},
		{"the default builder as a node too", func(in *plan.Inputs) { in.Builder, in.Nodes = "tcp://arm:1", []string{"tcp://arm:1"} }, `--node "tcp://arm:1": it is given twice; name each builder once, with all its platforms`},
		{"a local builder that is to be kept", func(in *plan.Inputs) { in.Builder, in.KeepBuilder = "local", "true" }, `--keep-builder: a local builder is a process of this run and ends with it; leave it out`},
		{"a configuration for somebody else's", func(in *plan.Inputs) { in.Builder, in.BuildkitdConfigInline = "tcp://arm:1", "debug = true" }, `--builder "tcp://arm:1": a builder's configuration is given too, and that of a running one cannot be changed; leave out one of the two`},
		{"a word that is neither", func(in *plan.Inputs) { in.RequireNative = "maybe" }, `--require-native "maybe": it is neither true nor false; write true or false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(test.change), world(nil))
			if err == nil || err.Error() != test.want {
				t.Errorf("New() gives\n%v\nwant\n%s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Error("the password is in the error")
			}
		})
	}
}

func builder(text string) func(*plan.Inputs) { return func(in *plan.Inputs) { in.Builder = text } }

func node(texts ...string) func(*plan.Inputs) { return func(in *plan.Inputs) { in.Nodes = texts } }

func parsed(t *testing.T, names ...string) []plan.Platform {
	t.Helper()
	out := make([]plan.Platform, len(names))
	for i, name := range names {
		p, err := plan.ParsePlatform(name)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = p
	}
	return out
}

// offer is a node's by the platforms that its BuildKit lists, and behind a bar those that the user gives to it.
func offer(t *testing.T, text string) plan.Offer {
	t.Helper()
	listed, declared, _ := strings.Cut(text, "|")
	return plan.Offer{Listed: parsed(t, strings.Fields(listed)...), Declared: parsed(t, strings.Fields(declared)...)}
}

func TestOfferExecution(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		offer, platform string
		want            plan.Execution
	}{
		{"linux/amd64 linux/386 linux/arm64", "linux/amd64", plan.Native},
		{"linux/amd64 linux/386 linux/arm64", "linux/386", plan.Native},
		{"linux/amd64 linux/386 linux/arm64", "linux/arm64", plan.Emulated},
		{"linux/amd64 linux/amd64/v2 linux/amd64/v3", "linux/amd64/v3", plan.Native},
		{"linux/amd64 linux/amd64/v2", "linux/amd64/v4", plan.Unlisted},
		{"linux/amd64", "linux/386", plan.Unlisted},
		{"linux/amd64", "windows/amd64", plan.Unlisted},
		{"linux/arm64 linux/arm/v7", "linux/arm/v7", plan.Native},
		{"linux/arm64 linux/arm/v7", "linux/arm/v6", plan.Unlisted},
		{"linux/arm64", "linux/arm/v7", plan.Unlisted},
		{"linux/arm/v7", "linux/arm64", plan.Unlisted},
		{"linux/386 linux/amd64", "linux/amd64", plan.Emulated},
		{"linux/arm64 linux/amd64 | linux/amd64", "linux/arm64", plan.Unlisted},
		{"linux/arm64 linux/amd64 | linux/amd64", "linux/amd64", plan.Emulated},
		{"linux/arm64 | linux/arm64 linux/arm/v7", "linux/arm/v7", plan.Native},
		{"linux/amd64 | linux/s390x", "linux/s390x", plan.Emulated},
		{"", "linux/amd64", plan.Unlisted},
	} {
		if got := offer(t, test.offer).Execution(parsed(t, test.platform)[0]); got != test.want {
			t.Errorf("a node for %s runs %s as %s, want %s", test.offer, test.platform, got, test.want)
		}
	}
}

func TestAssign(t *testing.T) {
	t.Parallel()
	const amd64 = "linux/amd64 linux/386 linux/arm64 linux/arm/v7 linux/s390x"
	const arm64 = "linux/arm64 linux/arm/v7 linux/amd64"
	for _, test := range []struct {
		name, platforms string
		offers          []string // away: not there any more
		load            []int
		want            string // node:execution of each platform
	}{
		{"one node", "linux/amd64 linux/arm64", []string{amd64}, nil, "0:native 0:emulated"},
		{"native wins", "linux/amd64 linux/arm64 linux/arm/v7 linux/386", []string{amd64, arm64}, nil, "0:native 1:native 1:native 0:native"},
		{"native wins over a node without work", "linux/arm64 linux/arm/v7", []string{amd64, arm64}, []int{0, 9}, "1:native 1:native"},
		{"the least loaded of equals", "linux/arm64 linux/arm/v7", []string{arm64, arm64}, nil, "0:native 1:native"},
		{"load from before counts", "linux/arm64 linux/arm/v7", []string{arm64, arm64}, []int{3, 0}, "1:native 1:native"},
		{"a platform with one node only comes first", "linux/arm64 linux/arm/v7", []string{arm64, "linux/arm64"}, nil, "1:native 0:native"},
		{"what nobody lists is built by the least loaded", "linux/riscv64 linux/amd64", []string{amd64, arm64}, nil, "1:none 0:native"},
		{"what nobody lists is not for a node with platforms of its own", "linux/riscv64", []string{arm64 + "| linux/arm64", amd64}, nil, "1:none"},
		{"unless there is no other", "linux/riscv64", []string{arm64 + "| linux/arm64"}, nil, "0:none"},
		{"a declared list keeps others out", "linux/amd64 linux/arm64", []string{amd64, arm64 + "| linux/arm64"}, nil, "0:native 1:native"},
		{"a node that is away gets nothing", "linux/arm64 linux/s390x", []string{amd64, "away"}, nil, "0:emulated 0:emulated"},
		{"all are away", "linux/arm64", []string{"away", "away"}, nil, ""},
		{"no platform", "", []string{amd64}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var offers []plan.Offer
			for _, text := range test.offers {
				if text == "away" {
					offers = append(offers, plan.Offer{Listed: parsed(t, "linux/arm64"), Away: true})
					continue
				}
				offers = append(offers, offer(t, text))
			}
			load := test.load
			if load == nil {
				load = make([]int, len(offers))
			}
			var got []string
			for _, a := range plan.Assign(parsed(t, strings.Fields(test.platforms)...), offers, load) {
				got = append(got, string(rune('0'+a.Node))+":"+string(a.Execution))
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("Assign(%s) = %s, want %s", test.platforms, text, test.want)
			}
		})
	}
}

func TestNotNative(t *testing.T) {
	t.Parallel()
	offers := []plan.Offer{offer(t, "linux/amd64 linux/386 linux/arm64"), offer(t, "linux/s390x linux/arm64 | linux/s390x")}
	var got []string
	for _, p := range plan.NotNative(parsed(t, "linux/amd64", "linux/arm64", "linux/386", "linux/s390x", "linux/riscv64"), offers) {
		got = append(got, p.String())
	}
	if text, want := strings.Join(got, " "), "linux/arm64 linux/riscv64"; text != want {
		t.Errorf("NotNative() = %s, want %s", text, want)
	}
}
