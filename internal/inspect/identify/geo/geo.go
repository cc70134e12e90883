// Package geo: Country and autonomous system of an address, from tables that are part of the binary.
//
// The tables are compiled by tools/geotables from the ip-location-db project's data (NOTICE has the attribution that its
// licences ask for). They say where a range is registered or announced to be, not where a person is.
package geo

import (
	_ "embed" // the directive below needs it; nothing runs
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
)

//go:embed tables.bin.zst
var packed []byte

// unpackedLimit bounds what the embedded file may unpack to, in bytes; the tables of 2026-06 take 6.5 million.
const unpackedLimit = 32 << 20

// Place is what is known of an address. Country is ISO 3166-1 alpha-2, zero where unknown; ASN is zero where nobody
// announces the address.
type Place struct {
	ASN     uint32
	Country [2]byte
}

// CountryCode is the country as a string, empty where unknown.
func (p Place) CountryCode() string {
	if p.Country == [2]byte{} {
		return ""
	}
	return string(p.Country[:])
}

// Table answers look-ups; immutable and safe for any number of readers.
type Table struct {
	date   time.Time
	places []Place
	v4     family4
	v6     family6
	asns   []uint32 // rising
	ends   []uint32 // ends[i] is where the name of asns[i] ends in names
	names  string
}

// Open unpacks the embedded tables: about 60 ms and 13 MB, so once a process and only where somebody looks addresses up.
func Open() (*Table, error) {
	r, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(unpackedLimit), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("geo: %w", err)
	}
	defer r.Close()
	raw, err := r.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("geo: embedded tables do not unpack, build the binary again: %w", err)
	}
	return decode(raw)
}

// Date is the day of the data.
func (t *Table) Date() time.Time { return t.date }

// Lookup finds the range that holds a. It is false for private, loopback, reserved and unassigned addresses. IPv4 in IPv6
// (::ffff:0:0/96) counts as IPv4; IPv6 is answered by /64. No allocation.
func (t *Table) Lookup(a netip.Addr) (Place, bool) {
	var p Place
	switch {
	case a.Is4():
		b := a.As4()
		p = t.places[t.v4.find(binary.BigEndian.Uint32(b[:]))]
	case a.Is4In6():
		b := a.As16()
		p = t.places[t.v4.find(binary.BigEndian.Uint32(b[12:]))]
	case a.Is6():
		b := a.As16()
		p = t.places[t.v6.find(binary.BigEndian.Uint64(b[:8]))]
	}
	return p, p != Place{}
}

// Organisation is the name of the holder of an autonomous system, empty where unknown. Legal forms are left out and long
// names cut.
func (t *Table) Organisation(asn uint32) string {
	i, ok := slices.BinarySearch(t.asns, asn)
	if !ok {
		return ""
	}
	from := uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return t.names[from:t.ends[i]]
}

// Size is the memory that the table holds, in bytes.
func (t *Table) Size() int {
	return 8*len(t.places) + 8*len(t.v4.starts) + 4*len(t.v4.index) + 12*len(t.v6.starts) + 4*len(t.v6.index) +
		8*len(t.asns) + len(t.names)
}
