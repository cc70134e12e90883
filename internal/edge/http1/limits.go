package http1

// Limits bounds every dimension of a message. A zero field means its default, so that a forgotten limit is never "none";
// only BodyBytes may be zero for "no limit", because bodies are streamed and cost no memory here.
type Limits struct {
	// StartLineBytes bounds request line and status line without their line end. RFC 9112 section 3 asks for at least
	// 8000; signed URLs of object stores reach 6 kB.
	StartLineBytes int
	// HeadBytes bounds the whole head, start line and final empty line included. Large cookie jars and Kerberos tickets
	// stay below 32 kB; Node.js stops at 16 kB, nginx at 32 kB.
	HeadBytes int
	// Fields bounds the number of field lines; Apache and Tomcat allow 100. Never more than 255.
	Fields int
	// ConnectionOptions bounds the options of Connection, as each is compared with every field; honest ones are one or two.
	ConnectionOptions int
	// HostBytes bounds host and port; a DNS name has 253 characters, a port 5 and a colon.
	HostBytes int
	// ChunkSizeDigits bounds the hexadecimal digits of one chunk size, leading zeros included: 16 hold 64 bits.
	ChunkSizeDigits int
	// ChunkExtensionBytes bounds the extension bytes of one whole body, so that one-byte chunks with long extensions
	// cannot make a small body cost much (CVE-2023-39326). Nobody uses extensions.
	ChunkExtensionBytes int
	// TrailerBytes bounds the trailer section with its final empty line; gRPC-like trailers take a few hundred bytes.
	TrailerBytes int
	// TrailerFields bounds the number of trailer field lines.
	TrailerFields int
	// BodyBytes bounds the decoded body; 0 is no limit.
	BodyBytes int64
}

// maxFields is what the one-byte field index of Head can address.
const maxFields = 255

// maxMethodBytes bounds the method; the longest registered one (UPDATEREDIRECTREF) has 17 bytes.
const maxMethodBytes = 32

// maxTargetScheme is the length of "https://".
const maxTargetScheme = 8

// DefaultLimits are right for an API gateway facing the Internet.
func DefaultLimits() Limits {
	return Limits{
		StartLineBytes:      8 << 10,
		HeadBytes:           32 << 10,
		Fields:              100,
		ConnectionOptions:   16,
		HostBytes:           259,
		ChunkSizeDigits:     16,
		ChunkExtensionBytes: 1 << 10,
		TrailerBytes:        8 << 10,
		TrailerFields:       32,
	}
}

// Filled returns l with every zero replaced by its default and Fields cut to 255. The parsers expect limits that went
// through Filled or DefaultLimits.
func (l Limits) Filled() Limits {
	d := DefaultLimits()
	fill := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	fill(&l.StartLineBytes, d.StartLineBytes)
	fill(&l.HeadBytes, d.HeadBytes)
	fill(&l.Fields, d.Fields)
	fill(&l.ConnectionOptions, d.ConnectionOptions)
	fill(&l.HostBytes, d.HostBytes)
	fill(&l.ChunkSizeDigits, d.ChunkSizeDigits)
	fill(&l.ChunkExtensionBytes, d.ChunkExtensionBytes)
	fill(&l.TrailerBytes, d.TrailerBytes)
	fill(&l.TrailerFields, d.TrailerFields)
	l.Fields = min(l.Fields, maxFields)
	l.TrailerFields = min(l.TrailerFields, maxFields)
	l.BodyBytes = max(l.BodyBytes, 0)
	return l
}
