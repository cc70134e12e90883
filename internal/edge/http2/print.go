package http2

import (
	"encoding/binary"

	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// printVersion begins every fingerprint, so that a changed construction never meets old values.
const printVersion = 0x6d68320000000001

// opening is how a client opens its connection, as a hash of our own: the settings in their order with their values, the first
// growth of the connection's window, the order of pseudo-fields in the first request, and in their order the names of the
// fields that a client's stack writes on every request (exchange.StackField), with the value of Accept-Encoding.
//
// What a page, a method or a login adds does not count, nor do settings that are reserved to be ignored (RFC 8701 values,
// which are drawn by lot).
type opening struct {
	hash   uint64
	had    bool // settings
	grown  bool
	over   bool // the first header block was seen
	fields bool // its pseudo-fields are behind us
	pseudo [8]byte
	order  int // of pseudo
}

func (o *opening) mix(b []byte) {
	if o.hash == 0 {
		o.hash = printVersion
	}
	o.hash = exchange.MemberLoc(o.hash, b)
}

// settings takes the first SETTINGS frame.
func (o *opening) settings(b []byte) {
	if o.had || o.over {
		return
	}
	o.had = true
	for ; len(b) >= 6; b = b[6:] {
		if id := binary.BigEndian.Uint16(b); id&0x0f0f == 0x0a0a {
			continue
		}
		o.mix(b[:6])
	}
}

// window takes the first WINDOW_UPDATE of the connection.
func (o *opening) window(b []byte) {
	if o.grown || o.over {
		return
	}
	o.grown = true
	var w [5]byte
	w[0] = 'w'
	copy(w[1:], b)
	o.mix(w[:])
}

// field takes a field of the first request.
func (o *opening) field(name, value []byte) {
	if len(name) > 0 && name[0] == ':' {
		if o.order < len(o.pseudo) && len(name) > 1 {
			o.pseudo[o.order] = name[1]
			o.order++
		}
		return
	}
	if !o.fields {
		o.fields = true
		o.mix(o.pseudo[:o.order])
	}
	if len(name) == 0 {
		return
	}
	id := exchange.LookupHeader(name)
	if !exchange.StackField(id, name) {
		return
	}
	o.mix(name)
	if id == exchange.HeaderAcceptEncoding {
		o.mix(value)
	}
}

// end gives the fingerprint.
func (o *opening) end() identity.Fingerprint {
	o.over = true
	if !o.fields {
		o.mix(o.pseudo[:o.order])
	}
	return identity.Fingerprint(o.hash)
}
