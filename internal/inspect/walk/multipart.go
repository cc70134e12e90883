package walk

import (
	"bytes"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
)

// multipart walks a multipart/form-data body (RFC 7578) beneath its root. A field of text is a string; a field declared
// as JSON is walked; a file is an object of its filename, its type and the beginning of its content. Lines end with CRLF
// and nothing else: what only lenient parsers read is malformed.
func (w *Walker) multipart(b, contentType []byte, cut bool) bool {
	boundary := parameter(contentType, "boundary")
	if len(boundary) == 0 || len(boundary) > 70 { // RFC 2046 section 5.1.1
		return w.malformed(0)
	}
	var buf [74]byte
	delimiter := append(append(buf[:0], "\r\n--"...), boundary...)
	root := w.root(exchange.KindObject)
	if root < 0 {
		return false
	}
	i := 0
	if bytes.HasPrefix(b, delimiter[2:]) {
		i = len(delimiter) - 2
	} else if at := bytes.Index(b, delimiter); at >= 0 {
		i = at + len(delimiter) // a preamble, which is to be ignored
	} else {
		return w.jsonEnd(b, len(b), cut)
	}
	for n := 0; ; n++ {
		// Behind a delimiter: "--" ends the body, CRLF begins a part.
		if i+2 > len(b) {
			return w.jsonEnd(b, len(b), cut)
		}
		if b[i] == '-' && b[i+1] == '-' {
			w.leaves[root].Len = uint32(n)
			return true
		}
		if b[i] != '\r' || b[i+1] != '\n' {
			return w.malformed(i)
		}
		end := bytes.Index(b[i:], delimiter)
		// An empty part body may share its CRLF with the head's empty line, never with the delimiter in front.
		part, whole := b[i+2:], false
		if end >= 2 {
			part, whole = b[i+2:i+end:i+end], true
		} else if end >= 0 {
			return w.malformed(i)
		}
		w.leaves[root].Len = uint32(n + 1)
		if !whole && !cut {
			return w.malformed(len(b))
		}
		switch {
		case n >= w.lim.Parts || w.full():
			w.report.Skipped++
			w.report.Issues.add(IssueTooMany)
		case !w.partOf(root, part, !whole):
			return w.malformed(i)
		}
		if !whole {
			return false
		}
		i += end + len(delimiter)
	}
}

// partOf walks one part: its head, an empty line, its content.
func (w *Walker) partOf(root int32, b []byte, cut bool) bool {
	var disposition, kind []byte
	for {
		end := bytes.Index(b, []byte("\r\n"))
		if end < 0 {
			return cut
		}
		line := b[:end]
		b = b[end+2:]
		if end == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return false
		}
		switch value := bytes.TrimSpace(line[colon+1:]); {
		case colon == len("content-disposition") && hasPrefix(line, "content-disposition"):
			if disposition != nil {
				return false
			}
			disposition = value
		case colon == len("content-type") && hasPrefix(line, "content-type"):
			kind = value
		}
	}
	if !hasPrefix(disposition, "form-data") {
		return false
	}
	name := parameter(disposition, "name")
	loc, t, _, again := w.member(exchange.RootLoc(w.part), root, name)
	flags := flagsOf(t, again)
	filename := parameter(disposition, "filename")
	if filename == nil {
		filename = parameter(disposition, "filename*")
	}
	if filename == nil {
		if declaredKind(kind) == exchange.BodyJSON {
			at := len(w.leaves)
			ok := w.jsonText(b, root, loc, t, cut)
			if at < len(w.leaves) {
				w.leaves[at].Name = name
				w.leaves[at].Flags |= flags
			}
			return ok || cut
		}
		l := w.grow(loc, root, name, flags, 0)
		w.text(l, b, t)
		return true
	}
	file := int32(len(w.leaves))
	l := w.grow(loc, root, name, flags, 0)
	l.Kind, l.Len = exchange.KindObject, 3
	if w.full() {
		w.skip()
		return true
	}
	w.pair(file, loc, fileName, filename)
	if len(kind) > 0 && !w.full() {
		w.pair(file, loc, fileType, kind)
	}
	if w.full() {
		w.skip()
		return true
	}
	head := b
	if len(head) > w.lim.Text {
		head = head[:w.lim.Text]
	}
	l = w.grow(exchange.MemberLoc(loc, fileContent), file, fileContent, 0, 0)
	w.text(l, head, namePersonal)
	if l.Len = uint32(len(b)); len(head) < len(b) {
		l.Flags |= exchange.LeafTruncated
	}
	if !isText(head) {
		l.Classes, l.Flags = 1<<dataclass.Binary, l.Flags&^exchange.LeafIdentifier
	}
	return true
}

// The members of a file. They are constant.
var fileName, fileType, fileContent = []byte("filename"), []byte("type"), []byte("content")

// parameter finds a parameter of a field value (RFC 9110 section 5.6.6) and returns its value, out of its quotes; a
// quoted value ends at the next quote, since browsers write a quote inside as %22 and a backslash as itself. nil when
// there is none.
func parameter(v []byte, name string) []byte {
	for {
		semi := bytes.IndexByte(v, ';')
		if semi < 0 {
			return nil
		}
		v = bytes.TrimLeft(v[semi+1:], " \t")
		eq := bytes.IndexByte(v, '=')
		if eq < 0 {
			return nil
		}
		key := v[:eq]
		v = v[eq+1:]
		var value []byte
		if len(v) > 0 && v[0] == '"' {
			end := bytes.IndexByte(v[1:], '"')
			if end < 0 {
				return nil
			}
			value, v = v[1:1+end:1+end], v[end+2:]
		} else {
			end := bytes.IndexAny(v, "; \t")
			if end < 0 {
				end = len(v)
			}
			value, v = v[:end:end], v[end:]
		}
		if len(key) == len(name) && hasPrefix(key, name) {
			return value
		}
	}
}
