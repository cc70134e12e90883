package main

import (
	"cmp"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// row is one range of the source, both ends included. Addresses are numbers: the 32 bits of IPv4, or the upper 64 bits of
// IPv6 (answers are given by /64).
type row struct {
	from, to uint64
	value    uint32 // two letters of a country, or an ASN
}

// readRows reads "first,last,country" rows, or "first,last,ASN,organisation" rows when names is given. The source has a
// few hundred rows that overlap; they come back sorted and disjoint.
func readRows(path string, names map[uint32]string) ([]row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	r.FieldsPerRecord = -1
	var rows []row
	for line := 1; ; line++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return flatten(rows), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		x, keep, err := parseRow(rec, names)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", path, line, err)
		}
		if keep {
			rows = append(rows, x)
		}
	}
}

// flatten makes rows disjoint: where two overlap, the one that begins later, or else is shorter, says more and wins.
func flatten(rows []row) []row {
	slices.SortFunc(rows, func(a, b row) int {
		if c := cmp.Compare(a.from, b.from); c != 0 {
			return c
		}
		return cmp.Compare(b.to, a.to)
	})
	out := make([]row, 0, len(rows))
	var open []row // rows that have begun, the winner last
	at := uint64(0)
	emit := func(until uint64) { // writes the winners up to and with until
		for len(open) > 0 && at <= until {
			top := open[len(open)-1]
			if top.to >= at {
				to := min(top.to, until)
				out = append(out, row{at, to, top.value})
				if to == 1<<64-1 {
					open = nil
					return
				}
				at = to + 1
			}
			if top.to < at {
				open = open[:len(open)-1]
			}
		}
	}
	for _, r := range rows {
		if r.from > 0 {
			emit(r.from - 1)
		}
		at = r.from
		open = append(open, r)
	}
	emit(1<<64 - 1)
	return out
}

func parseRow(rec []string, names map[uint32]string) (row, bool, error) {
	if len(rec) < 3 {
		return row{}, false, errors.New("too few fields")
	}
	first, err := netip.ParseAddr(rec[0])
	if err != nil {
		return row{}, false, err
	}
	last, err := netip.ParseAddr(rec[1])
	if err != nil {
		return row{}, false, err
	}
	x := row{}
	keep := true
	if first.Is4() {
		x.from, x.to = number4(first), number4(last)
	} else {
		x.from, x.to, keep = numbers6(first, last)
	}
	if x.to < x.from && keep {
		return row{}, false, errors.New("last before first")
	}
	if names == nil {
		if len(rec[2]) != 2 {
			return row{}, false, fmt.Errorf("country %q", rec[2])
		}
		c := strings.ToUpper(rec[2])
		x.value = uint32(c[0])<<8 | uint32(c[1])
		return x, keep, nil
	}
	asn, err := strconv.ParseUint(rec[2], 10, 32)
	if err != nil {
		return row{}, false, err
	}
	x.value = uint32(asn)
	if len(rec) > 3 && rec[3] != "" {
		names[x.value] = shorten(rec[3])
	}
	return x, keep && asn != 0, nil
}

func number4(a netip.Addr) uint64 {
	b := a.As4()
	return uint64(binary.BigEndian.Uint32(b[:]))
}

// numbers6 gives a /64 to the row that holds its last address; a row within one /64 may get none.
func numbers6(first, last netip.Addr) (from, to uint64, keep bool) {
	f, l := first.As16(), last.As16()
	from, to = binary.BigEndian.Uint64(f[:8]), binary.BigEndian.Uint64(l[:8])
	if binary.BigEndian.Uint64(l[8:]) != 1<<64-1 {
		if to == from {
			return 0, 0, false
		}
		to--
	}
	return from, to, true
}

// shorten drops the legal forms that say nothing, and bounds the length.
func shorten(name string) string {
	name = strings.Join(strings.Fields(strings.ToValidUTF8(name, "")), " ")
	for again := true; again; {
		again = false
		for _, s := range [...]string{
			", Inc.", " Inc.", ", Inc", " Inc", ", LLC", " LLC", " L.L.C.", ", Ltd.", " Ltd.", " Ltd", ", Ltd", " Limited", " GmbH",
			" S.A.", " SA", " S.r.l.", " s.r.o.", ", s.r.o.", " B.V.", " BV", " AB", " AS", " Oy", " LTDA", " Ltda", " EIRELI", " ME", " Co.", " Co.,",
			" Corp.", " Corporation", " PLC", " plc", " AG", " Pty", " (Pty)", " Sp. z o.o.", " sp. z o.o.", " S.A.S.", " SAS", " LLP", ",", " -",
		} {
			if short, ok := strings.CutSuffix(name, s); ok && len(short) > 2 {
				name, again = short, true
			}
		}
	}
	const limit = 40
	if len(name) > limit {
		name = strings.TrimSpace(strings.ToValidUTF8(name[:limit], ""))
	}
	return name
}
