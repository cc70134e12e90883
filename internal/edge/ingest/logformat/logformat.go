// Package logformat compiles the log format strings of nginx, Apache httpd and Envoy to one matcher of log lines.
package logformat

import (
	"errors"
	"fmt"
	"strings"

	"merlon/internal/edge/ingest/record"
)

// Syntax is a way in which log formats are written.
type Syntax uint8

// The ways. Auto tells them apart by their directives.
const (
	Auto Syntax = iota
	Nginx
	Apache
	Envoy
)

// Escape is how a server writes bytes that would end a value.
type Escape uint8

// Backslashes before quotes and hexadecimal bytes; JSON strings; or nothing at all.
const (
	EscapeText Escape = iota
	EscapeJSON
	EscapeNone
)

// ErrFormat is returned for a log format that cannot be compiled; every mistake in it is listed.
var ErrFormat = errors.New("log format")

// maxFormat bounds a format string and maxPieces what it is made of.
const (
	maxFormat = 16 << 10
	maxPieces = 256
)

// Format is a compiled log format.
type Format struct {
	pieces []piece
	escape Escape
	// open lets something follow behind the last value.
	open bool
}

// piece is literal text with the value that stands behind it.
type piece struct {
	literal []byte
	meaning record.Meaning
	value   shape
}

// shape is how a value's end is found.
type shape uint8

const (
	none   shape = iota // nothing stands behind the literal
	until               // at the next literal
	quoted              // at a quote that is not escaped
	logged              // 26 bytes of time
	loose               // at a next literal behind which a time stands: names of users may hold anything
	target              // path and query written as one, as %U%q
)

// mistakes gathers what is wrong with a format.
type mistakes struct {
	list []string
}

func (m *mistakes) add(at int, text string, values ...any) {
	m.list = append(m.list, fmt.Sprintf("column %d: ", at+1)+fmt.Sprintf(text, values...))
}

func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrFormat, strings.Join(m.list, "; "))
}

// Compile reads a log format: the bare string, or the directive with its name as it stands in a configuration file
// (log_format main '...' '...'; or LogFormat "..." name). All mistakes are listed with their columns.
func Compile(text string, syntax Syntax) (*Format, error) {
	return compile(text, syntax, false)
}

func compile(text string, syntax Syntax, part bool) (*Format, error) {
	if len(text) > maxFormat {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrFormat, maxFormat)
	}
	c := compiler{f: new(Format), part: part}
	if c.text = text; part {
		c.f.escape = EscapeNone
	} else {
		c.text, c.at, c.f.escape = unwrap(text)
	}
	if syntax == Auto {
		syntax = guess(c.text)
	}
	switch syntax {
	case Nginx:
		c.nginx()
	case Apache:
		c.apache()
	case Envoy:
		c.envoy()
	default:
		return nil, fmt.Errorf("%w: there is no $variable, %%directive or %%COMMAND%% in it", ErrFormat)
	}
	c.finish()
	if err := c.m.err(); err != nil {
		return nil, err
	}
	return c.f, nil
}

// CompilePart compiles what is one value among others of a line, whose escapes are undone before. It may lack anything.
func CompilePart(text string, syntax Syntax) (*Format, error) {
	return compile(text, syntax, true)
}

// guess tells the syntax by the first directive.
func guess(s string) Syntax {
	for i := 0; i+1 < len(s); i++ {
		switch c := s[i+1]; {
		case s[i] == '$' && (letter(c) || c == '{'):
			return Nginx
		case s[i] == '%' && commandEnd(s, i) > 0:
			return Envoy
		case s[i] == '%' && c != '%':
			return Apache
		}
	}
	return Auto
}

func letter(c byte) bool { return (c|0x20)-'a' <= 25 || c == '_' }

// compiler builds a format.
type compiler struct {
	f       *Format
	m       mistakes
	text    string
	at      []int // columns of text's bytes in what the user gave; nil when they are the same
	literal []byte
	part    bool // one value of several: it may lack anything
}

func (c *compiler) column(i int) int {
	if c.at == nil || i >= len(c.at) {
		return i
	}
	return c.at[i]
}

func (c *compiler) mistake(i int, text string, values ...any) {
	c.m.add(c.column(i), text, values...)
}

// value ends the literal at hand with a value.
func (c *compiler) value(i int, m record.Meaning, s shape) {
	p := &c.f.pieces
	if len(*p) > 0 && len(c.literal) == 0 {
		last := &(*p)[len(*p)-1]
		if last.meaning.What == record.Path && m.What == record.Query {
			last.value = target
			return
		}
		c.mistake(i, "nothing stands between this value and the one before it, so their border cannot be told")
	}
	if len(*p) == maxPieces {
		c.mistake(i, "more than %d values", maxPieces)
		return
	}
	*p = append(*p, piece{literal: c.literal, meaning: m, value: s})
	c.literal = nil
}

// finish settles how each value's end is found.
func (c *compiler) finish() {
	f := c.f
	if len(c.literal) > 0 {
		f.pieces = append(f.pieces, piece{literal: c.literal})
	}
	for i := range f.pieces {
		p := &f.pieces[i]
		if p.value != until {
			continue
		}
		var next []byte
		if i+1 < len(f.pieces) {
			next = f.pieces[i+1].literal
		}
		switch {
		case len(p.literal) > 0 && p.literal[len(p.literal)-1] == '"' && len(next) > 0 && next[0] == '"' && f.escape != EscapeNone:
			p.value = quoted
		case i+1 < len(f.pieces) && f.pieces[i+1].value == logged && p.meaning.What == record.Nothing:
			p.value = loose
		}
	}
	if len(c.m.list) > 0 || c.part {
		return
	}
	has := make(map[record.What]bool)
	for _, what := range f.Means() {
		has[what] = true
	}
	if lack := Lacking(has); lack != "" {
		c.m.list = append(c.m.list, lack)
	}
}

// Lacking says what a format must have and has not; empty when it has enough.
func Lacking(has map[record.What]bool) string {
	var lack []string
	if !has[record.Time] {
		lack = append(lack, "a time ($time_iso8601, %t, %START_TIME%)")
	}
	if !has[record.Request] && !has[record.URL] && (!has[record.Method] || !has[record.URI] && !has[record.Path]) {
		lack = append(lack, `the request ("$request", "%r", or method and path)`)
	}
	if !has[record.Status] {
		lack = append(lack, "the status ($status, %>s, %RESPONSE_CODE%)")
	}
	if len(lack) == 0 {
		return ""
	}
	return "it lacks " + strings.Join(lack, " and ")
}

// Means are the meanings of the format's values.
func (f *Format) Means() (all []record.What) {
	for i := range f.pieces {
		if all = append(all, f.pieces[i].meaning.What); f.pieces[i].value == target {
			all = append(all, record.Query)
		}
	}
	return all
}

// Single is the meaning of a format that is one value and nothing else.
func (f *Format) Single() (m record.Meaning, ok bool) {
	if len(f.pieces) != 1 || len(f.pieces[0].literal) > 0 || f.pieces[0].value == target {
		return m, false
	}
	return f.pieces[0].meaning, true
}
