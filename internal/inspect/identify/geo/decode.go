package geo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The unpacked file, all numbers as unsigned varints (encoding/binary) unless said otherwise:
//
//	"MGEO", version 1 (a byte), date as days since 1970-01-01
//	count of places; for each two bytes of country (0 0: none); then for each its ASN (0: none)
//	IPv4: count of ranges; for each a byte z; then for each d; then for each its place's number.
//	      A range begins d<<z behind the one before it, the first at 0.
//	IPv6: the same over the upper 64 bits
//	count of organisations; for each the distance of its ASN from the one before; then for each a length (a byte) and a name

// ErrFormat is what every fault of the file comes down to.
var ErrFormat = errors.New("geo: not a table of a version that this program reads")

const (
	version = 1
	// maxPlaces, maxRanges and maxNames bound the memory that a damaged file can ask for: about four times what the
	// tables of 2026-06 need.
	maxPlaces = 1 << 19
	maxRanges = 1 << 22
	maxNames  = 1 << 19
	maxDay    = 1 << 16 // the year 2149
)

func decode(raw []byte) (*Table, error) {
	d := decoder{rest: raw}
	if string(d.take(4)) != "MGEO" || d.byte() != version {
		return nil, ErrFormat
	}
	t := &Table{date: time.Unix(int64(d.number(maxDay))*86400, 0).UTC()}
	t.places = make([]Place, d.count(maxPlaces, 3))
	for i := range t.places {
		copy(t.places[i].Country[:], d.take(2))
	}
	for i := range t.places {
		t.places[i].ASN = uint32(d.number(1<<32 - 1))
	}
	starts := d.starts(32)
	t.v4.values = d.values(len(starts), len(t.places))
	t.v4.starts = make([]uint32, len(starts))
	for i, s := range starts {
		t.v4.starts[i] = uint32(s)
	}
	t.v6.starts = d.starts(64)
	t.v6.values = d.values(len(t.v6.starts), len(t.places))
	d.organisations(t)
	if d.err == nil && len(d.rest) != 0 {
		d.fail("bytes behind the end")
	}
	if d.err != nil {
		return nil, d.err
	}
	t.v4.build()
	t.v6.build()
	return t, nil
}

// decoder reads from rest and remembers the first fault; after one it answers zeros.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrFormat, what)
	}
	d.rest = nil
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.fail("cut short")
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) number(limit uint64) uint64 {
	x, n := binary.Uvarint(d.rest)
	if n <= 0 || x > limit {
		d.fail("number out of range")
		return 0
	}
	d.rest = d.rest[n:]
	return x
}

// count reads how many items of at least size bytes follow, so that no count is believed that the file cannot hold.
func (d *decoder) count(limit, size int) int {
	n := int(d.number(uint64(limit)))
	if n > len(d.rest)/size {
		d.fail("count beyond the end")
		return 0
	}
	return n
}

// starts reads the range starts of a family of addresses of so many bits: strictly rising, the first 0.
func (d *decoder) starts(bits uint) []uint64 {
	n := d.count(maxRanges, 3)
	if n == 0 {
		d.fail("no ranges")
		return nil
	}
	zeros := d.take(n)
	out := make([]uint64, n)
	prev := uint64(0)
	for i := range zeros {
		z := uint(zeros[i])
		if z >= bits {
			d.fail("range start out of range")
			return nil
		}
		step := d.number(1<<(bits-z) - 1)
		next := prev + step<<z
		if d.err != nil || i == 0 && next != 0 || i > 0 && next <= prev || next>>(bits-1)>>1 != 0 {
			d.fail("range starts must rise from 0")
			return nil
		}
		out[i], prev = next, next
	}
	return out
}

func (d *decoder) values(n, places int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		v := d.number(maxPlaces)
		if v >= uint64(places) {
			d.fail("unknown place")
			return nil
		}
		out[i] = uint32(v)
	}
	return out
}

func (d *decoder) organisations(t *Table) {
	n := d.count(maxNames, 2)
	t.asns, t.ends = make([]uint32, n), make([]uint32, n)
	prev := uint64(0)
	for i := range t.asns {
		step := d.number(1<<32 - 1)
		if prev += step; i > 0 && step == 0 || prev > 1<<32-1 {
			d.fail("systems must rise")
			return
		}
		t.asns[i] = uint32(prev)
	}
	names := make([]byte, 0, len(d.rest))
	for i := range t.ends {
		names = append(names, d.take(int(d.byte()))...)
		t.ends[i] = uint32(len(names))
	}
	t.names = string(names)
}
