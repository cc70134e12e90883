// Package paths derives templates from paths: which words beside each other are values of one parameter.
//
// Counting children cannot tell, as any threshold both destroys some root and misses some parameter. What decides is how
// words behave: answers call values by name, the same words follow them, their answers have the same fields.
package paths

import (
	"slices"
	"strconv"
	"strings"

	"merlon/internal/learn/summary"
	"merlon/internal/model/dataclass"
)

// Position is one segment of a template.
type Position struct {
	Text  string // of a literal
	Param bool
	Name  string // of a parameter
	// Classes says what stood at a parameter, one bit per dataclass.SegmentClass.
	Classes uint32
}

// Template is a path as OpenAPI writes it.
type Template []Position

func (t Template) String() string {
	if len(t) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteByte('/')
		if p.Param {
			b.WriteByte('{')
			b.WriteString(p.Name)
			b.WriteByte('}')
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Nameless is the form in which templates are compared: names of parameters differ between people and do not matter.
func (t Template) Nameless() string {
	c := slices.Clone(t)
	for i := range c {
		c[i].Name = ""
	}
	return c.String()
}

// Parse reads OpenAPI's form. A segment that only contains a parameter ("{id}.json") counts as one as a whole.
func Parse(s string) Template {
	var t Template
	for _, seg := range strings.Split(strings.TrimPrefix(s, "/"), "/") {
		if i, j := strings.IndexByte(seg, '{'), strings.LastIndexByte(seg, '}'); i >= 0 && j > i {
			t = append(t, Position{Param: true, Name: seg[i+1 : j]})
		} else {
			t = append(t, Position{Text: seg})
		}
	}
	if len(t) == 1 && t[0] == (Position{}) {
		return nil
	}
	return t
}

// Accepts tells whether the template covers a leaf's path, and how many literals agree.
func (t Template) Accepts(segs []summary.Segment) (literals int, ok bool) {
	segs = Trimmed(segs)
	if n := len(t); n > 0 && t[n-1] == (Position{}) {
		t = t[:n-1]
	}
	if len(segs) != len(t) {
		return 0, false
	}
	for i, p := range t {
		if p.Param {
			if segs[i].Kind == summary.Literal && segs[i].Text == "" && segs[i].Token == 0 {
				return 0, false
			}
			continue
		}
		if text, known := literalOf(segs[i]); !known || text != p.Text {
			return 0, false
		}
		literals++
	}
	return literals, true
}

// Covers tells whether every path of o is one of t's.
func (t Template) Covers(o Template) bool {
	if len(t) != len(o) {
		return false
	}
	for i, p := range t {
		if !p.Param && (o[i].Param || o[i].Text != p.Text) {
			return false
		}
	}
	return true
}

// literalOf is the text of a segment that has only one.
func literalOf(s summary.Segment) (string, bool) {
	switch {
	case s.Kind == summary.Literal && (s.Text != "" || s.Token == 0):
		return s.Text, true
	case s.Kind == summary.Typed && s.Class == dataclass.SegmentInt && s.Low == s.High:
		return strconv.FormatUint(s.Low, 10), true
	}
	return "", false
}

// Trimmed leaves out a last empty segment: /users/ is /users.
func Trimmed(segs []summary.Segment) []summary.Segment {
	if n := len(segs); n > 0 && empty(segs[n-1]) {
		return segs[:n-1]
	}
	return segs
}

// empty tells whether a segment is the nothing behind a last slash. Its literal cannot travel, having no bytes; nothing
// else has no class, no text and an empty-value token, which every event of the path shares.
func empty(s summary.Segment) bool {
	return s.Kind == summary.Literal && s.Text == "" && s.Token == 0
}

// SegmentKey names a segment among its siblings.
func SegmentKey(s summary.Segment) string {
	switch s.Kind {
	case summary.Parameter:
		return "\x02"
	case summary.Typed:
		return "\x01" + string(rune('a'+s.Class))
	}
	if s.Text == "" && s.Token != 0 {
		return "\x00" + strconv.FormatUint(s.Token, 16)
	}
	return s.Text
}

// isWord tells keys of literals whose text is known.
func isWord(key string) bool { return key == "" || key[0] > 2 }

// MoreSpecific tells whether a, of two templates that cover one path, is the one that holds: the one with a literal where
// they first differ.
func MoreSpecific(a, b Template) bool {
	for i := range a {
		if a[i].Param != b[i].Param {
			return b[i].Param
		}
	}
	return false
}
