package hpack

import (
	"bytes"
	"encoding/binary"
)

// Encoder encodes the header blocks of one connection. Its zero value is ready.
//
// The dynamic table takes a field when it comes for the second time within a short while: what repeats from answer to
// answer (a content type, a server's name, a policy) is one octet from the third time on, and what never comes again costs
// neither the peer's table nor ours. Some never enter: credentials, which would let a guess be confirmed by its length
// (RFC 7541 section 7.1), and names whose values keep changing.
type Encoder struct {
	table   table
	seen    [64]sight
	started bool
	update  bool // the next block begins with an update to the table's size
	emptied bool // and before it by one to 0
	lowest  int  // the lowest size since the last block
}

// sight is a field that came: its hash, and its number in the table.
type sight struct {
	hash   uint32
	number uint32
	added  bool
}

// Begin makes the encoder ready for another connection.
func (e *Encoder) Begin() {
	e.table.begin(initialTable)
	e.seen = [64]sight{}
	e.started, e.update, e.emptied = true, false, false
}

// SetTable takes the peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. It is called between blocks, in the order in which the
// peer's SETTINGS are acknowledged; the next block begins with the update where one is due. No more than 4096 is used.
func (e *Encoder) SetTable(peer uint32) {
	e.start()
	size := int(min(peer, initialTable))
	if size == e.table.max {
		return
	}
	if e.update && size > e.lowest && !e.emptied {
		// Down and up again between two blocks: both are due. Said as 0, the first update leaves nothing behind; widespread
		// decoders refuse a second one while their table holds something.
		e.emptied = true
		e.table.evict(0)
	}
	if !e.update || size < e.lowest {
		e.lowest = size
	}
	e.update = true
	e.table.resize(size)
}

// AppendStatus appends the field :status, with which a block of a response begins. A code outside of 100 to 999 is written
// as 500.
func (e *Encoder) AppendStatus(dst []byte, code int) []byte {
	if code < 100 || code > 999 {
		code = 500
	}
	dst = e.open(dst)
	switch code {
	case 200:
		return append(dst, 0x80|8)
	case 204:
		return append(dst, 0x80|9)
	case 206:
		return append(dst, 0x80|10)
	case 304:
		return append(dst, 0x80|11)
	case 400:
		return append(dst, 0x80|12)
	case 404:
		return append(dst, 0x80|13)
	case 500:
		return append(dst, 0x80|14)
	}
	digits := [3]byte{byte('0' + code/100), byte('0' + code/10%10), byte('0' + code%10)}
	return e.field(dst, staticTable[atStatus].name, digits[:], atStatus)
}

// Append appends a field. The name is in lower case already; nothing is checked here. A sensitive field is written as never
// to be indexed, by anybody on its way; so are cookies and credentials, whatever the caller says.
func (e *Encoder) Append(dst []byte, name, value []byte, sensitive bool) []byte {
	dst = e.open(dst)
	index := staticName(name)
	if sensitive || guarded>>index&1 != 0 {
		return appendLiteral(dst, 0x10, 4, index, name, value)
	}
	return e.field(dst, name, value, index)
}

// Sets of static indices.
const (
	guarded  uint64 = 1<<atAuthorization | 1<<atCookie | 1<<atProxyAuthorization | 1<<atSetCookie
	volatile uint64 = 1<<atAge | 1<<atContentLength | 1<<atContentRange | 1<<atDate | 1<<atExpires | 1<<atLastModified | 1<<atLocation
)

// largest is the most bytes of a field that is added to the table: a few such fields fill it.
const largest = 1024

// field appends a field that may be indexed; index is that of its name in the static table, or 0.
func (e *Encoder) field(dst, name, value []byte, index uint32) []byte {
	for i := index; i != 0 && i < uint32(len(staticTable)) && bytes.Equal(staticTable[i].name, name); i++ {
		if bytes.Equal(staticTable[i].value, value) {
			return append(dst, 0x80|byte(i))
		}
	}
	n := len(name) + len(value) + overhead
	if volatile>>index&1 != 0 || n > min(largest, e.table.max) {
		return appendLiteral(dst, 0, 4, index, name, value)
	}
	h := hash(name, value)
	s := &e.seen[h%uint32(len(e.seen))]
	if s.hash != h {
		*s = sight{hash: h}
		return appendLiteral(dst, 0, 4, index, name, value)
	}
	if age := e.table.next - s.number; s.added && age <= e.table.len() {
		if n, v := e.table.at(age); bytes.Equal(n, name) && bytes.Equal(v, value) {
			return appendInteger(dst, 0x80, 7, uint32(len(staticTable))-1+age)
		}
	}
	s.number, s.added = e.table.next, true
	dst = appendLiteral(dst, 0x40, 6, index, name, value)
	e.table.add(name, value)
	return dst
}

func (e *Encoder) start() {
	if !e.started {
		e.Begin()
	}
}

// open appends the updates that are due: the size in force, and one before it where the size was lower since the last block
// (RFC 7541 section 4.2).
func (e *Encoder) open(dst []byte) []byte {
	e.start()
	if !e.update {
		return dst
	}
	if e.emptied {
		dst = append(dst, 0x20)
	}
	e.update, e.emptied = false, false
	return appendInteger(dst, 0x20, 5, uint32(e.table.max))
}

// appendLiteral appends a literal field under the bits of first.
func appendLiteral(dst []byte, first byte, prefix uint, index uint32, name, value []byte) []byte {
	dst = appendInteger(dst, first, prefix, index)
	if index == 0 {
		dst = appendText(dst, name)
	}
	return appendText(dst, value)
}

// appendText appends a string literal, in Huffman code where that is shorter.
func appendText(dst, s []byte) []byte {
	if n := huffmanLength(s); n < len(s) {
		return appendHuffman(appendInteger(dst, 0x80, 7, uint32(n)), s)
	}
	return append(appendInteger(dst, 0, 7, uint32(len(s))), s...)
}

// hash mixes a field's bytes; the table compares them, so that collisions cost room and nothing else.
func hash(name, value []byte) uint32 {
	h := uint64(len(name))<<32 ^ uint64(len(value))
	return uint32(mix(mix(h, name), value) >> 32)
}

func mix(h uint64, b []byte) uint64 {
	const odd = 0x9e3779b97f4a7c15
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * odd
		h ^= h >> 29
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * odd
	}
	return h ^ h>>29
}
