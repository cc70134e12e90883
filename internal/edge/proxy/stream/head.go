package stream

import (
	"net/http"
	"slices"
	"strings"

	"merlon/internal/model/exchange"
)

// writeHead writes a request of HTTP/3 as the head of an HTTP/1.1 request into dst: the normal form of every request, as
// edge/http2 writes it. It reports what the form of HTTP/3 itself forbids and what would be lost in writing (RFC 9114 sections
// 4.2 and 4.3.1); everything else is the parser's to judge.
//
// quic-go has checked that no value holds a control character, and joined the crumbs of cookies. Fields come out of a map and
// are written by name, since their order is lost.
func writeHead(dst []byte, r *http.Request) (head []byte, fault exchange.Anomaly) {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, r.RequestURI...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, r.Host...)
	dst = append(dst, '\r', '\n')
	sized := false
	for _, name := range names(r.Header) {
		values := r.Header[name]
		switch name {
		case "Host":
			// It may repeat the authority, no more.
			if len(values) == 1 && strings.EqualFold(values[0], r.Host) {
				continue
			}
		case "Content-Length":
			sized = true
			if r.ContentLength == 0 && (len(values) != 1 || strings.Trim(values[0], "0") != "") {
				fault = exchange.AnomalyHTTP2Malformed // a length, and no body
			}
		case "Te":
			if len(values) != 1 || values[0] != "trailers" && values[0] != "" {
				fault = exchange.AnomalyHTTP2Malformed
			}
		case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade":
			fault = exchange.AnomalyHTTP2Malformed
			continue // as evidence they would say something else than they meant
		case "Cookie":
			if len(values) > 1 {
				values = []string{strings.Join(values, "; ")}
			}
		}
		for _, v := range values {
			dst = appendLine(dst, name, v)
		}
	}
	if len(r.Trailer) > 0 {
		dst = appendLine(dst, "Trailer", strings.Join(names(r.Trailer), ", "))
	}
	if r.ContentLength != 0 && !sized {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	dst = append(dst, '\r', '\n')
	if fault == 0 && (len(r.RequestURI) == 0 || r.RequestURI[0] != '/' && r.RequestURI != "*" && r.Method != http.MethodConnect) {
		fault = exchange.AnomalyHTTP2Malformed // :path is never a whole URI
	}
	return dst, fault
}

func appendLine(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// names are those of h, in order.
func names(h http.Header) []string {
	all := make([]string, 0, len(h))
	for name := range h {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
