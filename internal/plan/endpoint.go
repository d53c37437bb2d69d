package plan

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Endpoint says how a BuildKit is reached that somebody else runs.
type Endpoint struct {
	// Address is a URL: tcp://host:port, unix:///path, docker-container://name, kube-pod://pod or ssh://user@host.
	Address string `json:"address"`
	// The files are absolute. Without any of the four there is no TLS.
	CACert     string `json:"cacert,omitempty"`     // the authority that signed the server's certificate; empty: the system's
	Cert       string `json:"cert,omitempty"`       // our own certificate
	Key        string `json:"key,omitempty"`        // and its key
	ServerName string `json:"servername,omitempty"` // that the server's certificate is for; empty: the address's host
}

// TLS reports whether the connection is to be encrypted.
func (e Endpoint) TLS() bool { return e.CACert+e.Cert+e.Key+e.ServerName != "" }

// Scheme is the word before :// of the address.
func (e Endpoint) Scheme() string {
	scheme, _, _ := strings.Cut(e.Address, "://")
	return scheme
}

// Rest is what stands behind :// of the address.
func (e Endpoint) Rest() string {
	_, rest, _ := strings.Cut(e.Address, "://")
	return rest
}

// addressForms are the known schemes, in the order in which they are suggested.
var addressForms = []string{"tcp://host:port", "unix:///path", "docker-container://NAME", "kube-pod://POD", "ssh://user@host"}

// looksLikeEndpoint tells an address from the name of a container.
func looksLikeEndpoint(text string) bool { return strings.Contains(text, "://") }

// endpoint reads ADDRESS[,OPTION=VALUE…]. What is wrong with it becomes a problem of the input.
func (r *reader) endpoint(input, text string) *Endpoint {
	address, options, _ := strings.Cut(text, ",")
	e := &Endpoint{Address: strings.TrimSpace(address)}
	if rule, hint := e.wrongAddress(); rule != "" {
		r.problem(input, withoutPassword(e.Address), rule, hint)
		return nil
	}
	before := len(r.problems)
	for option := range strings.SplitSeq(options, ",") {
		if option = strings.TrimSpace(option); option != "" {
			r.endpointOption(input, e, option)
		}
	}
	switch {
	case e.TLS() && e.Scheme() != "tcp":
		r.problem(input, e.Address, "only tcp:// addresses have TLS", "leave out cacert, cert, key and servername")
	case (e.Cert == "") != (e.Key == ""):
		r.problem(input, e.Address, "a client certificate is two files, and one of cert and key is given", "add the other, as in cert=cert.pem,key=key.pem")
	}
	if len(r.problems) > before {
		return nil
	}
	return e
}

func (r *reader) endpointOption(input string, e *Endpoint, option string) {
	name, value, _ := strings.Cut(option, "=")
	fields := map[string]*string{"cacert": &e.CACert, "cert": &e.Cert, "key": &e.Key, "servername": &e.ServerName}
	field, known := fields[name]
	switch {
	case !known || value == "":
		r.problem(input, option, "it is no option of an address", "the options are cacert=FILE, cert=FILE, key=FILE and servername=NAME")
	case *field != "":
		r.problem(input, option, name+" is given twice for "+e.Address, "leave out one of the two")
	case name == "servername":
		*field = value
	default:
		*field = r.absolute(value)
		if info, err := r.world.Stat(*field); err != nil || info.IsDir() {
			r.problem(input, option, "there is no such file", "name a file in PEM, relative to the working directory")
		}
	}
}

// wrongAddress says what is wrong with an address, and what to write instead.
func (e *Endpoint) wrongAddress() (rule, hint string) {
	forms := "write one of " + strings.Join(addressForms, ", ")
	known := slices.ContainsFunc(addressForms, func(form string) bool { return strings.HasPrefix(form, e.Scheme()+"://") })
	u, err := url.Parse(e.Address)
	switch {
	case !looksLikeEndpoint(e.Address) || err != nil:
		return "it is not the address of a builder", forms
	case !known:
		return fmt.Sprintf("%s:// leads to no builder", e.Scheme()), forms
	case u.User.String() != u.User.Username():
		return "it holds a password", "use a key: ssh://user@host for SSH, cert= and key= for TLS"
	case e.Scheme() == "unix" && (u.Host != "" || len(u.Path) < 2):
		return "the path of a socket is absolute", "write three slashes, as in unix:///run/buildkit/buildkitd.sock"
	case e.Scheme() == "tcp":
		if _, port, err := net.SplitHostPort(e.Rest()); err != nil || port == "" || u.Hostname() == "" || u.Host != e.Rest() {
			return "it is not tcp://host:port", "for example tcp://arm.example.org:1234"
		}
	case e.Scheme() != "unix" && u.Hostname() == "":
		return "it names nothing behind " + e.Scheme() + "://", forms
	}
	return "", ""
}

// withoutPassword is an address as it may be printed.
func withoutPassword(address string) string {
	if u, err := url.Parse(address); err == nil {
		if _, has := u.User.Password(); has {
			return u.Redacted()
		}
		return address
	}
	// An address that cannot be parsed may hold anything before its @.
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}
