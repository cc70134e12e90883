package listen

import (
	"errors"
	"fmt"
)

// ErrPlainHTTP says that a client sent plain HTTP where TLS is spoken. Conn.Early holds what has come of it: whoever serves
// may say so in plain text.
var ErrPlainHTTP = errors.New("plain HTTP on a port that speaks TLS")

// plainAnswers is how many such requests of one network are answered in a minute, its failed handshakes included; further ones
// are closed like every other failed handshake, so that a flood costs no more than one of those.
const plainAnswers = failuresLogged

// maxPlain is how much of such a request is kept: crypto/tls gives up on its first five bytes and has read few more.
const maxPlain = 4 << 10

// recordHandshake begins the first record of every TLS connection (RFC 8446 section 5.1).
const recordHandshake = 22

// look keeps what comes first while it is no TLS.
func (h *hello) look(b []byte) {
	switch {
	case h.talks || len(b) == 0:
	case len(h.plain) == 0 && b[0] == recordHandshake:
		h.talks = true
	case len(h.plain) < maxPlain:
		h.plain = append(h.plain, b[:min(len(b), maxPlain-len(h.plain))]...)
	}
}

// isHTTP tells whether b begins as a request does: a method in capitals and a space, or five bytes of one.
func isHTTP(b []byte) bool {
	for i, c := range b[:min(len(b), 5)] {
		if c == ' ' {
			return i >= 3
		}
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(b) >= 5
}

// spokenPlainly ends a handshake that never was one.
func (h *hello) spokenPlainly(err error) error {
	h.a.counts.plain.Add(1)
	if h.a.handshakes.note(h.net, h.a.minute()) > plainAnswers {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	h.c.Early = h.plain
	return ErrPlainHTTP
}
