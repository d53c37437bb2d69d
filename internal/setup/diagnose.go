package setup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/moby/buildkit/client/connhelper"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/org/multiarch-action/internal/plan"
)

// diagnose finds out why a builder did not answer. gRPC's own error says so only in a text that is made for its developers, so the
// way to the builder is gone once more, step by step. Where that shows nothing, the first error remains.
func diagnose(ctx context.Context, e plan.Endpoint, first error) error {
	ctx, cancel := context.WithTimeout(ctx, diagnoseTimeout)
	defer cancel()
	var o *obstacle
	switch e.Scheme() {
	case "tcp":
		o = tcpObstacle(ctx, e)
	case "unix":
		o = unixObstacle(ctx, e)
	default:
		o = commandObstacle(ctx, e)
	}
	if o == nil {
		o = protocolObstacle(first)
	}
	return &RemoteError{Address: e.Address, Err: errors.New(o.problem), Cure: o.hint}
}

// message is the text of a gRPC error without the words that gRPC puts before it.
func message(err error) string {
	if s, ok := grpcerrors.AsGRPCStatus(err); ok {
		return s.Message()
	}
	return err.Error()
}

// protocolObstacle is for a connection that was made and over which nobody spoke as BuildKit does.
func protocolObstacle(err error) *obstacle {
	if code := grpcerrors.Code(err); code == codes.Unavailable || code == codes.Unimplemented || code == codes.DeadlineExceeded {
		return &obstacle{
			"something takes the connection, and it does not answer as BuildKit does: " + message(err),
			"check the address: it has to be what buildkitd was told by --addr, and buildkitd has to be ready",
		}
	}
	return &obstacle{message(err), "look into the log of its buildkitd"}
}

func tcpObstacle(ctx context.Context, e plan.Endpoint) *obstacle {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.Rest())
	if err != nil {
		return &obstacle{err.Error(), "check that buildkitd runs there and listens to other machines (--addr tcp://0.0.0.0:PORT), and that nothing between blocks the port"}
	}
	defer func() { _ = conn.Close() }() // nothing was said over it
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a TCP connection takes it
	}
	if e.TLS() {
		return tlsObstacle(ctx, e, conn)
	}
	if speaksTLS(ctx, conn) {
		return &obstacle{
			"it speaks TLS, and the connection was to be in plain text",
			"add the certificates: --node or --builder '" + e.Address + ",cacert=ca.pem,cert=cert.pem,key=key.pem'",
		}
	}
	return nil
}

// speaksTLS asks a server for a certificate of any kind. What is told to it is worth nothing.
func speaksTLS(ctx context.Context, conn net.Conn) bool {
	err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) //nolint:gosec // only asks whether there is TLS
	return err == nil || alert(err) != nil
}

// alert is what the other side says against a TLS connection (RFC 8446, section 6), or nil.
func alert(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err
	}
	return nil
}

// tlsObstacle goes through the handshake that BuildKit's client has failed at, or was refused after.
func tlsObstacle(ctx context.Context, e plan.Endpoint, conn net.Conn) *obstacle {
	config, o := tlsConfig(e)
	if o != nil {
		return o
	}
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return handshakeObstacle(e, err)
	}
	// A server that wants another certificate of ours says so after the handshake (RFC 8446, section 4.4.2.4), where BuildKit would
	// send its settings.
	_, err := client.Read(make([]byte, 1))
	if refused := alert(err); refused != nil {
		return &obstacle{
			"it does not accept our certificate: " + refused.Error(),
			"name one that the server's authority (buildkitd --tlscacert) has signed for clients, by cert= and key=",
		}
	}
	return nil
}

func tlsConfig(e plan.Endpoint) (*tls.Config, *obstacle) {
	config := &tls.Config{ServerName: e.ServerName, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(e.Rest())
	}
	if e.CACert != "" {
		authority, err := os.ReadFile(e.CACert)
		config.RootCAs = x509.NewCertPool()
		if err != nil || !config.RootCAs.AppendCertsFromPEM(authority) {
			return nil, &obstacle{fmt.Sprintf("cacert %s holds no certificate in PEM that can be read", e.CACert), "name the file with the certificate of the server's authority"}
		}
	}
	if e.Cert != "" {
		pair, err := tls.LoadX509KeyPair(e.Cert, e.Key)
		if err != nil {
			return nil, &obstacle{fmt.Sprintf("cert %s and key %s: %v", e.Cert, e.Key, err), "name a certificate and its key, both in PEM"}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// handshakeObstacle says why a handshake failed, in the terms of the address's options.
func handshakeObstacle(e plan.Endpoint, err error) *obstacle {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		by := "cacert " + e.CACert
		if e.CACert == "" {
			by = "this system"
		}
		return &obstacle{"its certificate is of an authority that " + by + " does not hold", "name the certificate of the authority that signed the server's, by cacert="}
	case errors.As(err, &host):
		return &obstacle{"its certificate is for another name: " + host.Error(), "write the name that the certificate is for, by servername="}
	case errors.As(err, &invalid):
		return &obstacle{"its certificate is not valid: " + invalid.Error(), "renew the server's certificate; also check this machine's clock"}
	case alert(err) != nil:
		return &obstacle{"it ended the TLS handshake: " + alert(err).Error(), "name a certificate that the server's authority (buildkitd --tlscacert) has signed for clients, by cert= and key="}
	case errors.As(err, &record), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return &obstacle{"it speaks no TLS", "start its buildkitd with --tlscert, --tlskey and --tlscacert; a BuildKit in plain text lets everybody who reaches it run programs as root"}
	}
	return &obstacle{"the TLS handshake failed: " + err.Error(), "look into the log of its buildkitd"}
}

func unixObstacle(ctx context.Context, e plan.Endpoint) *obstacle {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", e.Rest())
	switch {
	case err == nil:
		_ = conn.Close() // nothing was said over it
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return &obstacle{"there is no such socket", "start buildkitd with --addr " + e.Address + ", or name the socket of one that runs"}
	case errors.Is(err, fs.ErrPermission):
		return &obstacle{"this user may not use the socket", "start buildkitd with --group GROUP, a group that this user is in"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &obstacle{"nobody listens at the socket", "the buildkitd that made it has ended; start it again"}
	}
	return &obstacle{err.Error(), "name the socket of a buildkitd that runs"}
}

// commandObstacle starts once more the program that BuildKit's connection helper talks through, and listens to its complaints.
func commandObstacle(ctx context.Context, e plan.Endpoint) *obstacle {
	helper, err := connhelper.GetConnectionHelper(e.Address)
	if err != nil {
		return &obstacle{err.Error(), "see docs/nodes.md for the form of such addresses"}
	}
	conn, err := helper.ContextDialer(ctx, "")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return &obstacle{err.Error(), fmt.Sprintf("%s:// needs that program on this machine: install it, or use another kind of address", e.Scheme())}
	case err != nil:
		return &obstacle{err.Error(), "see docs/nodes.md for what such addresses need"}
	}
	complaint := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		complaint <- err
	}()
	select {
	case err = <-complaint:
	case <-ctx.Done():
		err = nil // the program runs and says nothing
	}
	_ = conn.Close() // ends the program
	if err == nil {
		return nil
	}
	return &obstacle{lastWords(err), commandCure(e)}
}

// lastWords is the last line that the program printed on its standard error, if the connection helper's error tells.
func lastWords(err error) string {
	_, words, found := strings.Cut(err.Error(), "stderr=")
	if words = strings.TrimSpace(words); !found || words == "" {
		return err.Error()
	}
	return strings.TrimSpace(words[strings.LastIndexByte(words, '\n')+1:])
}

// commandCure is what to try by hand.
func commandCure(e plan.Endpoint) string {
	switch e.Scheme() {
	case "ssh":
		return "try by hand: ssh " + strings.SplitN(e.Rest(), "/", 2)[0] + " buildctl debug workers; it must work without a question, and buildctl must be installed there"
	case "docker-container":
		return "try by hand: docker exec -i " + strings.SplitN(e.Rest(), "?", 2)[0] + " buildctl debug workers"
	}
	return "try by hand: kubectl exec " + strings.SplitN(e.Rest(), "?", 2)[0] + " -- buildctl debug workers, with the same context, namespace and container"
}
