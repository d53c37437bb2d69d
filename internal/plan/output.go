package plan

import (
	"encoding/csv"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// OutputType is a form in which the result is written besides the registry and the engine.
type OutputType string

// The forms.
const (
	OutputOCI    OutputType = "oci"    // the image, as an OCI layout (image-spec image-layout.md)
	OutputDocker OutputType = "docker" // the image of one platform, as docker load takes it
	OutputLocal  OutputType = "local"  // the files of the image, in a folder
	OutputTar    OutputType = "tar"    // the files of the image, in an archive
)

// Stdout is the destination that means standard output.
const Stdout = "-"

// Output is one place that the result is written to when every platform has been verified.
type Output struct {
	Type OutputType `json:"type"`
	Dest string     `json:"dest"` // an absolute path, or Stdout
	// Layout asks for a folder instead of an archive: tar=false of type=oci and type=docker.
	Layout bool `json:"layout,omitempty"`
	// Split says whether the files of each platform are in a folder of their own; it concerns type=local and type=tar.
	Split bool `json:"split,omitempty"`
	// Delete says that a folder is to hold nothing else afterwards: mode=delete of type=local.
	Delete bool `json:"delete,omitempty"`
	// Prefix stands before the names of files with attestations; it concerns type=local and type=tar.
	Prefix string    `json:"attestationPrefix,omitempty"`
	Image  ImageForm `json:"image,omitzero"`
	// Names are what the image is called in this output; none: as the plan's tags say.
	Names []Tag `json:"names,omitempty"`
}

// HoldsImage reports whether the output is an image, and not its files.
func (o Output) HoldsImage() bool { return o.Type == OutputOCI || o.Type == OutputDocker }

// ImageForm is how an image is encoded. The zero value leaves everything to BuildKit; images of the same form have the same digests.
type ImageForm struct {
	Compression string `json:"compression,omitempty"`      // gzip, zstd, estargz or uncompressed
	Level       string `json:"compressionLevel,omitempty"` // a number
	Force       bool   `json:"forceCompression,omitempty"` // also of layers that base images bring along
	DockerTypes bool   `json:"dockerTypes,omitempty"`      // media types of Docker instead of those of the OCI
	KeepTimes   bool   `json:"keepTimes,omitempty"`        // files keep their times, although SOURCE_DATE_EPOCH is set
	NoArtifacts bool   `json:"noArtifacts,omitempty"`      // attestations are images as of old, not artifacts with a subject
}

const outputFlag = "--output"

// outputKeys are the attributes of each type, by the documentation of docker buildx build --output. Those that say how BuildKit is to
// keep the image are accepted and have no effect: it keeps none.
var outputKeys = map[string][]string{
	"image":     slices.Concat([]string{"name", "push", "push-by-digest", "name-canonical", "unpack", "store", "dangling-name-prefix"}, imageKeys),
	"registry":  slices.Concat([]string{"name", "push-by-digest", "name-canonical"}, imageKeys),
	"oci":       slices.Concat([]string{"dest", "name", "tar"}, imageKeys),
	"docker":    slices.Concat([]string{"dest", "name", "tar"}, imageKeys),
	"local":     {"dest", "platform-split", "attestation-prefix", "mode"},
	"tar":       {"dest", "platform-split", "attestation-prefix"},
	"cacheonly": {},
}

var imageKeys = []string{"compression", "compression-level", "force-compression", "oci-mediatypes", "rewrite-timestamp", "oci-artifact", "prefer-nondist-layers", "annotation.KEY"}

// outputReader reads one value of --output.
type outputReader struct {
	*reader
	plan  *Plan
	text  string
	attrs map[string]string
}

// outputs reads --output. Names of what is pushed are added to the tags, and annotations to the annotations, so it is called before those
// are read. Names of other outputs are their own: nobody wants app:local pushed because something else is.
func (r *reader) outputs(p *Plan) {
	for _, text := range r.in.Outputs {
		o := &outputReader{reader: r, plan: p, text: text}
		if o.read() {
			o.add()
		}
	}
	r.stdoutOnce(p.Outputs)
}

func (o *outputReader) wrong(rule, hint string) { o.problem(outputFlag, o.text, rule, hint) }

// read splits the text. A text that is no list of attributes is a folder to write to, or Stdout for an archive.
func (o *outputReader) read() bool {
	fields, err := csv.NewReader(strings.NewReader(o.text)).Read()
	if err != nil {
		o.wrong("its quotes do not match", `quote an attribute as a whole, for example 'type=oci,"dest=a,b.tar"'`)
		return false
	}
	if len(fields) == 1 && !strings.HasPrefix(fields[0], "type=") {
		fields = []string{"type=local", "dest=" + fields[0]}
		if o.text == Stdout {
			fields[0] = "type=tar"
		}
	}
	o.attrs = map[string]string{}
	for _, field := range fields {
		key, value, given := strings.Cut(strings.TrimSpace(field), "=")
		if !given {
			o.wrong(fmt.Sprintf("%q is not KEY=VALUE", field), "for example type=oci,dest=app.tar")
			return false
		}
		o.attrs[strings.ToLower(key)] = value
	}
	return o.known()
}

// known takes out the annotations and refuses attributes that the type does not have.
func (o *outputReader) known() bool {
	kind := o.attrs["type"]
	keys, ok := outputKeys[kind]
	if !ok {
		o.wrong("it has no known type", "known are: type=image, registry, oci, docker, local, tar, cacheonly")
		return false
	}
	for key, value := range o.attrs {
		switch {
		case o.refused(key, value):
			return false
		case key == "type" || slices.Contains(keys, key):
		case strings.HasPrefix(key, "annotation") && slices.Contains(keys, "annotation.KEY"):
			o.annotation(key, value)
		default:
			o.wrong(fmt.Sprintf("type=%s has no attribute %q", kind, key), "it has: "+strings.Join(keys, ", "))
			return false
		}
	}
	return true
}

// refused says of attributes that images have with docker buildx build why they cannot be had, and what there is instead.
func (o *outputReader) refused(key, value string) bool {
	switch {
	case key == "registry.insecure":
		o.wrong("registry.insecure concerns the push alone", "write --insecure-registry HOST, which the whole build knows")
	case key == "context" && o.attrs["type"] == "docker":
		o.wrong("a run has one engine, which is that of the Docker context in use", "set DOCKER_CONTEXT="+value+" in the environment, or DOCKER_HOST")
	case key == "prefer-nondist-layers" && slices.Contains(outputKeys[o.attrs["type"]], key) && o.flag(key, false):
		o.wrong("every layer goes with the image, because what is not there cannot be verified or copied", "leave it out; layers of Windows may be pushed like others")
	default:
		return false
	}
	return true
}

// annotation reads the form annotation[-TYPE][[PLATFORM]].KEY of BuildKit's exporters.
func (o *outputReader) annotation(key, value string) {
	where, name, _ := strings.Cut(key, ".")
	where = strings.TrimPrefix(strings.TrimPrefix(where, "annotation"), "-")
	if where != "" {
		if strings.HasPrefix(where, "[") {
			where = string(AnnotateManifest) + where
		}
		name = where + ":" + name
	}
	o.in.Annotations = append(slices.Clone(o.in.Annotations), name+"="+value)
}

// add puts what was read into the plan.
func (o *outputReader) add() {
	kind := o.attrs["type"]
	form := o.form()
	switch kind {
	case "image", "registry":
		if name := o.attrs["name"]; name != "" {
			o.in.Tags = append(slices.Clone(o.in.Tags), strings.Split(name, ",")...)
		}
		o.push(kind, form)
		return
	case "cacheonly":
		return
	case "docker":
		if o.attrs["dest"] == "" {
			o.plan.Load, o.plan.LoadNames = true, append(o.plan.LoadNames, o.names()...)
			if form != (ImageForm{}) {
				o.wrong("the engine unpacks what it loads, so how it is packed has no effect", "write --load, or name a file by dest=")
			}
			return
		}
	}
	out := Output{Type: OutputType(kind), Image: form, Names: o.names(), Split: len(o.in.Platforms) > 1 || o.plan.MultiPlatform()}
	if text, given := o.attrs["tar"]; given {
		out.Layout = !o.boolean(outputFlag, text)
	}
	if text, given := o.attrs["platform-split"]; given {
		out.Split = o.boolean(outputFlag, text)
	}
	out.Prefix, out.Delete = o.attrs["attestation-prefix"], o.deletes()
	if out.Type == OutputDocker && len(o.in.Platforms) > 1 {
		o.wrong("an archive for docker load holds one platform", "write type=oci, or name one --platform")
	}
	out.Dest = o.dest(out)
	o.plan.Outputs = append(o.plan.Outputs, out)
}

// names are the output's own.
func (o *outputReader) names() []Tag {
	if o.attrs["name"] == "" {
		return nil
	}
	var out []Tag
	for text := range strings.SplitSeq(o.attrs["name"], ",") {
		tag, problem := parseTag(text)
		if problem != nil {
			o.problem(outputFlag, text, problem.Rule, problem.Hint)
			continue
		}
		out = append(out, tag)
	}
	return out
}

// deletes reads the mode of a folder. As with docker buildx build a folder outside the working directory needs an entitlement.
func (o *outputReader) deletes() bool {
	switch mode := strings.ToLower(o.attrs["mode"]); mode {
	case "", "copy":
		return false
	case "delete":
	default:
		o.wrong(fmt.Sprintf("there is no mode %q", mode), "write mode=copy or mode=delete")
		return false
	}
	dest, dir := o.absolute(o.attrs["dest"]), o.world.Dir
	if real, e := o.world.EvalSymlinks(dest); e == nil { // it may lead elsewhere
		dest = real
		if real, e = o.world.EvalSymlinks(dir); e == nil {
			dir = real
		}
	}
	inside, err := filepath.Rel(dir, dest)
	if (err != nil || inside == "." || !filepath.IsLocal(inside)) && !slices.Contains(o.in.Allow, allowDelete) {
		o.wrong("mode=delete would delete what else is in a folder that is not below the working directory", "add --allow "+allowDelete+" if that is meant, or name another folder")
	}
	return true
}

// allowDelete is the entitlement that docker buildx build has for it. It does not concern the builder.
const allowDelete = "buildx.local.delete"

func (o *outputReader) push(kind string, form ImageForm) {
	byDigest := o.flag("push-by-digest", false)
	if !o.flag("push", kind == "registry") {
		if byDigest {
			o.wrong("push-by-digest needs push=true", "write type=image,push=true,push-by-digest=true")
		}
		return
	}
	if o.plan.Push && (o.plan.Form != form || o.plan.ByDigest != byDigest) {
		o.wrong("another output pushes the image in another form", "push one form in a run, under as many tags as you like")
	}
	o.plan.Push, o.plan.Form, o.plan.ByDigest = true, form, byDigest
}

// flag reads a boolean attribute.
func (o *outputReader) flag(key string, fallback bool) bool {
	text, given := o.attrs[key]
	if !given {
		return fallback
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		o.wrong(fmt.Sprintf("%s=%s is neither true nor false", key, text), fmt.Sprintf("write %s=true or %[1]s=false", key))
	}
	return value
}

// levels are the highest levels of compression (util/compression of BuildKit); the lowest is 0.
var levels = map[string]int{"gzip": 9, "estargz": 9, "zstd": 22}

func (o *outputReader) form() ImageForm {
	form := ImageForm{
		Compression: o.attrs["compression"], Level: o.attrs["compression-level"], Force: o.flag("force-compression", false),
		DockerTypes: !o.flag("oci-mediatypes", true), KeepTimes: !o.flag("rewrite-timestamp", true),
		NoArtifacts: !o.flag("oci-artifact", true),
	}
	if form.Compression == "gzip" && form.Level == "" && !form.Force {
		form.Compression = "" // that is what BuildKit does anyway
	}
	if form.KeepTimes && o.plan.SourceDateEpoch == nil {
		form.KeepTimes = false // as ever where no time is set
	}
	if _, given := o.attrs["oci-artifact"]; form.DockerTypes && given && !form.NoArtifacts {
		o.wrong("Docker's media types know no artifacts", "leave out oci-artifact=true, or oci-mediatypes=false")
	}
	highest, known := levels[defaultTo(form.Compression, "gzip")]
	if form.DockerTypes && (form.Compression == "zstd" || form.Compression == "estargz") {
		// BuildKit would push zstd, and nothing could pull it.
		o.wrong("Docker's media types know no "+form.Compression, "leave out oci-mediatypes=false, or write compression=gzip")
	}
	switch {
	case !known && form.Compression != "uncompressed":
		o.wrong(fmt.Sprintf("%q is no compression", form.Compression), "known are: gzip, zstd, estargz, uncompressed")
	case !known && form.Level != "":
		o.wrong("what is not compressed has no level", "leave out compression-level")
	case form.Level != "":
		if level, err := strconv.Atoi(form.Level); err != nil || level < 0 || level > highest {
			o.wrong(fmt.Sprintf("compression-level=%s is out of range", form.Level), fmt.Sprintf("write a number from 0 to %d for %s", highest, defaultTo(form.Compression, "gzip")))
		}
	}
	return form
}

// dest finds where an output is written, and whether that can work.
func (o *outputReader) dest(out Output) string {
	dest := o.attrs["dest"]
	folder := out.Layout || out.Type == OutputLocal
	switch {
	case dest == "" && folder:
		o.wrong("it names no folder to write to", "add dest=FOLDER")
		return ""
	case dest == "" || dest == Stdout: // as docker buildx build has it
		if folder {
			o.wrong("a folder cannot be written to standard output", "add dest=FOLDER")
		}
		return Stdout
	}
	path := o.absolute(dest)
	info, err := o.world.Stat(path)
	switch {
	case err == nil && info.IsDir() && !folder:
		o.wrong("its destination is a folder", "name a file in it")
	case err == nil && !info.IsDir() && folder:
		o.wrong("its destination is a file", "name a folder")
	}
	return filepath.Clean(path)
}

// stdoutOnce refuses two outputs in one stream, or in one file.
func (r *reader) stdoutOnce(outputs []Output) {
	seen := map[string]bool{}
	for _, o := range outputs {
		if o.Dest != "" && seen[o.Dest] {
			r.problem(outputFlag, o.Dest, "two outputs have this destination", "name another for each")
		}
		seen[o.Dest] = true
	}
}
