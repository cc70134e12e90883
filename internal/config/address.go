package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// address checks host:port without resolving anything; a name is taken as it is.
func (k *checker) address(key, address string) bool {
	hint := `write host:port, such as "127.0.0.1:8080" or ":8080"`
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		k.add(key, hint, "%s is not an address", quote(address))
		return false
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 || port[0] == '+' || port[0] == '-' {
		k.add(key, hint, "%s is not a port", quote(port))
		return false
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !isHost(host) {
		k.add(key, hint, "%s is neither an IP address nor a host name", quote(host))
		return false
	}
	return true
}

func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// schemes are the ways to speak to an upstream over TCP.
var schemes = []string{"http", "https", "h2c", "h2"}

// badUpstream says why an upstream's URL cannot be used; empty when it can.
func badUpstream(raw string) string {
	if path, ok := strings.CutPrefix(raw, "unix:"); ok {
		return badSocket(path)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Opaque != "":
		return "is not a URL"
	case !slices.Contains(schemes, u.Scheme):
		return "is none of " + strings.Join(schemes, "://, ") + ":// and unix:"
	case u.Hostname() == "":
		return "names no host"
	case u.User != nil:
		return "carries credentials"
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has more than scheme, host and port; paths are passed on as they come"
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err != nil && !isHost(host) {
		return "has a host that is no host name"
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return "has a port that is not between 1 and 65535"
		}
	}
	return ""
}

// maxSocketPath is what fits into Linux's sockaddr_un with its ending zero (unix(7)).
const maxSocketPath = 107

// badSocket says why a unix socket's path cannot be used; empty when it can.
func badSocket(path string) string {
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return "has no path from the root, such as unix:/run/app.sock"
	case strings.ContainsRune(path, 0):
		return "has a path that is none"
	case len(path) > maxSocketPath:
		return "has a path longer than the " + strconv.Itoa(maxSocketPath) + " bytes a socket may have"
	case strings.HasSuffix(path, "/"):
		return "names a folder"
	}
	return ""
}

// host checks a site's host: a name, an IP address, or *. and a name.
func (k *checker) host(key, host string) {
	hint := `write api.example.com or "*.example.com", without scheme, port or path`
	if host == "*" {
		k.add(key, "remove it and set default: true", "%s is not a host", quote(host))
		return
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return
	}
	if !isHost(strings.TrimPrefix(host, "*.")) {
		k.add(key, hint, "%s is not a host", quote(host))
	}
}

// hostName is a DNS name by RFC 1123, with the underscore that container networks use.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

func isHost(s string) bool { return len(s) <= 253 && hostName.MatchString(s) }

// redact hides credentials, which do not belong into a message on a terminal or in a log.
func redact(raw string) string {
	at := strings.LastIndexByte(raw, '@')
	if at < 0 {
		return raw
	}
	scheme, _, found := strings.Cut(raw, "://")
	if !found {
		return "..." + raw[at:]
	}
	return scheme + "://..." + raw[at:]
}

// parsePrefix reads a network; the library's own reader takes the empty text for one.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, wrong("write 10.0.0.0/8, or 192.0.2.7/32 for one address", "%s is not a network", quote(s))
	}
	return p, nil
}
