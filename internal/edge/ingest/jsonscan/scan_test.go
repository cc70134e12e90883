package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzScanner holds the scanner to jsontext: the same texts are valid, and strings decode alike.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` [1, 2.5e-3, -0, true, false, null, "a\u00e9\ud83d\ude00\n"] `, `{"a":{"b":[{}]},"c":"\\\"/\/"}`, `[1,]`, `{"a"}`,
		`"\ud800"`, `"\ud800\u0041"`, "\"\x01\"", "\"\xff\"", `01`, `-`, `1.`, `.5`, `"\x"`, `{"a":1 "b":2}`, `[[[[[[]]]]]]`, `"unfinished`,
		`{"a":1,}`, `tru`, `"12345678\"12345678"`, `nullx`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > MaxDepth {
			return
		}
		v := jsontext.Value(b)
		want := v.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		var s Scanner
		s.Reset(b)
		s.Skip()
		s.End()
		if got := s.Err() == nil; got != want {
			t.Fatalf("%q: valid %v, want %v", b, got, want)
		}
		s.Reset(b)
		text, ok := s.Text()
		s.End()
		var plain string
		if json.Unmarshal(b, &plain) == nil && want && bytes.HasPrefix(bytes.TrimSpace(b), []byte{'"'}) {
			if s.Err() != nil || !ok || strings.ToValidUTF8(string(text), "\ufffd") != strings.ToValidUTF8(plain, "\ufffd") && !bytes.ContainsFunc(b, func(r rune) bool { return r == '\ufffd' }) {
				t.Fatalf("%q reads as %q (%v), want %q", b, text, s.Err(), plain)
			}
		}
	})
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		depth int
		want  error
	}{{"as deep as allowed", MaxDepth, nil}, {"one deeper", MaxDepth + 1, ErrDeep}, {"a million", 1_000_000, ErrDeep}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var s Scanner
			s.Reset([]byte(strings.Repeat("[", c.depth) + strings.Repeat("]", c.depth)))
			if s.Skip(); s.Err() != c.want {
				t.Errorf("cause %v, want %v", s.Err(), c.want)
			}
		})
	}
}
