package proxy

import (
	"bytes"
	"errors"
	"strconv"

	"merlon/internal/edge/http1"
	"merlon/internal/enforce/action"
	"merlon/internal/model/exchange"
)

// forwardedFor is the header that tells the upstream the client's address. What a client sends under that name is
// dropped with it: the engine has used what trusted hops said.
var forwardedFor = []byte("X-Forwarded-For")

var tagName = []byte(action.TagHeader)

// dropUpstream are the well-known request fields that are replaced by ours, or would contradict them.
var dropUpstream = http1.DropFields(exchange.HeaderXForwardedFor, exchange.HeaderForwarded, exchange.HeaderXRealIP,
	exchange.HeaderMerlonTag, exchange.HeaderAcceptEncoding)

// The content codings offered upstream are narrowed to what the walk undoes, so that answers can be judged. A client
// that names no coding gets none.
var (
	acceptEncoding = []byte("Accept-Encoding")
	gzipOnly       = []byte("gzip")
	noCoding       = []byte("identity")
)

// forward sends the request on and deals with the answer.
func (f *flow) forward(up *upstreams, reply action.Reply) bool {
	c := f.c
	if err := f.writeRequest(reply); err != nil {
		return f.failed(502, err)
	}
	f.up = up.pick()
	streamed := !f.whole
	for attempt := 0; ; attempt++ {
		uc, reused, err := f.up.take(c.s.life, c.s.o.Timeouts.Connect)
		if err != nil {
			return f.failed(statusOf(err), err)
		}
		f.uc = uc
		c.upstream.Store(uc) // so that a shutdown that has waited long enough can cut it
		uc.start, uc.end = 0, 0
		f.sent = c.now()
		uc.expect(f.sent, c.s.o.Timeouts.Response)
		if !streamed {
			err = uc.send(c.out, reused)
		} else {
			err = f.sendStreaming(reused)
		}
		if err == nil {
			return f.answer()
		}
		// Nothing of an answer has been seen. On a kept connection that was found stale before anything was written,
		// every request may be sent again; on one that the upstream closed just now, those that may be asked twice and
		// are still all here.
		again := errors.Is(err, errStale) || attempt == 0 && !streamed && uc.end == 0 && !isTimeout(err) && idempotent(c.head.MethodID)
		if reused && again {
			uc.close()
			continue
		}
		var gone clientGone
		if errors.As(err, &gone) {
			uc.close()
			return f.bodyCut(gone.cause)
		}
		var reject http1.RejectError
		if errors.As(err, &reject) {
			uc.close()
			return f.bodyRefused(err)
		}
		return f.failed(statusOf(err), err)
	}
}

func idempotent(m http1.Method) bool {
	switch m {
	case http1.MethodGet, http1.MethodHead, http1.MethodPut, http1.MethodDelete, http1.MethodOptions, http1.MethodTrace:
		return true
	}
	return false
}

// writeRequest writes the request for the upstream into c.out: the head afresh from its checked form, and the body when
// it is whole, so that one system call sends both.
func (f *flow) writeRequest(reply action.Reply) error {
	c, x := f.c, &f.t.Exchange
	var address [64]byte
	add := append(c.add[:0], exchange.Field{Name: forwardedFor, Value: x.Client.Addr.AppendTo(address[:0])})
	if accepted := c.head.Value(exchange.HeaderAcceptEncoding); accepted != nil {
		offer := noCoding
		if acceptsGzip(accepted) {
			offer = gzipOnly
		}
		add = append(add, exchange.Field{Name: acceptEncoding, Value: offer})
	}
	if reply.Tag != "" {
		add = append(add, exchange.Field{Name: tagName, Value: []byte(reply.Tag)})
	}
	w := &c.rewrite
	*w = http1.Rewrite{Drop: dropUpstream, Add: add}
	if len(c.head.Host) == 0 {
		w.Host = []byte(f.fallbackHost())
	}
	if f.whole && c.head.Framing == http1.FramingChunked && len(c.body.Trailers) == 0 {
		// A body that is here has a length: one framing fewer to disagree about.
		w.Reframe, w.Framing, w.Length = true, http1.FramingLength, int64(len(x.Request.Body))
	}
	var err error
	if c.out, err = http1.AppendRequestHead(c.out[:0], &c.head, w); err != nil {
		return err
	}
	switch {
	case f.chunked():
		c.out = http1.AppendChunk(c.out, x.Request.Body)
		if f.whole {
			c.out, err = http1.AppendLastChunk(c.out, c.body.Trailers)
		}
	default:
		c.out = append(c.out, x.Request.Body...)
	}
	return err
}

// acceptsGzip reads a list of content codings (RFC 9110 section 12.5.3): gzip is wanted unless its weight is zero.
func acceptsGzip(list []byte) bool {
	for more := true; more; {
		var item []byte
		item, list, more = bytes.Cut(list, []byte(","))
		coding, weight, weighed := bytes.Cut(item, []byte(";"))
		if !bytes.EqualFold(bytes.TrimSpace(coding), gzipOnly) {
			continue
		}
		weight = bytes.TrimSpace(weight)
		return !weighed || len(bytes.Trim(weight, "qQ=0.")) > 0
	}
	return false
}

// chunked tells whether the request's body is written in chunks.
func (f *flow) chunked() bool {
	return f.c.head.Framing == http1.FramingChunked && !f.c.rewrite.Reframe
}

// fallbackHost is the Host for an HTTP/1.0 request that named none.
func (f *flow) fallbackHost() string { return f.c.s.upstreams[f.t.Exchange.Site].list[0].Address }

// clientGone marks an error of the client's side while its body was streamed.
type clientGone struct{ cause error }

// Error implements error.
func (e clientGone) Error() string { return "the client's body ended early: " + e.cause.Error() }

// sendStreaming sends what is in c.out, then the rest of the body as it comes, then waits for the answer.
func (f *flow) sendStreaming(reused bool) error {
	c, uc := f.c, f.uc
	if reused {
		if err := uc.check(); err != nil {
			return err
		}
	}
	if _, err := uc.nc.Write(c.out); err != nil {
		return f.earlyAnswer(err)
	}
	for !f.whole {
		if c.start == c.end {
			f.spareHead()
			c.readWithin(c.now(), c.s.o.Timeouts.Body)
			if err := c.fill(); err != nil {
				return clientGone{err}
			}
			uc.expect(c.now(), c.s.o.Timeouts.Response)
		}
		payload, n, done, err := c.body.Next(c.buf[c.start:c.end])
		c.start += n
		if err != nil {
			return err
		}
		f.whole = done
		c.out = c.out[:0]
		if f.chunked() {
			if len(payload) > 0 {
				c.out = http1.AppendChunk(c.out, payload)
			}
			if done {
				if c.out, err = http1.AppendLastChunk(c.out, c.body.Trailers); err != nil {
					return err
				}
			}
			payload = c.out
		}
		if len(payload) == 0 {
			continue
		}
		if _, err := uc.nc.Write(payload); err != nil {
			return f.earlyAnswer(err)
		}
	}
	f.noteBody()
	f.t.Exchange.Request.BodySize = c.body.Size
	f.sent = c.now() // latency counts from the request's last byte
	return uc.fill()
}

// earlyAnswer looks whether an upstream that takes no more of the body has said why, such as 413.
func (f *flow) earlyAnswer(cause error) error {
	f.t.Exchange.Request.BodySize = f.c.body.Size
	if isTimeout(cause) || f.uc.fill() != nil {
		return cause
	}
	return nil
}

// appendReply writes an answer of Merlon's own.
func appendReply(dst, problem []byte, status, retryAfter int, end, headOnly bool) []byte {
	dst = http1.AppendStatusLine(dst, status, action.Title(status))
	dst = append(dst, "Content-Type: "+action.ProblemType+"\r\nCache-Control: no-store\r\n"...)
	if retryAfter > 0 {
		dst = append(dst, "Retry-After: "...)
		dst = strconv.AppendInt(dst, int64(retryAfter), 10)
		dst = append(dst, '\r', '\n')
	}
	if end {
		dst = append(dst, "Connection: close\r\n"...)
	}
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(problem)), 10)
	dst = append(dst, "\r\n\r\n"...)
	if headOnly {
		return dst
	}
	return append(dst, problem...)
}
