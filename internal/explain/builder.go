package explain

import "regexp"

// builderRows are what BuildKit, its frontend and the runtime of containers say.
var builderRows = []row{
	{
		id: "copy-source", where: inError, pattern: regexp.MustCompile(`failed to (?:compute cache key|calculate checksum of ref)[^"\n]*"(?P<path>[^"]+)": not found`),
		cause: []string{"COPY or ADD names ${path}, which is neither in the context nor in the stage that it is copied from"},
		next:  []string{"look for ${path} below the context, which is the folder at the end of the command line and not that of the Dockerfile; for a line of .dockerignore that leaves it out; and for the file in the stage that --from names"},
	},
	{
		id: "dockerfile-missing", where: inError, pattern: regexp.MustCompile(`failed to read dockerfile: open (?P<path>[^:\s]+): no such file`),
		cause: []string{"there is no Dockerfile ${path} in what was sent to the builder"},
		next:  []string{"name it with --file"},
	},
	{
		id: "dockerfile-syntax", where: inError, pattern: regexp.MustCompile(`dockerfile parse error(?: on line (?P<line>\d+))?|unknown instruction: (?P<word>\S+)`),
		cause: []string{"the Dockerfile cannot be read at line ${line}", "the Dockerfile has an instruction that does not exist: ${word}", "the Dockerfile cannot be read"},
		next:  []string{"correct the line; a line that goes on ends with \\, and nothing may follow it"},
	},
	{
		id: "target-missing", where: inError, pattern: regexp.MustCompile(`target stage "?(?P<stage>[^"\s]+)"? could not be found`),
		cause: []string{"the Dockerfile has no stage ${stage}"},
		next:  []string{"name one of its stages (FROM … AS NAME) with --target"},
	},
	{
		id: "secret-missing", where: inError, pattern: regexp.MustCompile(`secret (?P<secret>[^\s:]+): not found`),
		cause: []string{"the step asks for the secret ${secret}, which the build was not given"},
		next:  []string{"give it: --secret id=${secret},src=FILE or --secret id=${secret},env=NAME"},
	},
	{
		id: "ssh-missing", where: inError, pattern: regexp.MustCompile(`unset ssh forward key|no SSH key "[^"]*" forwarded|invalid empty ssh agent socket`),
		cause: []string{"the step asks for an SSH agent or key, which the build was not given"},
		next:  []string{"start an agent and add --ssh default, or name a key: --ssh default=FILE"},
	},
	{
		id: "entitlement", where: inError, pattern: regexp.MustCompile(`(?:granting entitlement )?(?P<right>security\.insecure|network\.host|device)[^\n]* not allowed`),
		cause: []string{"the step asks for the right ${right}, which the build or the builder does not give"},
		next:  []string{"add --allow ${right}, and start the builder with --buildkitd-flags '--allow-insecure-entitlement ${right}'; or do without"},
	},
	{
		id: "mount-refused", where: inError, pattern: regexp.MustCompile(`failed to mount [^\n]*(?:operation not permitted|permission denied|invalid argument)|overlay[^\n]*(?:operation not permitted|invalid argument)`),
		cause: []string{"the builder may not mount file systems: it runs without privileges, or its state is on a file system on which overlayfs does not work"},
		next:  []string{"give the builder a privileged container, as the default builder has; where that is not possible start buildkitd with --oci-worker-snapshotter=native, or with fuse-overlayfs; keep /var/lib/buildkit on a volume"},
	},
	{
		id: "runtime-privilege", where: inError, pattern: regexp.MustCompile(`(?:runc|crun)[^\n]*operation not permitted|unable to apply caps: operation not permitted`),
		cause: []string{"the container runtime lacks a privilege on the builder's machine"},
		next:  []string{"run the builder privileged and outside of another container, or where user namespaces are allowed"},
	},
	{
		id: "builder-stopped", pattern: regexp.MustCompile(`graceful_stop|received prior goaway`),
		cause: []string{"the builder was told to stop in the middle of the build"},
		next:  []string{"look for who stops or removes containers on that machine: a docker prune of another job, an update, a restart of the engine; then run it again"},
	},
	{
		id: "builder-lost", where: inError, pattern: regexp.MustCompile(`error reading from server: EOF|closing transport due to|transport is closing|failed to receive status: rpc error|frontend grpc server closed unexpectedly`),
		cause: []string{"the connection to the builder ended in the middle of the build: mostly buildkitd was killed for want of memory, or its disk was full"},
		next:  []string{"look into the log of buildkitd and into dmesg on its machine; ${memory}", "look into the log of buildkitd and into dmesg on its machine, and build fewer platforms at once (--parallel)"},
	},
	{
		id: "frontend-image", where: inError, pattern: regexp.MustCompile(`(?:failed to resolve source metadata for|failed to do request[^\n]*|pull[^\n]*) ?(?P<image>docker\.io/docker/dockerfile\S*?):? |failed to solve with frontend (?P<frontend>gateway\.v0)`),
		cause: []string{"the image ${image} that the # syntax line of the Dockerfile names could not be pulled", "the image that the # syntax line of the Dockerfile names could not be pulled or run"},
		next:  []string{"use the frontend inside BuildKit, --build-arg BUILDKIT_SYNTAX=dockerfile.v0, or a mirror: --registry-mirror docker.io=HOST"},
	},
	{
		id: "frontend", where: inError, pattern: regexp.MustCompile(`failed to solve with frontend (?P<frontend>\S+):`),
		cause: []string{"the frontend ${frontend} could not make a build of the Dockerfile"},
		next:  []string{"correct what it says behind its name"},
	},
	{
		id: "platform-missing", where: inError, pattern: regexp.MustCompile(`(?:failed to resolve source metadata for (?P<image>[^\s:]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?): )?no match for platform in manifest`),
		cause: []string{"the image ${image} is not published for ${platform}", "a base image of the Dockerfile is not published for ${platform}", "a base image of the Dockerfile is not published for one of the platforms"},
		next:  []string{"leave ${platform} out, build without it when it fails (--allow-failure ${platform}), or use another image or tag", "leave the platform out, or use another image or tag"},
	},
	{
		id: "snapshot-gone", where: inError, pattern: regexp.MustCompile(`failed to (?:get layer|prepare|stat)[^\n]*(?:snapshot|content)[^\n]*(?:does not exist|not found)|ref [^\n]* locked[^\n]*: unavailable|parent snapshot [^\n]* does not exist`),
		cause: []string{"the builder lost a layer that it believed to have: something removed it, or its state is damaged"},
		next:  []string{"run it again; if it stays, take a new builder, or prune this one (buildctl prune)"},
	},
}
