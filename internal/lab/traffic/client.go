package traffic

import (
	"strconv"
	"strings"
)

// software is a kind of client program: what it sends beside the call, in its own order and casing. A header with an empty value is
// filled per call, or left out when the call has none.
type software struct {
	name    string
	ja4     string // as seen behind TLS
	h2      string // HTTP/2 settings; empty: the program speaks HTTP/1.1 even over TLS
	headers []Header
	lower   []string // the names over HTTP/2
}

// call is one request as a flow wants it, before its software dresses it.
type call struct {
	method, target string // target is path and query
	kind, body     string // content type and content
	upgrade        bool   // asks for a WebSocket
}

// order parses "Name: value" lines.
func order(lines string) (hs []Header) {
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, _ := strings.Cut(line, ":")
		hs = append(hs, Header{Name: name, Value: strings.TrimSpace(value)})
	}
	return hs
}

func program(name, ja4, h2, lines string) software {
	sw := software{name: name, ja4: ja4, h2: h2, headers: order(lines)}
	for _, f := range sw.headers {
		sw.lower = append(sw.lower, strings.ToLower(f.Name))
	}
	return sw
}

// dress returns the fields of one request in the software's order. Over HTTP/2 names are lower case and the connection's own are gone.
func (sw *software) dress(s *session, c *call, h2 bool) []Header {
	hs := make([]Header, 0, len(sw.headers)+4)
	for i, f := range sw.headers {
		switch f.Name {
		case "Host":
			f.Value = s.host
		case "Authorization":
			if s.bearer != "" {
				f.Value = "Bearer " + s.bearer
			}
		case "X-Api-Key":
			f.Value = s.key
		case "Cookie":
			f.Value = s.cookie
		case "Content-Type":
			f.Value = c.kind
		case "Content-Length":
			if c.body != "" || (c.method != "GET" && c.method != "HEAD") {
				f.Value = strconv.Itoa(len(c.body))
			}
		case "Connection":
			if c.upgrade {
				f.Value = "Upgrade"
			}
		case "Origin":
			if c.method == "GET" && !c.upgrade {
				continue
			}
		}
		if f.Value == "" || (h2 && (f.Name == "Host" || f.Name == "Connection")) {
			continue
		}
		if h2 {
			f.Name = sw.lower[i]
		}
		hs = append(hs, f)
	}
	if c.upgrade {
		hs = append(hs, Header{Name: "Upgrade", Value: "websocket"}, Header{Name: "Sec-WebSocket-Version", Value: "13"}, Header{Name: "Sec-WebSocket-Key", Value: s.nonce()})
	}
	return hs
}
