package jsonlog

import (
	"fmt"
	"strings"

	"merlon/internal/edge/ingest/jsonscan"
	"merlon/internal/edge/ingest/logformat"
	"merlon/internal/edge/ingest/record"
)

// Compile makes a map of a log format that is itself a JSON object: '{"t":"$time_iso8601","status":$status,...}'. The
// members may then stand in any order, and others beside them.
func Compile(text string, syntax logformat.Syntax) (*Map, error) {
	quoted := quoteBare(text)
	var s jsonscan.Scanner
	s.Reset([]byte(quoted))
	c := templateCompiler{s: &s, syntax: syntax, has: make(map[record.What]bool)}
	m := c.object(0)
	s.End()
	if s.Err() != nil {
		return nil, fmt.Errorf("%w: it begins like a JSON object and is none", logformat.ErrFormat)
	}
	if len(c.wrong) == 0 {
		if lack := logformat.Lacking(c.has); lack != "" {
			c.wrong = append(c.wrong, lack)
		}
	}
	if len(c.wrong) > 0 {
		return nil, fmt.Errorf("%w: %s", logformat.ErrFormat, strings.Join(c.wrong, "; "))
	}
	return m, nil
}

// quoteBare puts quotes around directives that stand for numbers, outside of strings.
func quoteBare(text string) string {
	var b strings.Builder
	inside, bare := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if bare && strings.IndexByte(",}] \t\r\n", c) >= 0 {
			b.WriteByte('"')
			bare = false
		}
		switch {
		case inside && c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
			c = text[i]
		case c == '"':
			inside = !inside
		case !inside && !bare && (c == '$' || c == '%'):
			b.WriteByte('"')
			bare = true
		}
		b.WriteByte(c)
	}
	return b.String()
}

type templateCompiler struct {
	s      *jsonscan.Scanner
	syntax logformat.Syntax
	has    map[record.What]bool
	wrong  []string
}

func (c *templateCompiler) object(depth int) *Map {
	m := &Map{members: make(map[string]*Map)}
	if !c.s.Open('{') {
		return m
	}
	for n := 0; c.s.More(&n, '}'); {
		key := string(c.s.Key())
		switch {
		case c.s.Peek() == '{' && depth < maxMapped:
			m.members[key] = c.object(depth + 1)
		case c.s.Peek() == '"':
			v, _ := c.s.Text()
			if member := c.value(key, string(v)); member != nil {
				m.members[key] = member
			}
		default:
			c.s.Skip()
		}
	}
	return m
}

// value compiles one member's string; text without a directive means nothing.
func (c *templateCompiler) value(key, text string) *Map {
	if !strings.ContainsAny(text, "$%") {
		return nil
	}
	f, err := logformat.CompilePart(text, c.syntax)
	if err != nil {
		c.wrong = append(c.wrong, fmt.Sprintf("member %q: %s", key, strings.TrimPrefix(err.Error(), logformat.ErrFormat.Error()+": ")))
		return nil
	}
	for _, what := range f.Means() {
		c.has[what] = true
	}
	if one, ok := f.Single(); ok {
		return &Map{meaning: one}
	}
	return &Map{parts: f}
}
