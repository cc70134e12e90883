package http1

import (
	"encoding/binary"

	"merlon/internal/model/exchange"
)

// knownSlot is one well-known field name, as words to compare at once: first eight bytes, last eight, and bytes 8 to 16.
// Names below eight bytes stand in first, zero-padded; longer than 24 would not be covered, which the builder refuses.
type knownSlot struct {
	first, middle, last uint64
	length              uint8
	id                  exchange.HeaderID
}

const knownSlots = 256

// knownHash is a perfect hash over the well-known names: length, first and last letter, spread by mul.
func knownHash(mul uint32, length int, first, last byte) uint32 {
	return (uint32(length) | uint32(first|0x20)<<8 | uint32(last|0x20)<<16) * mul >> 24
}

// known is read-only data: the perfect hash table of the names that model/exchange numbers. The multiplier is searched
// when the program starts (a few microseconds), so a name added there needs no change here.
var known = func() (t struct {
	mul   uint32
	slots [knownSlots]knownSlot
},
) {
search:
	for mul := uint32(0x9E3779B1); ; mul += 2 {
		t.slots = [knownSlots]knownSlot{}
		t.mul = mul
		for id := exchange.HeaderOther + 1; id < exchange.NumHeaders; id++ {
			name := id.String()
			s := &t.slots[knownHash(mul, len(name), name[0], name[len(name)-1])]
			if s.length != 0 {
				continue search
			}
			if len(name) > 24 {
				panic("http1: well-known header name of more than 24 bytes: " + name)
			}
			*s = knownSlot{length: uint8(len(name)), id: id}
			var padded [8]byte
			copy(padded[:], name)
			s.first = binary.LittleEndian.Uint64(padded[:])
			if len(name) >= 8 {
				s.last = binary.LittleEndian.Uint64([]byte(name[len(name)-8:]))
			}
			if len(name) > 16 {
				s.middle = binary.LittleEndian.Uint64([]byte(name[8:16]))
			}
		}
		return t
	}
}()

// lookup numbers the field name b[s:e], which must be a token: only then does OR with 0x20 fold letters and nothing else.
// It may look at the bytes behind e.
func lookup(b []byte, s, e int) exchange.HeaderID {
	n := e - s
	k := &known.slots[knownHash(known.mul, n, b[s], b[e-1])&(knownSlots-1)]
	if int(k.length) != n {
		return exchange.HeaderOther
	}
	const fold = 0x20 * ones
	if n >= 8 {
		if binary.LittleEndian.Uint64(b[s:])|fold != k.first || binary.LittleEndian.Uint64(b[e-8:])|fold != k.last {
			return exchange.HeaderOther
		}
		if n > 16 && binary.LittleEndian.Uint64(b[s+8:])|fold != k.middle {
			return exchange.HeaderOther
		}
		return k.id
	}
	if s+8 <= len(b) {
		mask := uint64(1)<<(8*n) - 1
		if (binary.LittleEndian.Uint64(b[s:])|fold)&mask != k.first {
			return exchange.HeaderOther
		}
		return k.id
	}
	if exchange.LookupHeader(b[s:e]) != k.id {
		return exchange.HeaderOther
	}
	return k.id
}
