package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

// destinations are what a plan says about where the result goes.
type destinations struct {
	Push, ByDigest, Load bool
	Form                 plan.ImageForm
	Outputs              []plan.Output
	Tags, Loaded         []string
}

func destinationsOf(p *plan.Plan) destinations {
	d := destinations{Push: p.Push, ByDigest: p.ByDigest, Load: p.Load, Form: p.Form, Outputs: p.Outputs}
	for _, tag := range p.Tags {
		d.Tags = append(d.Tags, tag.Name())
	}
	for _, tag := range p.LoadNames {
		d.Loaded = append(d.Loaded, tag.Name())
	}
	return d
}

func TestNewReadsOutputs(t *testing.T) {
	t.Parallel()
	two := []string{"linux/amd64", "linux/arm64"}
	tests := []struct {
		name      string
		platforms []string
		outputs   []string
		want      destinations
	}{
		{"a folder alone", nil, []string{"out"}, destinations{Outputs: []plan.Output{{Type: plan.OutputLocal, Dest: "/src/out"}}}},
		{"a dash", nil, []string{"-"}, destinations{Outputs: []plan.Output{{Type: plan.OutputTar, Dest: plan.Stdout}}}},
		{"platforms have folders of their own", two, []string{"type=local,dest=out"}, destinations{Outputs: []plan.Output{{Type: plan.OutputLocal, Dest: "/src/out", Split: true}}}},
		{"unless told otherwise", two, []string{"type=tar,dest=/x/a.tar,platform-split=false"}, destinations{Outputs: []plan.Output{{Type: plan.OutputTar, Dest: "/x/a.tar"}}}},
		{"an archive without a place", nil, []string{"type=oci"}, destinations{Outputs: []plan.Output{{Type: plan.OutputOCI, Dest: plan.Stdout}}}},
		{"a layout", nil, []string{"type=oci,tar=false,dest=out"}, destinations{Outputs: []plan.Output{{Type: plan.OutputOCI, Dest: "/src/out", Layout: true}}}},
		{"a quoted attribute", nil, []string{`type=oci,"dest=a,b.tar"`}, destinations{Outputs: []plan.Output{{Type: plan.OutputOCI, Dest: "/src/a,b.tar"}}}},
		{"docker without a place is the engine", nil, []string{"type=docker,name=app:dev"}, destinations{Load: true, Loaded: []string{"index.docker.io/library/app:dev"}}},
		{"what is pushed and what is loaded have names of their own", nil, []string{"type=image,name=a.example/x:1,push=true", "type=docker,name=app:dev"}, destinations{
			Push: true, Load: true, Tags: []string{"a.example/x:1"}, Loaded: []string{"index.docker.io/library/app:dev"},
		}},
		{"docker with a place", nil, []string{"type=docker,dest=a.tar"}, destinations{Outputs: []plan.Output{{Type: plan.OutputDocker, Dest: "/src/a.tar"}}}},
		{"registry", nil, []string{"type=registry,name=a.example/x:1"}, destinations{Push: true, Tags: []string{"a.example/x:1"}}},
		{"image with two names", nil, []string{`type=image,"name=a.example/x:1,b.example/x:1",push=true`}, destinations{Push: true, Tags: []string{"a.example/x:1", "b.example/x:1"}}},
		{"image that is not pushed", nil, []string{"type=image,push=false"}, destinations{}},
		{"nowhere", nil, []string{"type=cacheonly"}, destinations{}},
		{"by digest, as a matrix has it", nil, []string{"type=image,name=a.example/x,push-by-digest=true,name-canonical=true,push=true"}, destinations{Push: true, ByDigest: true, Tags: []string{"a.example/x:latest"}}},
		{"compression", nil, []string{"type=oci,dest=a.tar,compression=zstd,compression-level=19,force-compression=true"}, destinations{Outputs: []plan.Output{{
			Type: plan.OutputOCI, Dest: "/src/a.tar", Image: plan.ImageForm{Compression: "zstd", Level: "19", Force: true},
		}}}},
		{"BuildKit's own compression is none of its own", nil, []string{"type=registry,name=a.example/x:1,compression=gzip"}, destinations{Push: true, Tags: []string{"a.example/x:1"}}},
		{"a folder that is to hold nothing else", nil, []string{"type=local,dest=out,mode=delete,attestation-prefix=app-"}, destinations{Outputs: []plan.Output{{Type: plan.OutputLocal, Dest: "/src/out", Delete: true, Prefix: "app-"}}}},
		{"BuildKit's own mode", nil, []string{"type=local,dest=/x,mode=copy"}, destinations{Outputs: []plan.Output{{Type: plan.OutputLocal, Dest: "/x"}}}},
		{"attestations as of old", nil, []string{"type=oci,dest=a.tar,oci-artifact=false,prefer-nondist-layers=false"}, destinations{Outputs: []plan.Output{{Type: plan.OutputOCI, Dest: "/src/a.tar", Image: plan.ImageForm{NoArtifacts: true}}}}},
		{"several", nil, []string{"a", "type=tar,dest=b"}, destinations{Outputs: []plan.Output{{Type: plan.OutputLocal, Dest: "/src/a"}, {Type: plan.OutputTar, Dest: "/src/b"}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := plan.Inputs{Platforms: test.platforms, Outputs: test.outputs}
			if in.Platforms == nil {
				in.Platforms = []string{"linux/amd64"}
			}
			if diff := cmp.Diff(test.want, destinationsOf(newPlan(t, in, nil))); diff != "" {
				t.Errorf("the plan differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefusesOutputs(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, output, want string }{
		{"no type", "dest=a.tar,type=", `--output "dest=a.tar,type=": it has no known type; known are: type=image, registry, oci, docker, local, tar, cacheonly`},
		{"no value", "type=oci,dest", `--output "type=oci,dest": "dest" is not KEY=VALUE; for example type=oci,dest=app.tar`},
		{"quotes", `type=oci,"dest=a`, `--output "type=oci,\"dest=a": its quotes do not match; quote an attribute as a whole, for example 'type=oci,"dest=a,b.tar"'`},
		{"an attribute of another type", "type=local,dest=out,compression=zstd", `--output "type=local,dest=out,compression=zstd": type=local has no attribute "compression"; it has: dest, platform-split, attestation-prefix, mode`},
		{"a folder without a place", "type=local", `--output "type=local": it names no folder to write to; add dest=FOLDER`},
		{"a layout on standard output", "type=oci,tar=false,dest=-", `--output "type=oci,tar=false,dest=-": a folder cannot be written to standard output; add dest=FOLDER`},
		{"a file where a folder is", "type=oci,dest=app", `--output "type=oci,dest=app": its destination is a folder; name a file in it`},
		{"a folder where a file is", "Dockerfile", `--output "Dockerfile": its destination is a file; name a folder`},
		{"a compression that nobody knows", "type=oci,compression=xz", `--output "type=oci,compression=xz": "xz" is no compression; known are: gzip, zstd, estargz, uncompressed`},
		{"a level out of range", "type=oci,compression=gzip,compression-level=12", `--output "type=oci,compression=gzip,compression-level=12": compression-level=12 is out of range; write a number from 0 to 9 for gzip`},
		{"a level of nothing", "type=oci,compression=uncompressed,compression-level=1", `--output "type=oci,compression=uncompressed,compression-level=1": what is not compressed has no level; leave out compression-level`},
		{"zstd in Docker's types", "type=oci,compression=zstd,oci-mediatypes=false", `--output "type=oci,compression=zstd,oci-mediatypes=false": Docker's media types know no zstd; leave out oci-mediatypes=false, or write compression=gzip`},
		{"neither true nor false", "type=oci,force-compression=maybe", `--output "type=oci,force-compression=maybe": force-compression=maybe is neither true nor false; write force-compression=true or force-compression=false`},
		{"plain HTTP for the push alone", "type=image,registry.insecure=true", `--output "type=image,registry.insecure=true": registry.insecure concerns the push alone; write --insecure-registry HOST, which the whole build knows`},
		{"a mode that nobody knows", "type=local,dest=out,mode=backup", `--output "type=local,dest=out,mode=backup": there is no mode "backup"; write mode=copy or mode=delete`},
		{"the working directory", "type=local,dest=.,mode=delete", `--output "type=local,dest=.,mode=delete": mode=delete would delete what else is in a folder that is not below the working directory; add --allow buildx.local.delete if that is meant, or name another folder`},
		{"a link to elsewhere", "type=local,dest=link,mode=delete", `--output "type=local,dest=link,mode=delete": mode=delete would delete what else is in a folder that is not below the working directory; add --allow buildx.local.delete if that is meant, or name another folder`},
		{"another engine", "type=docker,name=a:1,context=far", `--output "type=docker,name=a:1,context=far": a run has one engine, which is that of the Docker context in use; set DOCKER_CONTEXT=far in the environment, or DOCKER_HOST`},
		{"layers elsewhere", "type=oci,prefer-nondist-layers=true", `--output "type=oci,prefer-nondist-layers=true": every layer goes with the image, because what is not there cannot be verified or copied; leave it out; layers of Windows may be pushed like others`},
		{"artifacts in Docker's types", "type=oci,oci-artifact=true,oci-mediatypes=false", `--output "type=oci,oci-artifact=true,oci-mediatypes=false": Docker's media types know no artifacts; leave out oci-artifact=true, or oci-mediatypes=false`},
		{"by digest and not pushed", "type=image,push-by-digest=true", `--output "type=image,push-by-digest=true": push-by-digest needs push=true; write type=image,push=true,push-by-digest=true`},
		{"a name that is none", "type=oci,name=App", `--output "App": a repository has no capital letters; write app`},
		{"a push without a name", "type=registry", `--push: there is no tag to push to; add --tag, for example --tag ghcr.io/owner/app:1.4`},
		{"a load in a form", "type=docker,name=a:1,compression=zstd", `--output "type=docker,name=a:1,compression=zstd": the engine unpacks what it loads, so how it is packed has no effect; write --load, or name a file by dest=`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(func(in *plan.Inputs) { in.Outputs = []string{test.output} }), world(nil))
			if err == nil || err.Error() != test.want {
				t.Errorf("New():\n got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestNewRefusesOutputsThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*plan.Inputs)
		want   string
	}{
		{"two archives in one place", func(in *plan.Inputs) { in.Outputs = []string{"-", "type=oci"} }, `--output "-": two outputs have this destination; name another for each`},
		{"two forms in one registry", func(in *plan.Inputs) {
			in.Outputs = []string{"type=registry,name=a.example/x:1", "type=registry,name=a.example/x:2,compression=zstd"}
		}, `--output "type=registry,name=a.example/x:2,compression=zstd": another output pushes the image in another form; push one form in a run, under as many tags as you like`},
		{"two platforms for docker load", func(in *plan.Inputs) {
			in.Platforms, in.Outputs = []string{"linux/amd64", "linux/arm64"}, []string{"type=docker,dest=a.tar"}
		}, `--output "type=docker,dest=a.tar": an archive for docker load holds one platform; write type=oci, or name one --platform`},
		{"a digest of nothing", func(in *plan.Inputs) { in.Outputs, in.IIDFile = []string{"out"}, "iid" }, `--iidfile "iid": no image is made that has a digest; add --push, --load or --output type=oci,dest=FILE`},
		{"attestations in Docker's types", func(in *plan.Inputs) {
			in.Outputs, in.Provenance = []string{"type=registry,name=a.example/x:1,oci-mediatypes=false"}, "min"
		}, `--output: oci-mediatypes=false leaves no place for attestations; leave it out, or write --provenance=false and no --sbom`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(test.change), world(nil))
			if err == nil || err.Error() != test.want {
				t.Errorf("New():\n got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestFilesKeepTheirTimesWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) { in.Outputs = []string{"type=oci,dest=a.tar,rewrite-timestamp=false"} })
	for epoch, want := range map[string]bool{"": false, "1700000000": true} {
		p := newPlan(t, in, map[string]string{"SOURCE_DATE_EPOCH": epoch})
		if got := p.Outputs[0].Image.KeepTimes; got != want {
			t.Errorf("with SOURCE_DATE_EPOCH=%s KeepTimes = %t, want %t", epoch, got, want)
		}
	}
}

func TestSourceDateEpochMayBeABuildArgument(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) { in.BuildArgs = []string{"SOURCE_DATE_EPOCH=7"} })
	p := newPlan(t, in, map[string]string{"SOURCE_DATE_EPOCH": "5"})
	if p.SourceDateEpoch == nil || *p.SourceDateEpoch != 7 {
		t.Errorf("SourceDateEpoch = %v, want 7", p.SourceDateEpoch)
	}
}

func TestDeletingMayBeAllowed(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.Outputs, in.Allow = []string{"type=local,dest=/x,mode=delete"}, []string{"buildx.local.delete", "network.host"}
	}), nil)
	if !p.Outputs[0].Delete || !slices.Equal(p.Steps.Entitlements, []string{"network.host"}) {
		t.Errorf("outputs %+v, and the builder is asked for %v", p.Outputs, p.Steps.Entitlements)
	}
}
