package http1

import (
	"errors"
	"slices"
	"strconv"

	"merlon/internal/model/exchange"
)

// ErrUnsafe says that text handed in for a message would break its framing: a name that is no token, or a control
// character in a value, reason or target.
var ErrUnsafe = errors.New("http1: text with control characters cannot be written into a message head")

// Continue is the interim response that tells a client to send the body it announced with Expect.
const Continue = "HTTP/1.1 100 Continue\r\n\r\n"

// Fields are extra field lines to write. They are checked: parsed fields were, these come from anywhere.
type Fields = []exchange.Field

// AppendChunk writes one chunk: its size line, data and CRLF. Empty data writes nothing, as an empty chunk would end
// the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = AppendChunkHead(dst, len(data))
	dst = append(dst, data...)
	return append(dst, '\r', '\n')
}

// AppendChunkHead writes the size line of a chunk of n bytes, n above zero, for writers that send data from where it
// lies (writev): the data and "\r\n" must follow.
func AppendChunkHead(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, '\r', '\n')
}

// AppendLastChunk ends a chunked body with its trailers, which must come from Body.Trailers or pass the same check.
func AppendLastChunk(dst []byte, trailers Fields) ([]byte, error) {
	start := len(dst)
	dst = append(dst, "0\r\n"...)
	for i := range trailers {
		var err error
		if dst, err = AppendField(dst, trailers[i].Name, trailers[i].Value); err != nil {
			return dst[:start], err
		}
	}
	return append(dst, '\r', '\n'), nil
}

// AppendField writes one field line after checking both parts; on ErrUnsafe dst is returned as it was.
func AppendField(dst, name, value []byte) ([]byte, error) {
	if !isToken(name) || !isText(value) {
		return dst, ErrUnsafe
	}
	return appendField(dst, name, value), nil
}

// AppendStatusLine begins a response of our own: "HTTP/1.1 status reason". Fields and an empty line must follow.
func AppendStatusLine(dst []byte, status int, reason string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendUint(dst, uint64(status), 10)
	dst = append(dst, ' ')
	for i := range len(reason) {
		if c := reason[i]; c >= 0x20 && c != 0x7f {
			dst = append(dst, c)
		}
	}
	return append(dst, '\r', '\n')
}

// appendField writes a field line without checking it.
func appendField(dst, name, value []byte) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(name)+len(value)+4)
	b := dst[n : n+len(name)+len(value)+4]
	k := copy(b, name)
	b[k], b[k+1] = ':', ' '
	k += 2
	k += copy(b[k:], value)
	b[k], b[k+1] = '\r', '\n'
	return dst[:n+len(b)]
}

// appendLength writes a Content-Length line.
func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}

// isToken tells whether name is a token of RFC 9110.
func isToken(name []byte) bool {
	for _, c := range name {
		if byteClass[c]&classToken == 0 {
			return false
		}
	}
	return len(name) > 0
}

// isText tells whether b holds no control character but tab.
func isText(b []byte) bool {
	for i := 0; ; i++ {
		if i, _ = scanText(b, i); i >= len(b) {
			return true
		}
		if b[i] != '\t' {
			return false
		}
	}
}
