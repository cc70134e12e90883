package ingest

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
		if bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > maxDepth {
			return
		}
		v := jsontext.Value(b)
		want := v.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		var s scanner
		s.reset(b)
		s.skip()
		s.end()
		if got := s.cause == 0; got != want {
			t.Fatalf("%q: valid %v, want %v", b, got, want)
		}
		s.reset(b)
		text, ok := s.text()
		s.end()
		var plain string
		if json.Unmarshal(b, &plain) == nil && want && bytes.HasPrefix(bytes.TrimSpace(b), []byte{'"'}) {
			if s.cause != 0 || !ok || strings.ToValidUTF8(string(text), "\ufffd") != strings.ToValidUTF8(plain, "\ufffd") && !bytes.ContainsFunc(b, func(r rune) bool { return r == '\ufffd' }) {
				t.Fatalf("%q reads as %q (%v), want %q", b, text, s.cause, plain)
			}
		}
	})
}

func TestDepth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		depth int
		want  Cause
	}{{"as deep as allowed", maxDepth, 0}, {"one deeper", maxDepth + 1, CauseDeep}, {"a million", 1_000_000, CauseDeep}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var s scanner
			s.reset([]byte(strings.Repeat("[", c.depth) + strings.Repeat("]", c.depth)))
			if s.skip(); s.cause != c.want {
				t.Errorf("cause %v, want %v", s.cause, c.want)
			}
		})
	}
}
