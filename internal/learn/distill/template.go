package distill

import (
	"slices"
	"strconv"
	"strings"

	"merlon/internal/learn/summary"
	"merlon/internal/model/dataclass"
)

// position is one segment of a template.
type position struct {
	text  string // of a literal
	param bool
	name  string // of a parameter
	// classes says what stood at a parameter, one bit per dataclass.SegmentClass.
	classes uint32
}

// template is a path as OpenAPI writes it.
type template []position

func (t template) String() string {
	if len(t) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteByte('/')
		if p.param {
			b.WriteByte('{')
			b.WriteString(p.name)
			b.WriteByte('}')
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// nameless is the form in which templates are compared: names of parameters differ between people and do not matter.
func (t template) nameless() string {
	c := slices.Clone(t)
	for i := range c {
		c[i].name = ""
	}
	return c.String()
}

// parseTemplate reads OpenAPI's form. A segment that only contains a parameter ("{id}.json") counts as one as a whole.
func parseTemplate(s string) template {
	var t template
	for _, seg := range strings.Split(strings.TrimPrefix(s, "/"), "/") {
		if i, j := strings.IndexByte(seg, '{'), strings.LastIndexByte(seg, '}'); i >= 0 && j > i {
			t = append(t, position{param: true, name: seg[i+1 : j]})
		} else {
			t = append(t, position{text: seg})
		}
	}
	if len(t) == 1 && t[0] == (position{}) {
		return nil
	}
	return t
}

// accepts tells whether the template covers a leaf's path, and how many literals agree.
func (t template) accepts(segs []summary.Segment) (literals int, ok bool) {
	segs = trimmed(segs)
	if n := len(t); n > 0 && t[n-1] == (position{}) {
		t = t[:n-1]
	}
	if len(segs) != len(t) {
		return 0, false
	}
	for i, p := range t {
		if p.param {
			if segs[i].Kind == summary.Literal && segs[i].Text == "" && segs[i].Token == 0 {
				return 0, false
			}
			continue
		}
		if text, known := literalOf(segs[i]); !known || text != p.text {
			return 0, false
		}
		literals++
	}
	return literals, true
}

// covers tells whether every path of o is one of t's.
func (t template) covers(o template) bool {
	if len(t) != len(o) {
		return false
	}
	for i, p := range t {
		if !p.param && (o[i].param || o[i].text != p.text) {
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

// trimmed leaves out a last empty segment: /users/ is /users.
func trimmed(segs []summary.Segment) []summary.Segment {
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

// segmentKey names a segment among its siblings.
func segmentKey(s summary.Segment) string {
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
