package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Target is one entry of a site's upstreams, as ParseTarget reads it. A target whose host is a name may stand for several
// servers: one an address.
type Target struct {
	// Network and Address are what net.Dial takes: "tcp" with host:port, or "unix" with a path.
	Network, Address string
	// HTTP2 tells that the server is spoken to in HTTP/2: over TLS (h2) or by prior knowledge (h2c).
	HTTP2 bool
	// TLS is how the server is trusted and who it is told we are; nil for plain text. Secure changes it.
	TLS *tls.Config
	// Weight is the target's share of requests against the others'; below 1 counts as 1.
	Weight int
	// MaxConnections bounds the connections to each of its servers; 0 for no bound but the group's MaxInUse.
	MaxConnections int
}

// ErrTarget is wrapped by the errors of ParseTarget and Secure.
var ErrTarget = errors.New("upstream")

const targetHint = "write http://host:port, https://…, h2://…, h2c://… or unix:/path, and nothing more"

// maxUnixPath is the longest path of a Unix socket (sockaddr_un), less the final NUL.
const maxUnixPath = 107

// ParseTarget reads an upstream's URL: http and https (HTTP/1.1), h2 and h2c (HTTP/2 with and without TLS), or unix:/path
// (HTTP/1.1).
func ParseTarget(text string) (Target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Target{}, fmt.Errorf("%w %q: %w", ErrTarget, text, err)
	}
	if u.Scheme == "unix" {
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.RawQuery != "" || len(u.Path) > maxUnixPath {
			return Target{}, fmt.Errorf("%w %q: write unix:/path, of at most %d bytes", ErrTarget, text, maxUnixPath)
		}
		return Target{Network: "unix", Address: u.Path}, nil
	}
	t := Target{Network: "tcp"}
	port := "80"
	switch u.Scheme {
	case "http":
	case "h2c":
		t.HTTP2 = true
	case "https", "h2":
		port, t.HTTP2 = "443", u.Scheme == "h2"
	default:
		return Target{}, fmt.Errorf("%w %q: %s", ErrTarget, text, targetHint)
	}
	if u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return Target{}, fmt.Errorf("%w %q: %s", ErrTarget, text, targetHint)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	t.Address = net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" || u.Scheme == "h2" {
		t.TLS = &tls.Config{
			MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		}
		if t.HTTP2 {
			t.TLS.NextProtos = []string{"h2"}
		}
	}
	return t, nil
}

// Credentials are what a TLS target may be given beside its URL, as PEM text; empty parts keep their defaults.
type Credentials struct {
	// CA are the roots that the server's certificate must lead to, in place of the system's.
	CA []byte
	// Certificate and Key are what the server is shown when it asks who we are.
	Certificate, Key []byte
	// ServerName is the name the server's certificate must hold, in place of the URL's host.
	ServerName string
}

// Secure sets how the target's servers are trusted and who they are told we are.
func (t *Target) Secure(c Credentials) error {
	if t.TLS == nil {
		return fmt.Errorf("%w: certificates and server names are for https:// and h2:// only", ErrTarget)
	}
	if len(c.CA) > 0 {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(c.CA) {
			return fmt.Errorf("%w: the ca file holds no certificate in PEM form", ErrTarget)
		}
		t.TLS.RootCAs = roots
	}
	if len(c.Certificate) > 0 || len(c.Key) > 0 {
		own, err := tls.X509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return fmt.Errorf("%w: certificate and key: %w", ErrTarget, err)
		}
		t.TLS.Certificates = []tls.Certificate{own}
	}
	if c.ServerName != "" {
		t.TLS.ServerName = c.ServerName
	}
	return nil
}
