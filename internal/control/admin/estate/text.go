package estate

import (
	"strings"

	"merlon/internal/model/inventory"
)

// maxText is how much of an endpoint's own text is searched, in bytes: traffic may make paths long, and many of them.
const maxText = 1024

// maxWords bounds the words of a search.
const maxWords = 8

// texts is what a search looks through: template and operation of all rows, in lower case, one after the other. What many
// rows share (hosts, owners and the like) is looked for in the dictionaries instead. Searching all of 100,000 rows is
// one pass over a few megabytes by the processor's widest instructions, and costs nothing to prepare: lists of trigrams would
// have to be made anew for each version of the inventory.
type texts struct {
	all    string
	b      []byte
	starts []uint32 // where a row's text begins; each ends with a line feed, which no word holds
}

func (t *texts) reserve(rows []*inventory.Endpoint) {
	n := 0
	for _, e := range rows {
		n += min(len(e.Template), maxText) + min(len(e.Operation), maxText) + 2
	}
	t.b = make([]byte, 0, n+n/32)
	t.starts = make([]uint32, 0, len(rows)+1)
}

func (t *texts) add(e *inventory.Endpoint) {
	t.starts = append(t.starts, uint32(len(t.b)))
	t.b = appendLower(t.b, e.Template)
	t.b = append(t.b, '\n')
	if e.Operation != "" {
		t.b = append(appendLower(t.b, e.Operation), '\n')
	}
	if e.Learned != "" {
		t.b = append(appendLower(t.b, e.Learned), '\n')
	}
}

// appendLower appends s in lower case, cut to maxText.
func appendLower(b []byte, s string) []byte {
	if len(s) > maxText {
		s = s[:maxText]
	}
	from := len(b)
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 {
			return append(b[:from], strings.ToLower(s)...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// seal ends the building.
func (t *texts) seal() {
	t.starts = append(t.starts, uint32(len(t.b)))
	t.all, t.b = string(t.b), nil
}

// find calls hit for each row whose text holds word, in order.
func (t *texts) find(word string, hit func(row int32)) {
	row := 0
	for at := 0; at < len(t.all); {
		i := strings.Index(t.all[at:], word)
		if i < 0 {
			return
		}
		at += i
		row = t.rowAt(row, uint32(at))
		hit(int32(row))
		at = int(t.starts[row+1]) // on with the next row
	}
}

// rowAt is the row that holds an offset, not before from: first by growing steps, then by halves.
func (t *texts) rowAt(from int, at uint32) int {
	step, lo := 1, from
	for lo+step < len(t.starts) && t.starts[lo+step] <= at {
		lo += step
		step *= 2
	}
	hi := min(lo+step, len(t.starts)-1)
	for lo+1 < hi {
		if mid := (lo + hi) / 2; t.starts[mid] <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// wordsOf takes a search apart.
func wordsOf(search string) []string {
	words := strings.Fields(strings.ToLower(search))
	return words[:min(len(words), maxWords)]
}

// search narrows bits to the rows that hold every word in their own text or in what they share with others.
func (x *Index) search(words []string, all, one bits) {
	for i, w := range words {
		clear(one)
		x.text.find(w, one.set)
		for _, d := range [...]Dim{Site, Host, Method, Owner, Purpose, Label} {
			x.dims[d].find(w, one)
		}
		if i == 0 {
			copy(all, one)
			continue
		}
		for k := range all {
			all[k] &= one[k]
		}
	}
}

// find sets the rows one of whose values holds the word.
func (c *column) find(word string, to bits) {
	var hit []bool // by number of value
	for i, v := range c.values {
		if len(v) >= len(word) && strings.Contains(strings.ToLower(v), word) {
			if hit == nil {
				hit = make([]bool, len(c.values))
			}
			hit[i] = true
		}
	}
	if hit == nil {
		return
	}
	if c.starts == nil {
		for row, code := range c.codes {
			if hit[code] {
				to.set(int32(row))
			}
		}
		return
	}
	for row := range len(c.starts) - 1 {
		for _, code := range c.of(int32(row)) {
			if hit[code] {
				to.set(int32(row))
				break
			}
		}
	}
}

// bits is a set of rows.
type bits []uint64

func (b bits) set(row int32)      { b[row>>6] |= 1 << (row & 63) }
func (b bits) has(row int32) bool { return b[row>>6]&(1<<(row&63)) != 0 }
