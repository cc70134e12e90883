package paths

import (
	"testing"

	"merlon/internal/learn/summary"
	"merlon/internal/model/dataclass"
)

func word(s string) summary.Segment { return summary.Segment{Text: s, Token: 7} }

func number(n uint64) summary.Segment {
	return summary.Segment{Kind: summary.Typed, Class: dataclass.SegmentInt, Low: n, High: n}
}

func TestAccepts(t *testing.T) {
	for _, c := range []struct {
		name, template string
		path           []summary.Segment
		literals       int
		ok             bool
	}{
		{"root", "/", nil, 0, true},
		{"literals", "/a/b", []summary.Segment{word("a"), word("b")}, 2, true},
		{"another literal", "/a/b", []summary.Segment{word("a"), word("c")}, 0, false},
		{"too long", "/a", []summary.Segment{word("a"), word("b")}, 0, false},
		{"a word at a parameter", "/a/{x}", []summary.Segment{word("a"), word("c")}, 1, true},
		{"a number at a parameter", "/a/{x}", []summary.Segment{word("a"), number(5)}, 1, true},
		{"the one number as a literal", "/1/a", []summary.Segment{number(1), word("a")}, 2, true},
		{"another number as a literal", "/1/a", []summary.Segment{number(2), word("a")}, 1, false},
		{"a known parameter at a literal", "/a/b", []summary.Segment{word("a"), {Kind: summary.Parameter}}, 1, false},
		{"a literal whose text did not travel", "/a", []summary.Segment{{Token: 9}}, 0, false},
		{"last slash of the path", "/a", []summary.Segment{word("a"), {}}, 1, true},
		{"last slash of the template", "/a/", []summary.Segment{word("a")}, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, ok := Parse(c.template).Accepts(c.path)
			if ok != c.ok || ok && n != c.literals {
				t.Fatalf("got %d literals, %v; want %d, %v", n, ok, c.literals, c.ok)
			}
		})
	}
}

func TestCoversAndSpecificity(t *testing.T) {
	for _, c := range []struct {
		a, b           string
		covers, before bool
	}{
		{"/a/{x}", "/a/b", true, false},
		{"/a/b", "/a/{x}", false, true},
		{"/a/{x}", "/a/{y}", true, false},
		{"/{x}/b", "/a/{x}", false, false},
		{"/a/{x}", "/{x}/b", false, true},
	} {
		a, b := Parse(c.a), Parse(c.b)
		if a.Covers(b) != c.covers || MoreSpecific(a, b) != c.before {
			t.Errorf("%s and %s: covers %v, more specific %v", c.a, c.b, a.Covers(b), MoreSpecific(a, b))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"/", "/a/{x}", "//", "/{", "/a{b}c/", "{}", "/{a}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := Parse(s)
		if again := Parse(p.String()); again.Nameless() != Parse(again.String()).Nameless() {
			t.Fatalf("%q reads as %q and that as %q", s, p, again)
		}
		if !p.Covers(p) || MoreSpecific(p, p) {
			t.Fatalf("%q does not cover itself", s)
		}
	})
}
