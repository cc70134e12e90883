// Package onward says what a request looks like on its way to an upstream, whatever the client spoke: which fields are ours, and which of the client's end here.
package onward

import (
	"bytes"
	"net/netip"

	"merlon/internal/edge/http1"
	"merlon/internal/enforce/action"
	"merlon/internal/model/exchange"
)

// Names and values of the fields that are ours.
var (
	forwardedFor   = []byte("X-Forwarded-For")
	forwardedProto = []byte("X-Forwarded-Proto")
	schemes        = [2][]byte{[]byte("http"), []byte("https")}
	tagName        = []byte(action.TagHeader)

	// The content codings offered upstream are narrowed to what the walk undoes, so that answers can be judged. A client
	// that names no coding gets none.
	acceptEncoding = []byte("Accept-Encoding")
	gzip           = []byte("gzip")
	identity       = []byte("identity")
)

// drop are the well-known fields that are replaced by ours, or would contradict them: what a client sends as its address ends
// here, since the engine has used what trusted hops said.
var drop = http1.DropFields(exchange.HeaderXForwardedFor, exchange.HeaderForwarded, exchange.HeaderXRealIP,
	exchange.HeaderMerlonTag, exchange.HeaderAcceptEncoding)

// Request is what is known of a request when it goes on.
type Request struct {
	Head   *http1.RequestHead
	Client netip.Addr
	// Hops is how many proxies in front are believed. Without any, nobody but the client can have written what proxies tell
	// of clients (X-Forwarded-Proto, X-SSL-Client-Cert, True-Client-IP), so that it ends here, and the scheme is told by us.
	Hops int
	// Secure tells that the client's connection was TLS.
	Secure bool
	Reply  action.Reply
}

// Scratch is the memory of one request's added fields.
type Scratch struct {
	add     [4]exchange.Field
	address [64]byte
}

// Rewrite says how the request's head is written. It points into s.
func (s *Scratch) Rewrite(r Request) http1.Rewrite {
	add := append(s.add[:0], exchange.Field{Name: forwardedFor, Value: r.Client.AppendTo(s.address[:0])})
	if r.Hops == 0 {
		scheme := schemes[0]
		if r.Secure {
			scheme = schemes[1]
		}
		add = append(add, exchange.Field{Name: forwardedProto, Value: scheme})
	}
	if accepted := r.Head.Value(exchange.HeaderAcceptEncoding); accepted != nil {
		offer := identity
		if acceptsGzip(accepted) {
			offer = gzip
		}
		add = append(add, exchange.Field{Name: acceptEncoding, Value: offer})
	}
	if r.Reply.Tag != "" {
		add = append(add, exchange.Field{Name: tagName, Value: []byte(r.Reply.Tag)})
	}
	return http1.Rewrite{Drop: drop, DropForwarding: r.Hops == 0, Add: add}
}

// acceptsGzip reads a list of content codings (RFC 9110 section 12.5.3): gzip is wanted unless its weight is zero.
func acceptsGzip(list []byte) bool {
	for more := true; more; {
		var item []byte
		item, list, more = bytes.Cut(list, []byte(","))
		coding, weight, weighed := bytes.Cut(item, []byte(";"))
		if !bytes.EqualFold(bytes.TrimSpace(coding), gzip) {
			continue
		}
		weight = bytes.TrimSpace(weight)
		return !weighed || len(bytes.Trim(weight, "qQ=0.")) > 0
	}
	return false
}
