// Package config is the boot configuration as plain data: what merlon.yaml and the command line say, checked, with every mistake listed.
//
// [Load] reads a file, [Default] is what holds without one, [Config.Apply] lays the command line over it.
// Nothing here opens a socket, resolves a name or reads the environment: whatever acts on the configuration is
// handed the values, and config imports none of it. Policy files are parsed by enforce/policy; here they are only names.
package config

import (
	"net/netip"
	"time"
)

// Config is one node's boot configuration: the whole of merlon.yaml after defaults and flags.
type Config struct {
	// Node is this process's name on every exchange, event and row; nodes that share a store need different ones.
	Node string `yaml:"node"`
	// Listen holds the addresses on which clients are served.
	Listen []Listener `yaml:"listen"`
	// Admin is the surface for the humans: dashboard, API, metrics, health.
	Admin Admin `yaml:"admin"`
	// Sites are the APIs behind this node; the host of a request chooses one.
	Sites []Site `yaml:"sites"`
	// Storage says where everything learned is kept: sqlite:DIRECTORY.
	Storage Storage `yaml:"storage"`
	// Archive says where events go for long keeping; the store's own engine is the only one so far.
	Archive Storage `yaml:"archive"`
	// Counters says where limits count; in this process ("memory:") is the only place so far.
	Counters Counters `yaml:"counters"`
	// NATS names the broker that joins nodes to a fleet; "none" is the only value so far.
	NATS NATS `yaml:"nats"`
	// Limits bound what one message, one connection and the queue may take.
	Limits Limits `yaml:"limits"`
	// Timeouts bound how long each step of an exchange may take.
	Timeouts Timeouts `yaml:"timeouts"`
	// Retention bounds what is kept, by bytes, age and rows.
	Retention Retention `yaml:"retention"`
}

// Listener is one address on which clients are served.
type Listener struct {
	// Address is host:port; an empty host means every interface.
	Address string `yaml:"address"`
	// TLS holds the listener's certificate; refused until TLS listeners are built.
	TLS *TLS `yaml:"tls"`
	// ProxyProtocol lists the networks whose PROXY protocol header (v1 or v2) is believed; empty means nobody's.
	ProxyProtocol []netip.Prefix `yaml:"proxy_protocol"`
}

// TLS names the files of a listener's certificate. A relative name is relative to the configuration file.
type TLS struct {
	// Certificate is a PEM file with the chain, leaf first.
	Certificate string `yaml:"certificate"`
	// Key is the PEM file of the leaf's private key.
	Key string `yaml:"key"`
	// ClientCA is a PEM file of authorities; clients must then show a certificate of theirs.
	ClientCA string `yaml:"client_ca"`
}

// Admin is the surface for the humans.
type Admin struct {
	// Address is host:port of the dashboard, the API, /metrics and the health checks.
	Address string `yaml:"address"`
	// Hosts are further Host names under which the surface answers, against DNS rebinding; loopback names and the address's own host always do.
	Hosts []string `yaml:"hosts"`
	// AllowInsecure permits an address other than loopback without TLS.
	AllowInsecure bool `yaml:"allow_insecure"`
	// OpenMetrics opens /metrics to callers without login or token.
	OpenMetrics bool `yaml:"open_metrics"`
}

// Site is one API: the hosts it answers to, what stands behind it and what is known about it.
type Site struct {
	// Name is the site's name on every exchange, event and row; changing it starts a new site.
	Name string `yaml:"name"`
	// Hosts are host names without port; "*.acme.example" stands for every name below acme.example.
	Hosts []string `yaml:"hosts"`
	// Default sends hosts that no site names here; unset means true for the first site and false for the others.
	Default *bool `yaml:"default"`
	// Upstreams are the servers behind the site; requests are spread over them.
	Upstreams []Upstream `yaml:"upstreams"`
	// Specs are API descriptions (OpenAPI 3.0 or 3.1). A relative name is relative to the configuration file.
	Specs []string `yaml:"specs"`
	// Policy is the site's policy file. A relative name is relative to the configuration file.
	Policy string `yaml:"policy"`
	// TrustedHops is how many proxies in front may be believed in X-Forwarded-For, counted from the right.
	TrustedHops int `yaml:"trusted_hops"`
}

// Upstream is one server behind a site.
type Upstream struct {
	// URL is http://host[:port] or https://host[:port], without path, query or credentials.
	URL string `yaml:"url"`
}

// Limits bound memory and work against what one client can send. Zero is never "unlimited" unless the comment says so.
type Limits struct {
	// Connections is how many client connections may be open at once on this node.
	Connections int `yaml:"connections"`
	// UpstreamConnections is how many idle connections are kept to each upstream.
	UpstreamConnections int `yaml:"upstream_connections"`
	// HeadBytes bounds request line (or status line) and header fields together.
	HeadBytes Bytes `yaml:"head_bytes"`
	// HeaderFields bounds the number of header fields of a message, 255 at most.
	HeaderFields int `yaml:"header_fields"`
	// TargetBytes bounds the request target; RFC 9112 section 3 asks for at least 8000.
	TargetBytes Bytes `yaml:"target_bytes"`
	// BodyBytes refuses larger request bodies; 0 lets any size stream through.
	BodyBytes Bytes `yaml:"body_bytes"`
	// InspectRequestBytes is how much of a request body is held and looked at before it goes on; of a larger one the beginning is looked at and the rest streams on, counted as unseen.
	InspectRequestBytes Bytes `yaml:"inspect_request_bytes"`
	// InspectResponseBytes is how much of a decoded response body is looked at.
	InspectResponseBytes Bytes `yaml:"inspect_response_bytes"`
	// QueueEvents is how many events may wait between the fast side and learning; live sources sample beyond it.
	QueueEvents int `yaml:"queue_events"`
}

// Timeouts bound the steps of an exchange in wall time.
type Timeouts struct {
	// Head is from the first byte of a request to the end of its header fields; the bound against slow heads.
	Head time.Duration `yaml:"head"`
	// Body is the longest pause between two reads of a body, in either direction.
	Body time.Duration `yaml:"body"`
	// Idle is how long a kept-alive client connection may wait for its next request.
	Idle time.Duration `yaml:"idle"`
	// Connect is how long connecting to an upstream may take.
	Connect time.Duration `yaml:"connect"`
	// Response is from the end of the request to the upstream's response head; beyond it the client gets 504.
	Response time.Duration `yaml:"response"`
	// Drain is how long exchanges under way may finish after the signal to stop.
	Drain time.Duration `yaml:"drain"`
}

// Retention bounds what is kept. Age is measured by arrival, so no line of a log can make anything expire.
type Retention struct {
	// JournalBytes bounds the journal on disk, recovery and sample together.
	JournalBytes Bytes `yaml:"journal_bytes"`
	// JournalAge is how long the journal's sample of whole actors is kept.
	JournalAge time.Duration `yaml:"journal_age"`
	// EventRows is how many events the store keeps for the event list and reports.
	EventRows int `yaml:"event_rows"`
}
