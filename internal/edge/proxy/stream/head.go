package stream

import (
	"net/http"
	"slices"
	"strings"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// writeHead writes a request as the head of an HTTP/1.1 request into dst: the normal form of every request. names is scratch.
// It reports what the form of HTTP/2 and HTTP/3 itself forbids and what would be lost in writing (RFC 9113 section 8.2.2 and
// 8.3.1); everything else is the parser's to judge.
//
// net/http and quic-go have checked that no value holds a control character, and joined the crumbs of cookies. Fields come
// out of a map and are written by name, since their order is lost.
func writeHead(dst []byte, names []string, r *http.Request) (head []byte, sorted []string, fault exchange.Anomaly) {
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, r.RequestURI...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, r.Host...)
	dst = append(dst, '\r', '\n')
	names = names[:0]
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	sized := false
	for _, name := range names {
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
		dst = appendTrailerNames(dst, r.Trailer)
	}
	if r.ContentLength != 0 && !sized {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	dst = append(dst, '\r', '\n')
	if fault == 0 && (len(r.RequestURI) == 0 || r.RequestURI[0] != '/' && r.RequestURI != "*" && r.Method != http.MethodConnect) {
		fault = exchange.AnomalyHTTP2Malformed // :path is never a whole URI
	}
	return dst, names, fault
}

func appendLine(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// appendTrailerNames announces trailers as the request did.
func appendTrailerNames(dst []byte, t http.Header) []byte {
	all := make([]string, 0, len(t))
	for name := range t {
		all = append(all, name)
	}
	slices.Sort(all)
	return appendLine(dst, "Trailer", strings.Join(all, ", "))
}

// describes tells whether h says what r said and nothing else: the proof that nothing in r has broken out of its place.
func describes(h *http1.RequestHead, r *http.Request, n, size int) bool {
	return n == size && string(h.Method) == r.Method && string(h.Target) == r.RequestURI
}

// parseTrailers judges the trailers of a request as those of a chunked HTTP/1.1 body, which keeps those that may be passed on.
// scratch is used and returned.
func parseTrailers(b *http1.Body, h *http1.RequestHead, l *http1.Limits, t http.Header, scratch []byte) ([]byte, error) {
	out := append(scratch[:0], "0\r\n"...)
	all := make([]string, 0, len(t))
	for name := range t {
		all = append(all, name)
	}
	slices.Sort(all)
	for _, name := range all {
		for _, v := range t[name] {
			out = appendLine(out, name, v)
		}
	}
	out = append(out, '\r', '\n')
	b.BeginRequest(h, l)
	_, n, done, err := b.Next(out)
	switch {
	case err != nil:
		return out, err
	case !done || n != len(out):
		return out, http1.RejectError(exchange.AnomalyHTTP2Malformed)
	}
	return out, nil
}
