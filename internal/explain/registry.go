package explain

import "regexp"

// registryRows are what registries say, and the network on the way to them.
var registryRows = []row{
	{
		id: "rate-limit", pattern: regexp.MustCompile(`(?i)toomanyrequests|429 Too Many Requests|secondary rate limit|pull rate limit`),
		cause: []string{"the registry answers no more for a while: too much was asked of it from this address or account"},
		next:  []string{"log in, which raises the limit (docker login, also for pulls); name a mirror: --registry-mirror docker.io=HOST; or wait"},
	},
	{
		id: "package-rights", pattern: regexp.MustCompile(`denied: installation not allowed to (?P<right>\w+) organization package|permission_denied: (?P<scope>write_package|read_package|create_package)`),
		cause: []string{"the workflow's token may not write this package on ghcr.io"},
		next:  []string{"give the job permissions: packages: write; if the package exists already, add the repository to it with the role Write (package settings, Manage Actions access); in an organization package creation may be forbidden (organization settings, Packages)"},
	},
	{
		id: "scope", pattern: regexp.MustCompile(`insufficient_scope`),
		cause: []string{"the registry's token does not allow what was asked: no login, a login without the right to push, or a repository that does not exist"},
		next:  []string{"log in with an account that may push to exactly this repository; on Docker Hub create it first; with a builder that was kept, start a new one, because it may hold an old token"},
	},
	{
		id: "token", pattern: regexp.MustCompile(`failed to fetch (?:oauth|anonymous) token(?:: unexpected status[^\n]*?: (?P<status>\d{3}[^\n]*))?`),
		cause: []string{"the registry's token service refused: ${status}", "the registry's token service refused, or was not reached"},
		next:  []string{"log in again (docker login): the password or token may have expired, which also happens in the middle of a long build; a repository or organization that does not exist is refused in the same words"},
	},
	{
		id: "pull-denied", pattern: regexp.MustCompile(`(?:(?:for|failed to pull) (?P<image>\S+): )?pull access denied`),
		cause: []string{"the image ${image} does not exist, or pulling it needs a login", "an image does not exist, or pulling it needs a login"},
		next:  []string{"check the name; a name without a host is looked for on Docker Hub; log in to its registry (docker login)"},
	},
	{
		id: "unknown-blob", pattern: regexp.MustCompile(`(?i)unknown blob|blob[ _]unknown|MANIFEST_BLOB_UNKNOWN`),
		cause: []string{"the registry does not have a layer that was pushed a moment ago, or that it was to take over from another repository: jobs that push the same layers at the same time lead to it, above all on ghcr.io"},
		next:  []string{"run it again: what has arrived is not sent again"},
	},
	{
		id: "too-large", pattern: regexp.MustCompile(`(?i)413 (?:Request Entity Too Large|Payload Too Large|Content Too Large)|unexpected status[^\n]*\b413\b`),
		cause: []string{"something in front of the registry does not take a request as large as this layer"},
		next:  []string{"raise its limit (nginx: client_max_body_size 0; Cloudflare has a fixed one: go past it), or make the layer smaller"},
	},
	{
		id: "immutable-tag", pattern: regexp.MustCompile(`(?i)tag[^\n]*(?:is immutable|already exists[^\n]*(?:immutable|overwrit)|cannot be overwritten)|TagImmutable|ImageTagAlreadyExists`),
		cause: []string{"the registry does not let the tag be moved"},
		next:  []string{"choose a new tag, or take immutability off this one in the repository's settings"},
	},
	{
		id: "repository-missing", pattern: regexp.MustCompile(`(?i)NAME_UNKNOWN|name unknown|repository with name '(?P<repository>[^']+)' does not exist`),
		cause: []string{"the registry has no such repository"},
		next:  []string{"create it first: Amazon ECR and others do not do it when something is pushed"},
	},
	{
		id: "manifest-refused", pattern: regexp.MustCompile(`(?i)MANIFEST_INVALID|manifest invalid|unsupported media ?type|415 Unsupported`),
		cause: []string{"the registry does not take a manifest of this kind"},
		next:  []string{"push without attestations (--provenance=false --sbom=false), or with Docker's media types (oci-mediatypes=false); an old registry may need an update"},
	},
	{
		id: "unauthorized", pattern: regexp.MustCompile(`(?i)401 Unauthorized|unauthorized: |no basic auth credentials|authentication required`),
		cause: []string{"the registry wants a login, and there is none or it is wrong"},
		next:  []string{"log in to exactly that host (docker login HOST), as the user who runs this"},
	},
	{
		id: "forbidden", pattern: regexp.MustCompile(`403 Forbidden|\bdenied: `),
		cause: []string{"the registry knows who asks and refuses"},
		next:  []string{"use an account that may do it; behind a proxy or firewall look whether it was they who refused"},
	},
	{
		id: "plain-http", pattern: regexp.MustCompile(`server gave HTTP response to HTTPS client`),
		cause: []string{"the registry speaks plain HTTP, and HTTPS was expected"},
		next:  []string{"if that is meant, add --insecure-registry HOST"},
	},
	{
		id: "certificate-unknown", pattern: regexp.MustCompile(`x509: certificate signed by unknown authority|self[- ]signed certificate|certificate is not trusted|unable to get local issuer certificate`),
		cause: []string{"the certificate was issued by an authority that the builder, or the step's image, does not know: a private registry, or a proxy that opens TLS"},
		next:  []string{"for a registry add --registry-ca HOST=FILE; where a step says it, put the authority's certificate into its image"},
	},
	{
		id: "certificate-time", pattern: regexp.MustCompile(`x509: certificate has expired or is not yet valid|certificate (?:is|has) (?:expired|not yet valid)`),
		cause: []string{"the certificate is not valid at this time, or the machine's clock is wrong"},
		next:  []string{"compare the clock (date -u) with the certificate's dates; renew it"},
	},
	{
		id: "certificate-name", pattern: regexp.MustCompile(`x509: (?:certificate is (?:valid for|not valid for)|cannot validate certificate for|certificate relies on legacy Common Name)[^\n]*`),
		cause: []string{"the certificate is for another name than the one that was asked for"},
		next:  []string{"use the name that is in the certificate, or have one issued with this name (subjectAltName)"},
	},
	{
		id: "proxy", pattern: regexp.MustCompile(`proxyconnect tcp|407 Proxy Authentication Required|Proxy CONNECT aborted`),
		cause: []string{"the proxy on the way does not let the request through"},
		next:  []string{"check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, which the builder needs as well: --driver-opt env.HTTPS_PROXY=http://HOST:PORT; put registries that need no proxy into NO_PROXY"},
	},
	{
		id: "name-resolution", pattern: regexp.MustCompile(`(?i)lookup (?P<host>[^\s:]+)[^\n]*(?:no such host|server misbehaving|i/o timeout)|Temporary failure in name resolution|Could not resolve host:? ?(?P<host2>\S+)|wget: bad address '(?P<host3>[^']+)'|Temporary failure resolving|EAI_AGAIN`),
		cause: []string{"the name ${host} could not be resolved", "the name ${host2} could not be resolved", "the name ${host3} could not be resolved", "a name could not be resolved"},
		next:  []string{"check the name and the builder's DNS: a container of its own network does not see names of the machine's /etc/hosts; --driver-opt network=host uses the machine's network, [dns] nameservers in --buildkitd-config names other servers"},
	},
	{
		id: "refused-connection", pattern: regexp.MustCompile(`dial tcp (?P<address>\S+): (?:connect: )?(?:connection refused|no route to host|network is unreachable)`),
		cause: []string{"nothing answers at ${address}"},
		next:  []string{"check that it runs there; inside of the builder's container localhost is the container: --driver-opt network=host shares the machine's network"},
	},
	{
		id: "timeout", pattern: regexp.MustCompile(`TLS handshake timeout|net/http: request canceled while waiting|dial tcp [^\n]*: i/o timeout|Client\.Timeout exceeded`),
		cause: []string{"the other side did not answer in time"},
		next:  []string{"run it again; if it stays, look for a firewall or proxy in between, and for a wrong MTU in nested container networks (--buildkitd-config, CNI)"},
	},
	{
		id: "image-missing", where: inError, pattern: regexp.MustCompile(`(?:failed to resolve source metadata for (?P<image>\S+): )[^\n]*not found|(?i:manifest[ _]unknown)`),
		cause: []string{"the image ${image} does not exist", "there is no such image in the registry"},
		next:  []string{"check name, tag and digest; a name without a host is looked for on Docker Hub"},
	},
	{
		id: "registry-fault", pattern: regexp.MustCompile(`(?:unexpected status[^\n]*|received unexpected HTTP status: )\b5\d\d\b|\b50[0234] (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)`),
		cause: []string{"the registry, or what is in front of it, failed"},
		next:  []string{"run it again later, and look at the registry's status page"},
	},
	{
		id: "broken-connection", pattern: regexp.MustCompile(`connection reset by peer|broken pipe|unexpected EOF|http2: server sent GOAWAY|stream error: stream ID`),
		cause: []string{"a connection broke in the middle"},
		next:  []string{"run it again; if it stays, look for a proxy or firewall that limits size or time"},
	},
}
