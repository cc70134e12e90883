package main

import (
	"encoding/binary"
	"net/netip"
)

// joined is a range that begins at from and lasts until the next begins. Zero country and ASN: nothing is known.
type joined struct {
	from    uint64
	country uint32
	asn     uint32
}

// special are the ranges of the IANA special-purpose registries (RFC 6890 and successors) that no network on the Internet
// owns, however the sources label them.
func special(six bool) []row {
	list := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	}
	if six {
		// Global unicast is 2000::/3; Teredo, ORCHID, documentation and 6to4 lie within it.
		list = []string{"::/3", "2001::/32", "2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1"}
	}
	var rows []row
	for _, p := range list {
		prefix := netip.MustParsePrefix(p)
		if six {
			a := prefix.Addr().As16()
			from := binary.BigEndian.Uint64(a[:8])
			rows = append(rows, row{from: from, to: from | (1<<(64-prefix.Bits()) - 1)})
			continue
		}
		from := number4(prefix.Addr())
		rows = append(rows, row{from: from, to: from | (1<<(32-prefix.Bits()) - 1)})
	}
	return rows
}

// join lays the two sets over each other, takes out special ranges, and merges neighbours of equal value.
func join(places, systems []row, six bool) []joined {
	cuts := [3]cursor{{rows: places}, {rows: systems}, {rows: special(six)}}
	var out []joined
	limit := uint64(1) << 32
	if six {
		limit = 0 // wraps: the end of 64 bits
	}
	for at := uint64(0); ; {
		next := limit - 1
		x := joined{from: at}
		for i := range cuts {
			value, inside, until := cuts[i].at(at)
			next = min(next, until)
			switch {
			case inside && i == 0:
				x.country = value
			case inside && i == 1:
				x.asn = value
			case inside:
				x.country, x.asn = 0, 0
			}
		}
		if n := len(out); n == 0 || out[n-1].country != x.country || out[n-1].asn != x.asn {
			out = append(out, x)
		}
		if at = next + 1; at == limit {
			return out
		}
	}
}

// cursor walks sorted, disjoint rows.
type cursor struct {
	rows []row
	i    int
}

// at returns the value at a number, whether a row holds it, and the last number up to which that stays so. Numbers must
// not go down from call to call.
func (c *cursor) at(x uint64) (value uint32, inside bool, until uint64) {
	for c.i < len(c.rows) && c.rows[c.i].to < x {
		c.i++
	}
	if c.i == len(c.rows) {
		return 0, false, 1<<64 - 1
	}
	r := c.rows[c.i]
	if x < r.from {
		return 0, false, r.from - 1
	}
	return r.value, true, r.to
}
