package estate

import (
	"math"
	"strings"
	"time"
)

// selection is what a query selects: rows by ascending id, and those that only one filter keeps out.
type selection struct {
	rows  []int32
	has   bits
	near  [Seen + 1][]int32 // rows that only this property's filter keeps out, where counts were asked for
	spare *scratch
}

// scratch is the memory of a query, used again by the next.
type scratch struct {
	rows      []int32
	has       bits
	words     bits
	near      [Seen + 1][]int32
	perValue  []int32
	positions []int32
}

func (x *Index) scratch() *scratch {
	if s, ok := x.spare.Get().(*scratch); ok {
		return s
	}
	n := len(x.rows)
	return &scratch{rows: make([]int32, 0, n), has: make(bits, (n+63)/64), words: make(bits, (n+63)/64)}
}

// done gives a selection's memory back; it must not be used any more.
func (x *Index) done(s selection) { x.spare.Put(s.spare) }

// only is a filter that wants one value of a property.
type only struct {
	d    Dim
	code uint32
}

// passes are the rest of a query's filters.
type passes struct {
	only         []only
	risk         float64
	seen, first  int64
	never        bool
	prefix, path string
	within       []bool // by number of site; nil for all
}

// cleanPrefix is a prefix as templates begin: with a slash, and without one at its end.
func cleanPrefix(p string) string {
	if p = strings.TrimRight(p, "/"); p != "" && p[0] != '/' {
		p = "/" + p
	}
	return p
}

// impossible is the number of no value.
const impossible = math.MaxUint32

func (x *Index) compile(q *Query, now time.Time) (p passes) {
	p = passes{only: make([]only, 0, dims), risk: q.Risk, never: q.Seen == Never, path: q.Path, prefix: cleanPrefix(q.Prefix)}
	if !p.never {
		p.seen, _ = since(q.Seen, now) // checked before
	}
	p.first, _ = since(q.First, now)
	if len(q.Within) > 0 {
		p.within = x.within(q.Within)
	}
	for d := range dims {
		v := q.filter(d)
		if v == "" {
			continue
		}
		if v == None {
			v = ""
		}
		code, ok := x.dims[d].code(v)
		if !ok {
			code = impossible
		}
		p.only = append(p.only, only{d, code})
	}
	return p
}

// find runs a query. The query must have been checked. What it returns goes back with done.
func (x *Index) find(q *Query, now time.Time) selection {
	p, s := x.compile(q, now), x.scratch()
	out := selection{spare: s}
	clear(s.has)
	words := wordsOf(q.Search)
	if len(words) > 0 {
		x.search(words, s.has, s.words)
		copy(s.words, s.has)
		clear(s.has)
	}
	s.rows = s.rows[:0]
	for d := range s.near {
		s.near[d] = s.near[d][:0]
	}
	plain := p.path == "" && p.prefix == "" && p.first == 0 && len(p.within) == 0
	for row := range int32(len(x.rows)) {
		if len(words) > 0 && !s.words.has(row) || !plain && !x.eligible(row, &p) {
			continue
		}
		missed, ok := x.misses(row, &p)
		switch {
		case !ok:
		case missed < 0:
			s.rows = append(s.rows, row)
			s.has.set(row)
		case q.Facets:
			s.near[missed] = append(s.near[missed], row)
		}
	}
	out.rows, out.has, out.near = s.rows, s.has, s.near
	return out
}

// within marks the sites of these names, by their numbers.
func (x *Index) within(sites []string) []bool {
	out := make([]bool, len(x.dims[Site].values))
	for _, s := range sites {
		if code, ok := x.dims[Site].code(s); ok {
			out[code] = true
		}
	}
	return out
}

// count is how many endpoints there are in these sites, in all of them if none is named.
func (x *Index) count(sites []string) int {
	if len(sites) == 0 {
		return len(x.rows)
	}
	n, within := 0, x.within(sites)
	for _, code := range x.dims[Site].codes {
		if within[code] {
			n++
		}
	}
	return n
}

// names are the names of these sites that there are, of all if none is named.
func (x *Index) names(sites []string) []string {
	if len(sites) == 0 {
		return x.dims[Site].values
	}
	var out []string
	for code, ok := range x.within(sites) {
		if ok {
			out = append(out, x.dims[Site].values[code])
		}
	}
	return out
}

// eligible tells whether a row passes the filters that nothing is counted beside.
func (x *Index) eligible(row int32, p *passes) bool {
	e := x.rows[row]
	if len(p.within) > 0 && !p.within[x.dims[Site].codes[row]] {
		return false
	}
	if p.first != 0 && x.first[row] < p.first || p.path != "" && e.Template != p.path {
		return false
	}
	return p.prefix == "" || under(e.Template, p.prefix)
}

// under tells whether a path is a prefix's, by whole segments.
func under(path, prefix string) bool {
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || path[len(prefix)] == '/')
}

// misses tells which filter keeps a row out, -1 for none; not ok when several do.
func (x *Index) misses(row int32, p *passes) (missed int, ok bool) {
	missed = -1
	for _, f := range p.only {
		if x.dims[f.d].starts == nil && x.dims[f.d].codes[row] == f.code {
			continue
		}
		if x.dims[f.d].starts != nil && contains(x.dims[f.d].of(row), f.code) {
			continue
		}
		if missed >= 0 {
			return 0, false
		}
		missed = int(f.d)
	}
	if p.risk > 0 && x.rows[row].Risk.Score < p.risk {
		if missed >= 0 {
			return 0, false
		}
		missed = int(Risk)
	}
	if p.seen != 0 && x.seen[row] < p.seen || p.never && x.seen[row] != 0 {
		if missed >= 0 {
			return 0, false
		}
		missed = int(Seen)
	}
	return missed, true
}

func contains(codes []uint32, code uint32) bool {
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}
