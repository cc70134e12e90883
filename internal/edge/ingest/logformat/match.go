package logformat

import (
	"bytes"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/edge/ingest/stamp"
)

// Match cuts a line and puts its values into l. Escapes are undone in place. The cause is 0 when the line has the layout.
func (f *Format) Match(line []byte, l *record.Line) record.Cause {
	for i := range f.pieces {
		p := &f.pieces[i]
		if !bytes.HasPrefix(line, p.literal) {
			return f.misfit(line, i)
		}
		line = line[len(p.literal):]
		if p.value == none {
			continue
		}
		n := f.end(line, i)
		if n < 0 {
			if p.value == quoted {
				return record.CauseQuotes
			}
			return record.CauseLayout
		}
		v := line[:n:n]
		line = line[n:]
		switch p.meaning.What {
		case record.Nothing:
			continue
		case record.Digits:
			if !digits(v) {
				return record.CauseLayout
			}
			continue
		}
		switch f.escape {
		case EscapeText:
			v = record.Unescape(v)
		case EscapeJSON:
			v = unescapeJSON(v)
		}
		if p.value == target {
			putTarget(l, v)
			continue
		}
		l.Put(&p.meaning, v)
	}
	if len(line) > 0 && !f.open {
		return record.CauseTrailing
	}
	return 0
}

// misfit tells a line that ends early from one of another layout.
func (f *Format) misfit(line []byte, i int) record.Cause {
	if len(line) == 0 && i > 0 && f.open {
		return 0
	}
	return record.CauseLayout
}

// end is the length of the value at the beginning of line, -1 when it does not end.
func (f *Format) end(line []byte, i int) int {
	p := &f.pieces[i]
	if i+1 == len(f.pieces) {
		if f.open {
			if k := bytes.IndexByte(line, ' '); k >= 0 {
				return k
			}
		}
		return len(line)
	}
	next := f.pieces[i+1].literal
	switch p.value {
	case quoted:
		return quotedEnd(line)
	case logged:
		if len(line) < stamp.LogBytes {
			return -1
		}
		return stamp.LogBytes
	case loose:
		for from := 0; ; {
			k := bytes.Index(line[from:], next)
			if k < 0 {
				return -1
			}
			k += from
			if t := line[k+len(next):]; len(t) >= stamp.LogBytes && t[2] == '/' && t[6] == '/' && t[11] == ':' {
				return k
			}
			from = k + 1
		}
	}
	if p.meaning.What == record.Path {
		// Apache writes a path decoded, spaces and all: within quotes it ends at the last place where it can.
		if q := quotedEnd(line); q > 0 && next[0] != '"' {
			return bytes.LastIndex(line[:q], next)
		}
	}
	if len(next) == 1 {
		return bytes.IndexByte(line, next[0])
	}
	return bytes.Index(line, next)
}

// quotedEnd is where the first quote stands that is not escaped.
func quotedEnd(b []byte) int {
	for i := 0; ; i++ {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return -1
		}
		i += k
		n := 0
		for i-1-n >= 0 && b[i-1-n] == '\\' {
			n++
		}
		if n%2 == 0 {
			return i
		}
	}
}

// putTarget takes %U%q apart.
func putTarget(l *record.Line, v []byte) {
	path, query, _ := bytes.Cut(v, []byte("?"))
	l.Put(&record.Meaning{What: record.Path}, path)
	l.Put(&record.Meaning{What: record.Query}, query)
}

func digits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0
}
