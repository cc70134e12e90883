package main

import (
	"encoding/binary"
	"slices"
	"time"
)

// encode writes the form that geo's decoder reads: the header, the pairs (country, ASN) by falling frequency, each
// family's range starts and pair numbers as columns, and the organisations by rising ASN.
func encode(day time.Time, v4, v6 []joined, names map[uint32]string) []byte {
	out := append([]byte("MGEO"), 1)
	out = binary.AppendUvarint(out, uint64(day.Unix()/86400))
	type pair struct{ country, asn uint32 }
	freq := map[pair]int{}
	for _, t := range [][]joined{v4, v6} {
		for _, x := range t {
			freq[pair{x.country, x.asn}]++
		}
	}
	pairs := make([]pair, 0, len(freq))
	for p := range freq {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if freq[a] != freq[b] {
			return freq[b] - freq[a]
		}
		if a.asn != b.asn {
			return int(int64(a.asn) - int64(b.asn))
		}
		return int(a.country) - int(b.country)
	})
	number := make(map[pair]uint64, len(pairs))
	out = binary.AppendUvarint(out, uint64(len(pairs)))
	for i, p := range pairs {
		number[p] = uint64(i)
		out = append(out, byte(p.country>>8), byte(p.country))
	}
	for _, p := range pairs {
		out = binary.AppendUvarint(out, uint64(p.asn))
	}
	for _, t := range [][]joined{v4, v6} {
		out = binary.AppendUvarint(out, uint64(len(t)))
		out = appendStarts(out, t)
		for _, x := range t {
			out = binary.AppendUvarint(out, number[pair{x.country, x.asn}])
		}
	}
	asns := make([]uint32, 0, len(names))
	for asn := range names {
		asns = append(asns, asn)
	}
	slices.Sort(asns)
	out = binary.AppendUvarint(out, uint64(len(asns)))
	prev := uint32(0)
	for _, asn := range asns {
		out = binary.AppendUvarint(out, uint64(asn-prev))
		prev = asn
	}
	for _, asn := range asns {
		out = append(out, byte(len(names[asn])))
		out = append(out, names[asn]...)
	}
	return out
}

// appendStarts writes the first start, then each distance as its number of trailing zero bits and what is above them:
// most ranges are prefixes, so that the second column is mostly ones.
func appendStarts(out []byte, t []joined) []byte {
	prev := uint64(0)
	odd := []byte(nil)
	for i, x := range t {
		d := x.from - prev
		prev = x.from
		zeros := byte(0)
		for d != 0 && d&1 == 0 {
			d >>= 1
			zeros++
		}
		if i == 0 && d != 0 {
			panic("the first range must begin at 0")
		}
		out = append(out, zeros)
		odd = binary.AppendUvarint(odd, d)
	}
	return append(out, odd...)
}
