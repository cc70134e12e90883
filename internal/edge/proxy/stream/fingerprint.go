package stream

import (
	"encoding/binary"

	"golang.org/x/net/http2/hpack"

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
	grown  bool
	had    bool // settings
	over   bool // the first header block was seen, or the opening is unknown
	scheme byte
}

func (o *opening) mix(b []byte) {
	if o.hash == 0 {
		o.hash = printVersion
	}
	o.hash = exchange.MemberLoc(o.hash, b)
}

// settings takes the first SETTINGS frame.
func (o *opening) settings(b []byte) {
	if o.had {
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
	if o.grown || len(b) != 4 {
		return
	}
	o.grown = true
	o.mix(append([]byte{'w'}, b...))
}

// Bounds of the look at the first header block; an honest head is far below them.
const (
	maxFields     = 256
	maxFieldBytes = 64 << 10
)

// headers takes the first header block and gives the fingerprint, 0 when it cannot be read.
func (o *opening) headers(block []byte) identity.Fingerprint {
	o.over = true
	var pseudo [8]byte
	order := pseudo[:0]
	first := true
	var d *hpack.Decoder
	seen, size := 0, 0
	d = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		// A block can say one long field thousands of times in a byte each: what is beyond a head's size is not looked at.
		if seen, size = seen+1, size+len(f.Name)+len(f.Value); seen > maxFields || size > maxFieldBytes {
			d.SetEmitEnabled(false)
			return
		}
		if f.IsPseudo() {
			if len(order) < len(pseudo) && len(f.Name) > 1 {
				order = append(order, f.Name[1])
			}
			return
		}
		if first {
			first = false
			o.mix(order)
		}
		name := []byte(f.Name)
		id := exchange.LookupHeader(name)
		if !exchange.StackField(id, name) {
			return
		}
		o.mix(name)
		if id == exchange.HeaderAcceptEncoding {
			o.mix([]byte(f.Value))
		}
	})
	d.SetMaxStringLength(maxKept)
	if _, err := d.Write(block); err != nil || d.Close() != nil {
		return 0
	}
	if first {
		o.mix(order)
	}
	return identity.Fingerprint(o.hash)
}
