package pcap

import "bytes"

// speech is what the first bytes of a client say that a connection speaks.
type speech uint8

const (
	speaksMore speech = iota // not clear yet
	speaksHTTP
	speaksHTTP2
	speaksTLS
	speaksOther
)

// preface begins an HTTP/2 connection (RFC 9113 section 3.4).
const preface = "PRI * HTTP/2.0"

// maxFirstLine is how far the end of a first line is looked for.
const maxFirstLine = 8 << 10

// listen tells what the first bytes of a client are.
func listen(b []byte) speech {
	switch {
	case len(b) == 0:
		return speaksMore
	case b[0] == 0x16: // a handshake record
		if len(b) < 3 {
			return speaksMore
		}
		if b[1] == 3 && b[2] <= 4 {
			return speaksTLS
		}
		return speaksOther
	case b[0] == 'P' && bytes.HasPrefix([]byte(preface), b[:min(len(b), len(preface))]):
		switch {
		case len(b) >= len(preface):
			return speaksHTTP2
		case len(b) > 1: // "P" is as much the beginning of POST
			return speaksMore
		}
	}
	if n := len(b); b[0] == '\r' || b[0] == '\n' { // some clients end a body with an empty line that belongs to nothing
		b = bytes.TrimLeft(b[:min(n, 4)], "\r\n")
		if len(b) == 0 {
			return speaksMore
		}
		b = b[:len(b):len(b)]
	}
	return listenLine(b)
}

// listenLine tells a request line.
func listenLine(b []byte) speech {
	n := 0
	for n < len(b) && n <= maxMethod && isToken(b[n]) {
		n++
	}
	switch {
	case n == len(b):
		return speaksMore
	case n == 0 || n > maxMethod || b[n] != ' ':
		return speaksOther
	case len(b) == n+1:
		return speaksMore
	}
	if knownMethod(b[:n]) && (b[n+1] == '/' || b[n+1] == '*' || b[n+1]|0x20 == 'h') {
		return speaksHTTP
	}
	line := b[:min(len(b), maxFirstLine)]
	end := bytes.IndexByte(line, '\n')
	switch {
	case end >= 0 && bytes.Contains(line[:end], []byte(" HTTP/")):
		return speaksHTTP
	case end >= 0 || len(b) >= maxFirstLine:
		return speaksOther
	}
	return speaksMore
}

// beginsRequest tells whether a segment begins with a request, surely enough to begin a connection with it.
func beginsRequest(b []byte) bool {
	n := bytes.IndexByte(b[:min(len(b), maxMethod+1)], ' ')
	if n <= 0 || !knownMethod(b[:n]) {
		return false
	}
	line, _, ended := bytes.Cut(b[:min(len(b), maxFirstLine)], []byte("\n"))
	if !ended {
		return len(b) > n+1 && (b[n+1] == '/' || b[n+1] == '*') // the rest is in the next segment
	}
	return bytes.Contains(line, []byte(" HTTP/1."))
}

// isTLS tells a TLS record (RFC 8446 section 5.1).
func isTLS(b []byte) bool {
	return len(b) >= 5 && b[0] >= 20 && b[0] <= 23 && b[1] == 3 && b[2] <= 4 && int(b[3])<<8|int(b[4]) <= 1<<14+2048
}

// maxMethod bounds a method, as the codec does.
const maxMethod = 32

func isToken(c byte) bool {
	return c-'0' <= 9 || (c|0x20)-'a' <= 25 || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}

// knownMethod tells the methods that APIs and WebDAV use (IANA's registry has more, which nobody does).
func knownMethod(b []byte) bool {
	switch string(b) {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE":
		return true
	}
	return false
}
