package walk

import (
	"bytes"
	"unicode/utf8"

	"merlon/internal/model/exchange"
)

// body walks the body of one direction and sets its BodyKind and Walked. Without sight of the body, or with none, it
// does nothing: BodyNone is walked to its end when the source could see that there is nothing.
func (w *Walker) body(m *exchange.Message, seen bool) {
	m.BodyKind, m.Walked = exchange.BodyNone, false
	if !seen {
		return
	}
	if len(m.Body) == 0 {
		m.Walked = m.BodySize == 0
		return
	}
	cut := m.BodySize > int64(len(m.Body))
	b := m.Body
	if coding, ok := m.Field(exchange.HeaderContentEncoding); ok && !identity(coding) {
		var known bool
		if b, known, cut = w.decode(coding, b, cut); !known {
			m.BodyKind = exchange.BodyUndecodable
			return
		}
	}
	declared, _ := m.Field(exchange.HeaderContentType)
	kind := declaredKind(declared)
	ok := true
	switch sniffed := looksJSON(b); {
	case kind == exchange.BodyJSON:
		ok = w.jsonText(b, -1, exchange.RootLoc(w.part), 0, cut)
		if w.report.Issues.Has(IssueMalformed) {
			kind = exchange.BodyUndecodable
		}
	case kind == exchange.BodyForm:
		w.form(b, cut)
	case kind == exchange.BodyMultipart:
		if ok = w.multipart(b, declared, cut); w.report.Issues.Has(IssueMalformed) {
			kind = exchange.BodyUndecodable
		}
	case sniffed && (kind == exchange.BodyNone || kind == exchange.BodyText || kind == exchange.BodyBinary) && w.sniffJSON(b, cut, &ok):
		if kind != exchange.BodyNone {
			w.report.Issues.add(IssueTypeDiffers)
		}
		kind = exchange.BodyJSON
	case kind == exchange.BodyNone:
		kind = w.opaque(b)
	case kind == exchange.BodyText:
		w.opaque(b)
	}
	m.BodyKind = kind
	m.Walked = ok && !cut && w.report.Issues&(1<<IssueTooMany|1<<IssueBomb|1<<IssueCorrupt) == 0
}

// sniffJSON tries a body of another declared type as JSON and leaves no trace of it when it is not.
func (w *Walker) sniffJSON(b []byte, cut bool, ok *bool) bool {
	leaves, report := len(w.leaves), w.report
	*ok = w.jsonText(b, -1, exchange.RootLoc(w.part), 0, cut)
	if *ok || cut && !w.report.Issues.Has(IssueMalformed) {
		return true
	}
	w.leaves, w.report, *ok = w.leaves[:leaves], report, true
	return false
}

// looksJSON tells whether the first significant byte opens an object or an array of JSON.
func looksJSON(b []byte) bool {
	i := space(b, 0)
	if i+1 >= len(b) {
		return false
	}
	switch b[i] {
	case '{':
		i = space(b, i+1)
		return i < len(b) && (b[i] == '"' || b[i] == '}')
	case '[':
		i = space(b, i+1)
		return i < len(b) && (b[i]-'0' < 10 || bytes.IndexByte([]byte(`"{[]-tfn`), b[i]) >= 0)
	}
	return false
}

// opaque makes one leaf of a text, and none of bytes that are no text.
func (w *Walker) opaque(b []byte) exchange.BodyKind {
	head := b
	if len(head) > w.lim.Text {
		head = head[:w.lim.Text]
		for k := 0; k < utf8.UTFMax-1 && len(head) > 0 && !utf8.RuneStart(b[len(head)]); k++ {
			head = head[:len(head)-1]
		}
	}
	if !isText(head) {
		return exchange.BodyBinary
	}
	if w.full() {
		w.skip()
		return exchange.BodyText
	}
	l := w.grow(exchange.RootLoc(w.part), -1, nil, 0, 0)
	w.text(l, head, namePersonal)
	if l.Len = uint32(len(b)); len(head) < len(b) {
		l.Flags |= exchange.LeafTruncated
	}
	return exchange.BodyText
}

// isText tells UTF-8 without control characters other than those of lines.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' {
			return false
		}
	}
	return utf8.Valid(b)
}

// declaredKind reads the kind from a Content-Type: BodyNone when there is none or it says nothing.
func declaredKind(v []byte) exchange.BodyKind {
	end := 0
	for end < len(v) && v[end] != ';' && v[end] != ' ' && v[end] != ',' {
		end++
	}
	var buf [64]byte
	if end == 0 || end > len(buf) {
		return exchange.BodyNone
	}
	s := buf[:lower(buf[:], v[:end])]
	switch string(s) {
	case "application/json", "text/json", "application/x-json":
		return exchange.BodyJSON
	case "application/x-www-form-urlencoded":
		return exchange.BodyForm
	case "multipart/form-data":
		return exchange.BodyMultipart
	case "application/xml", "text/xml":
		return exchange.BodyXML
	case "application/octet-stream":
		return exchange.BodyNone
	case "application/javascript", "application/x-ndjson", "application/graphql", "application/x-yaml", "application/yaml", "application/toml":
		return exchange.BodyText
	}
	switch {
	case bytes.HasSuffix(s, []byte("+json")):
		return exchange.BodyJSON
	case bytes.HasSuffix(s, []byte("+xml")):
		return exchange.BodyXML
	case bytes.HasPrefix(s, []byte("text/")):
		return exchange.BodyText
	case bytes.HasPrefix(s, []byte("image/")), bytes.HasPrefix(s, []byte("audio/")), bytes.HasPrefix(s, []byte("video/")), bytes.HasPrefix(s, []byte("font/")):
		return exchange.BodyBinary
	}
	return exchange.BodyNone
}

// IsJSON tells whether a Content-Type declares JSON.
func IsJSON(contentType []byte) bool { return declaredKind(contentType) == exchange.BodyJSON }
