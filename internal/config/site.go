package config

import (
	"strconv"
	"strings"
	"time"
)

// Site is one API: the hosts it answers to, what stands behind it and what is known about it.
type Site struct {
	// Name is the site's name on every exchange, event and row; changing it starts a new site.
	Name string `yaml:"name"`
	// Hosts are host names without port; "*.acme.example" stands for every name below acme.example.
	Hosts []string `yaml:"hosts"`
	// Default sends hosts that no site names here; unset means true for the first site and false for the others.
	Default *bool `yaml:"default"`
	// Upstreams are the servers behind the site; requests are spread over them. A site that only decide or mirror is for needs none; what its clients send to a listener is answered 503.
	Upstreams []Upstream `yaml:"upstreams"`
	// Balance spreads requests: least-requests (of two picked at random the one with fewer under way) or hash (a client stays with its server).
	Balance string `yaml:"balance"`
	// Retries bound how often a request that may safely be repeated is sent again.
	Retries Retries `yaml:"retries"`
	// Health asks the servers how they are; without a path only the answers to ordinary requests tell.
	Health Health `yaml:"health"`
	// Specs are API descriptions (OpenAPI 3.0 or 3.1). A relative name is relative to the configuration file.
	Specs []string `yaml:"specs"`
	// Policy is the site's policy file. A relative name is relative to the configuration file.
	Policy string `yaml:"policy"`
	// TrustedHops is how many proxies in front may be believed in X-Forwarded-For, counted from the right. With 0, what proxies tell of clients (X-Forwarded-Proto, X-SSL-Client-Cert and their like) is not passed on.
	TrustedHops int `yaml:"trusted_hops"`
}

// preset fills what holds for a site that does not say otherwise.
func (s *Site) preset() {
	s.Balance = "least-requests"
	s.Retries = Retries{Budget: 0.2, Attempts: 2} // 20 % is what Finagle and Envoy take
	s.Health = Health{
		Interval: 5 * time.Second, Timeout: 2 * time.Second, Healthy: 2, Unhealthy: 3, Status: StatusRange{200, 399},
	}
}

// fill gives a site that a program made, rather than a file, what a file's would have.
func (s *Site) fill() {
	if s.Balance == "" {
		s.preset()
	}
	s.Upstreams = append([]Upstream(nil), s.Upstreams...)
	for i := range s.Upstreams {
		if s.Upstreams[i].Weight == 0 {
			s.Upstreams[i].preset()
		}
	}
}

// Upstream is one server behind a site.
type Upstream struct {
	// URL is scheme://host[:port] with http or https (HTTP/1.1), h2c or h2 (HTTP/2, plain or by TLS), or unix:/path (HTTP/1.1); without path, query or credentials.
	URL string `yaml:"url"`
	// Weight is this server's share against the others'.
	Weight int `yaml:"weight"`
	// CA is a PEM file of authorities for the server's certificate, in place of the system's.
	CA string `yaml:"ca"`
	// Certificate is a PEM file with the certificate that is shown to the server.
	Certificate string `yaml:"certificate"`
	// Key is the PEM file of that certificate's private key.
	Key string `yaml:"key"`
	// ServerName is the name that the server's certificate must carry and that is sent as SNI; empty means the URL's host.
	ServerName string `yaml:"server_name"`
	// MaxConnections bounds connections in use at once (requests under way with HTTP/2); 0 means limits.upstream_in_use.
	MaxConnections int `yaml:"max_connections"`
}

func (u *Upstream) preset() { u.Weight = 1 }

// TLS reports whether the server is spoken to by TLS.
func (u *Upstream) TLS() bool {
	return strings.HasPrefix(u.URL, "https://") || strings.HasPrefix(u.URL, "h2://")
}

// Retries bound how often requests are sent again.
type Retries struct {
	// Budget is the share of requests that may be sent again, over all of the site: 0.2 is one in five; 0 is none.
	Budget float64 `yaml:"budget"`
	// Attempts is how often one request may be sent in all, the first time included.
	Attempts int `yaml:"attempts"`
}

// Health is the active check of servers.
type Health struct {
	// Path is what is asked for with GET; empty switches the check off.
	Path string `yaml:"path"`
	// Interval is the pause between two checks of one server.
	Interval time.Duration `yaml:"interval"`
	// Timeout is how long an answer may take.
	Timeout time.Duration `yaml:"timeout"`
	// Healthy is how many good answers in a row bring a server back.
	Healthy int `yaml:"healthy"`
	// Unhealthy is how many bad answers in a row take a server out.
	Unhealthy int `yaml:"unhealthy"`
	// Status is the range of good answers.
	Status StatusRange `yaml:"status"`
}

// StatusRange is a range of HTTP status codes, both ends included. In a file it is 200-399, or one code.
type StatusRange struct{ From, To int }

// UnmarshalText reads a range.
func (r *StatusRange) UnmarshalText(text []byte) error {
	from, to, found := strings.Cut(string(text), "-")
	if !found {
		to = from
	}
	a, errA := strconv.Atoi(from)
	b, errB := strconv.Atoi(to)
	if errA != nil || errB != nil || a < 100 || b > 599 || a > b {
		return wrong("write 200-399, or one code between 100 and 599", "%s is not a range of status codes", quote(string(text)))
	}
	*r = StatusRange{a, b}
	return nil
}

// String renders the range as it is written in a file.
func (r StatusRange) String() string { return strconv.Itoa(r.From) + "-" + strconv.Itoa(r.To) }

// Contains reports whether code is in the range.
func (r StatusRange) Contains(code int) bool { return code >= r.From && code <= r.To }
