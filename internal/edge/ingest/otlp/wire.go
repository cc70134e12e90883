package otlp

import "encoding/binary"

// wire reads the fields of one protobuf message (https://protobuf.dev/programming-guides/encoding/) in their order,
// without building anything. Groups, which OTLP does not have, are refused.
type wire struct {
	b   []byte
	bad bool
}

// Types of fields.
const (
	typeVarint  = 0
	typeFixed64 = 1
	typeBytes   = 2
	typeFixed32 = 5
)

// field is a field as it stands: number holds varints and fixed numbers, data the rest.
type field struct {
	id     uint64
	kind   uint8
	number uint64
	data   []byte
}

// next reads a field; it is false at the end, and when the message is damaged.
func (w *wire) next(f *field) bool {
	if len(w.b) == 0 || w.bad {
		return false
	}
	tag, ok := w.varint()
	f.id, f.kind, f.number, f.data = tag>>3, uint8(tag&7), 0, nil
	if !ok || f.id == 0 || f.id > 1<<29-1 {
		w.bad = true
		return false
	}
	switch f.kind {
	case typeVarint:
		f.number, ok = w.varint()
	case typeFixed64:
		if ok = len(w.b) >= 8; ok {
			f.number, w.b = binary.LittleEndian.Uint64(w.b), w.b[8:]
		}
	case typeFixed32:
		if ok = len(w.b) >= 4; ok {
			f.number, w.b = uint64(binary.LittleEndian.Uint32(w.b)), w.b[4:]
		}
	case typeBytes:
		var n uint64
		if n, ok = w.varint(); ok && n <= uint64(len(w.b)) {
			f.data, w.b = w.b[:n:n], w.b[n:]
		} else {
			ok = false
		}
	default:
		ok = false
	}
	w.bad = !ok
	return ok
}

// varint reads a number of at most ten bytes.
func (w *wire) varint() (uint64, bool) {
	n, k := binary.Uvarint(w.b)
	if k <= 0 {
		return 0, false
	}
	w.b = w.b[k:]
	return n, true
}
