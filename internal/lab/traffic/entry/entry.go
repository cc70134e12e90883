// Package entry is an exchange with its label in HAR 1.2's form, written as an exchange line or as a line of a log.
package entry

import "time"

// Entry is one exchange in HAR 1.2's form with the custom fields of exchange lines. What HAR repeats (query string, cookies, sizes)
// is derived when it is written.
type Entry struct {
	Started  time.Time
	Duration time.Duration
	Request  Request
	Response Response
	Client   Client
	Site     string
	Label    Label
}

// Header is one field, as the client or the server wrote it.
type Header struct{ Name, Value string }

// Request is the client's half.
type Request struct {
	Method  string
	URL     string // absolute
	Version string // HTTP/1.1 or HTTP/2.0
	Headers []Header
	Body    string
}

// Response is the server's half.
type Response struct {
	Status  int
	Version string
	Headers []Header
	Body    string
	// BodyUnknown says that a body was there but is not known: its size is written as -1, HAR's "unknown".
	BodyUnknown bool
}

// Client is what the edge knew about the connection.
type Client struct {
	IP   string
	Port int
	JA4  string // TLS client fingerprint (JA4, BSD-3), empty without TLS
	H2   string // HTTP/2 settings|window|priorities|pseudo-header order, empty below HTTP/2
}

// Label is the truth about an exchange. Nothing but the evaluation reads it.
type Label struct {
	Actor    string
	Kind     string // "benign", or an OWASP API (API1:2023) or OAT (OAT-014) id
	Campaign string
}

// Benign is the kind of honest traffic.
const Benign = "benign"

// Value returns the value of the first field with that name, in any casing.
func Value(hs []Header, name string) string {
	for i := range hs {
		if equalFold(hs[i].Name, name) {
			return hs[i].Value
		}
	}
	return ""
}

// equalFold compares ASCII names.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}
