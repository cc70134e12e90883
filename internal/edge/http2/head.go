package http2

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// The pseudo-fields of requests (RFC 9113 section 8.3.1).
const (
	pseudoMethod = iota
	pseudoScheme
	pseudoAuthority
	pseudoPath
	numPseudo
)

// head writes a field section as the head of an HTTP/1.1 request: the normal form of every request, which edge/http1 judges.
// What HTTP/2 itself forbids is found here (sections 8.1.1 to 8.3.1), and so is every byte with which a name or value could
// break out of its line; everything else is the parser's to judge.
//
// Fields keep their order, save that Host comes first and the crumbs of a cookie are joined where the first of them stands.
type head struct {
	limit int
	text  []byte

	values   [numPseudo][]byte // of pseudo-fields; in scratch memory of their own
	seen     [numPseudo]bool
	lined    bool // the request line was written
	trailers bool // this section is of trailers
	ended    bool // the request has no body

	cookie   []byte
	cookieAt int // where its line belongs, 0 for none
	length   []byte
	sized    bool // there is a Content-Length

	bad  bool // malformed
	long bool // longer than the limit

	// How long method and target are in text.
	method, target int
}

func (h *head) begin(text []byte, trailers, ended bool) {
	h.text, h.trailers, h.ended = text[:0], trailers, ended
	h.lined = trailers
	h.seen = [numPseudo]bool{}
	h.cookie, h.cookieAt, h.length, h.sized = h.cookie[:0], 0, h.length[:0], false
	h.bad, h.long = false, false
	h.method, h.target = 0, 0
}

// field takes the next field. Its slices stand during the call.
func (h *head) field(name, value []byte) {
	if len(name) > 0 && name[0] == ':' {
		h.pseudo(name, value)
		return
	}
	if !h.lined {
		h.line()
	}
	if !validName(name) || !validValue(value) {
		h.bad = true // and left out: as evidence it would say something else than it meant
		return
	}
	switch exchange.LookupHeader(name) {
	case exchange.HeaderConnection, exchange.HeaderKeepAlive, exchange.HeaderProxyConnection, exchange.HeaderTransferEncoding, exchange.HeaderUpgrade:
		h.bad = true
		return
	case exchange.HeaderTE:
		if string(value) != "trailers" && len(value) > 0 {
			h.bad = true
		}
	case exchange.HeaderHost:
		if !h.trailers && h.seen[pseudoAuthority] {
			// It may repeat the authority, no more.
			if !bytes.EqualFold(value, h.values[pseudoAuthority]) {
				h.bad = true
			}
			return
		}
	case exchange.HeaderContentLength:
		if h.ended && (h.sized || len(bytes.Trim(value, "0")) > 0 || len(value) == 0) {
			h.bad = true // a length, and no body
		}
		h.sized = true
	case exchange.HeaderCookie:
		if h.trailers {
			break
		}
		if h.cookieAt == 0 {
			h.cookieAt = len(h.text)
		} else if h.fits(2 + len(value)) {
			h.cookie = append(h.cookie, ';', ' ')
		}
		if h.fits(len(value)) {
			h.cookie = append(h.cookie, value...)
		}
		return
	}
	h.append(name, value)
}

// trim gives back memory that a large head took.
func (h *head) trim() {
	for k, v := range h.values {
		if cap(v) > maxCut {
			h.values[k] = nil
		}
	}
	if cap(h.cookie) > 4*maxCut {
		h.cookie = nil
	}
}

// fits tells whether n more bytes may be kept.
func (h *head) fits(n int) bool {
	if h.long || len(h.text)+len(h.cookie)+n > h.limit {
		h.long = true
	}
	return !h.long
}

func (h *head) append(name, value []byte) {
	if !h.fits(len(name) + len(value) + 4) {
		return
	}
	h.text = append(h.text, name...)
	h.text = append(h.text, ':', ' ')
	h.text = append(h.text, value...)
	h.text = append(h.text, '\r', '\n')
}

func (h *head) pseudo(name, value []byte) {
	k := numPseudo
	switch string(name) {
	case ":method":
		k = pseudoMethod
	case ":scheme":
		k = pseudoScheme
	case ":authority":
		k = pseudoAuthority
	case ":path":
		k = pseudoPath
	}
	if h.lined || k == numPseudo || h.seen[k] {
		h.bad = true
		return
	}
	h.seen[k] = true
	h.values[k] = append(h.values[k][:0], value...)
}

// line writes the request line and the field Host from the pseudo-fields, which have all come.
func (h *head) line() {
	h.lined = true
	v := &h.values
	for k, seen := range h.seen {
		if !seen {
			v[k] = v[k][:0]
		}
	}
	connect := string(v[pseudoMethod]) == "CONNECT"
	switch {
	case !h.seen[pseudoMethod] || !validToken(v[pseudoMethod]):
		h.bad = true
	case connect:
		h.bad = h.bad || h.seen[pseudoScheme] || h.seen[pseudoPath] || !h.seen[pseudoAuthority]
		v[pseudoPath] = append(v[pseudoPath][:0], v[pseudoAuthority]...)
	case !h.seen[pseudoScheme] || !validScheme(v[pseudoScheme]) || !h.seen[pseudoPath] || len(v[pseudoPath]) == 0:
		h.bad = true
	case v[pseudoPath][0] != '/' && string(v[pseudoPath]) != "*":
		h.bad = true // it is never a whole URI
	}
	h.bad = printable(v[pseudoMethod]) || h.bad
	h.bad = printable(v[pseudoPath]) || h.bad
	h.bad = printable(v[pseudoAuthority]) || h.bad
	if !h.fits(len(v[pseudoMethod]) + len(v[pseudoPath]) + len(v[pseudoAuthority]) + len(" HTTP/1.1\r\nhost: \r\n ")) {
		// The text must stay one that is refused for its length.
		v[pseudoPath] = v[pseudoPath][:min(len(v[pseudoPath]), h.limit)]
		v[pseudoMethod] = v[pseudoMethod][:min(len(v[pseudoMethod]), maxCut)]
		v[pseudoAuthority] = v[pseudoAuthority][:min(len(v[pseudoAuthority]), maxCut)]
	}
	h.method, h.target = len(v[pseudoMethod]), len(v[pseudoPath])
	h.text = append(h.text, v[pseudoMethod]...)
	h.text = append(h.text, ' ')
	h.text = append(h.text, v[pseudoPath]...)
	h.text = append(h.text, " HTTP/1.1\r\n"...)
	if h.seen[pseudoAuthority] {
		h.text = append(h.text, "host: "...)
		h.text = append(h.text, v[pseudoAuthority]...)
		h.text = append(h.text, '\r', '\n')
	}
}

// maxCut is what is kept of a method or an authority in a head that is longer than the limit.
const maxCut = 1 << 10

// end completes the head.
func (h *head) end() {
	if !h.lined {
		h.line()
	}
	if h.cookieAt > 0 {
		h.joinCookie()
	}
	if h.trailers {
		return
	}
	if !h.ended && !h.sized {
		h.text = append(h.text, "transfer-encoding: chunked\r\n"...)
	}
	h.text = append(h.text, '\r', '\n')
}

// joinCookie puts the crumbs of the cookie where the first of them stood.
func (h *head) joinCookie() {
	const name, end = "cookie: ", "\r\n"
	tail := len(h.text) - h.cookieAt
	n := len(name) + len(h.cookie) + len(end)
	for range n {
		h.text = append(h.text, 0)
	}
	copy(h.text[h.cookieAt+n:], h.text[h.cookieAt:h.cookieAt+tail])
	at := h.text[h.cookieAt:]
	at = at[copy(at, name):]
	at = at[copy(at, h.cookie):]
	copy(at, end)
}

// printable replaces bytes that would end or split the request line, and tells whether there were any.
func printable(b []byte) (odd bool) {
	for i, c := range b {
		if c <= ' ' || c == 0x7f {
			b[i], odd = '?', true
		}
	}
	return odd
}
