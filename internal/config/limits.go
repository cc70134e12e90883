package config

import "time"

// Limits bound memory and work against what one client can send. Zero is never "unlimited" unless the comment says so.
type Limits struct {
	// Connections is how many client connections may be open at once on this node.
	Connections int `yaml:"connections"`
	// ConnectionsPerNetwork is how many connections one client network (IPv4 /24, IPv6 /48) may hold once more than half of limits.connections are open; with room for all, nobody is counted out.
	ConnectionsPerNetwork int `yaml:"connections_per_network"`
	// Handshakes is how many TLS handshakes may wait to be computed; further ones are closed at once. Those that wait for their client do not count.
	Handshakes int `yaml:"handshakes"`
	// StreamsPerConnection is how many requests one HTTP/2 or HTTP/3 connection may have under way (SETTINGS_MAX_CONCURRENT_STREAMS; RFC 9113 asks for at least 100).
	StreamsPerConnection int `yaml:"streams_per_connection"`
	// UpstreamConnections is how many idle connections are kept to each upstream.
	UpstreamConnections int `yaml:"upstream_connections"`
	// UpstreamInUse is how many connections (requests under way with HTTP/2) one server behind a site may have in use; beyond it at most 1,024 requests of the site wait, a second at most, and the others are answered 503.
	UpstreamInUse int `yaml:"upstream_in_use"`
	// HeadBytes bounds request line (or status line) and header fields together.
	HeadBytes Bytes `yaml:"head_bytes"`
	// HeaderFields bounds the number of header fields of a message, 255 at most.
	HeaderFields int `yaml:"header_fields"`
	// TargetBytes bounds the request target; RFC 9112 section 3 asks for at least 8000.
	TargetBytes Bytes `yaml:"target_bytes"`
	// BodyBytes refuses larger request bodies; 0 lets any size stream through.
	BodyBytes Bytes `yaml:"body_bytes"`
	// BodyBytesPerSecond is the least average rate at which a request body must arrive once it has taken longer than 5 seconds; 0 asks for none.
	BodyBytesPerSecond Bytes `yaml:"body_bytes_per_second"`
	// InspectRequestBytes is how much of a request body is held and looked at before it goes on; of a larger one the beginning is looked at and the rest streams on, counted as unseen.
	InspectRequestBytes Bytes `yaml:"inspect_request_bytes"`
	// InspectResponseBytes is how much of a decoded response body is looked at.
	InspectResponseBytes Bytes `yaml:"inspect_response_bytes"`
	// QueueEvents is how many events may wait between the fast side and learning; live sources sample beyond it.
	QueueEvents int `yaml:"queue_events"`
	// MemoryBytes is the memory the process aims to stay below (GOMEMLIMIT); near it, work is shed. 0 takes 70 % of the cgroup's or the machine's memory, 2GiB at most.
	MemoryBytes Bytes `yaml:"memory_bytes"`
}

// Timeouts bound the steps of an exchange in wall time.
type Timeouts struct {
	// Handshake is from accepting a connection to the end of its PROXY header and TLS handshake.
	Handshake time.Duration `yaml:"handshake"`
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
