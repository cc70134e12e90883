package event

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
)

// ID names an event: 48 bits of milliseconds, 16 bits of node, 64 bits that never repeat in a process; ordered by time.
// Its text form is 26 characters of Crockford's base 32, as ULIDs are written.
type ID [16]byte

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// String is the text form; it stands in verdict lines and as `instance` in problem documents.
func (id ID) String() string {
	var out [26]byte
	id.appendTo(out[:0])
	return string(out[:])
}

// AppendText appends the text form.
func (id ID) AppendText(dst []byte) ([]byte, error) { return id.appendTo(dst), nil }

func (id ID) appendTo(dst []byte) []byte {
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for i := 25; i >= 0; i-- {
		shift := uint(i * 5)
		var v uint64
		switch {
		case shift >= 64:
			v = hi >> (shift - 64)
		case shift > 59:
			v = lo>>shift | hi<<(64-shift)
		default:
			v = lo >> shift
		}
		dst = append(dst, crockford[v&31])
	}
	return dst
}

// MarshalText writes the text form.
func (id ID) MarshalText() ([]byte, error) { return id.appendTo(nil), nil }

// ErrID is returned for text that is not an event id.
var ErrID = errors.New("not an event id: want 26 characters of base 32")

// ParseID reads the text form in either case.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 26 {
		return id, ErrID
	}
	var hi, lo uint64
	for i := 0; i < 26; i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		v := -1
		for j := 0; j < len(crockford); j++ {
			if crockford[j] == c {
				v = j
				break
			}
		}
		if v < 0 || i == 0 && v > 7 {
			return ID{}, ErrID
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(v)
	}
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id, nil
}

// Namer makes ids. Its zero value is not usable; see NewNamer.
type Namer struct {
	node uint16
	next atomic.Uint64
}

// NewNamer makes ids of one process: node tells nodes apart, seed (random) makes ids of successive runs differ.
func NewNamer(node uint16, seed uint64) *Namer {
	n := &Namer{node: node}
	n.next.Store(seed)
	return n
}

// Name makes the id of an exchange that arrived at the given time (Unix nanoseconds).
func (n *Namer) Name(arrived int64) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:8], uint64(arrived/1e6)<<16|uint64(n.node))
	binary.BigEndian.PutUint64(id[8:], n.next.Add(1))
	return id
}
