package upstream

import (
	"bytes"
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// request turns the checked head into what net/http takes: the same target byte by byte, the same end-to-end fields.
func (x *stream) request(ctx context.Context, s *Server, r *Request) (*http.Request, error) {
	h := r.Head
	host := string(h.Host)
	if len(r.Rewrite.Host) > 0 {
		host = string(r.Rewrite.Host)
	}
	if host == "" {
		host = s.host()
	}
	// net/http keeps connections by the URL's host: it is the server's, or every name that a client invents would get its own.
	u := &url.URL{Scheme: "http", Host: s.host(), Opaque: string(h.Path), RawQuery: string(h.RawQuery), ForceQuery: h.HasQuery && len(h.RawQuery) == 0}
	if s.target.TLS != nil {
		u.Scheme = "https"
	}
	if bytes.HasPrefix(h.Path, []byte("//")) {
		u.Opaque = "//" + host + u.Opaque // net/http takes two slashes for an authority and cuts it off again
	}
	req := (&http.Request{
		Method: string(h.Method), URL: u, Host: host, Header: make(http.Header, len(h.Fields)+len(r.Rewrite.Add)),
		Proto: "HTTP/2.0", ProtoMajor: 2,
	}).WithContext(ctx)
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID == exchange.HeaderHost || f.ID == exchange.HeaderExpect || uint64(r.Rewrite.Drop)&(1<<f.ID) != 0 || !h.EndToEnd(i) {
			continue
		}
		if r.Rewrite.DropForwarding && http1.IsForwarding(f.Name) {
			continue
		}
		req.Header.Add(string(f.Name), string(f.Value))
	}
	for _, f := range r.Rewrite.Add {
		req.Header.Add(string(f.Name), string(f.Value))
	}
	if !h.Has(exchange.HeaderUserAgent) {
		req.Header["User-Agent"] = nil // else net/http names itself
	}
	if h.Has(exchange.HeaderTE) {
		req.Header.Set("TE", "trailers") // gRPC servers ask for it; trailers are passed on
	}
	return req, x.setBody(req, r)
}

// setBody hands the body over: whole, when it is, so that net/http can send it again on a connection that was going away.
func (x *stream) setBody(req *http.Request, r *Request) error {
	h := r.Head
	switch {
	case r.Rest == nil && r.Trailers == nil && len(r.Body) == 0:
		req.Body = http.NoBody
		return nil
	case r.Rest == nil && h.Framing != http1.FramingChunked && int64(len(r.Body)) != max(h.ContentLength, 0):
		return errLength
	}
	x.body = &source{g: x.g, first: r.Body, rest: r.Rest, left: h.ContentLength, chunked: h.Framing == http1.FramingChunked, trailers: r.Trailers}
	req.Body, req.ContentLength = x.body, h.ContentLength
	if x.body.chunked && r.Rest == nil && r.Trailers == nil {
		req.ContentLength = int64(len(r.Body))
	}
	if r.Trailers != nil {
		req.Trailer = announced(h)
		x.body.into = req.Trailer
	}
	return nil
}

// announced are the trailers that the request's head names: HTTP/2's transport wants the names in advance.
func announced(h *http1.RequestHead) http.Header {
	t := make(http.Header)
	for i := range h.Fields {
		f := &h.Fields[i]
		if !strings.EqualFold(string(f.Name), "Trailer") {
			continue
		}
		for name := range strings.SplitSeq(string(f.Value), ",") {
			switch name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)); name {
			case "", "Transfer-Encoding", "Content-Length", "Trailer":
			default:
				t[name] = nil
			}
		}
	}
	return t
}
