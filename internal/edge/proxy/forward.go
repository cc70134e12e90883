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

// dropUpstream are the well-known request fields that are replaced by ours.
var dropUpstream = http1.DropFields(exchange.HeaderXForwardedFor, exchange.HeaderMerlonTag, exchange.HeaderAcceptEncoding)

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
	for attempt := 0; ; attempt++ {
		uc, reused, err := f.up.take(f.arrived, c.s.o.Timeouts.Connect)
		if err != nil {
			return f.failed(statusOf(err), err)
		}
		f.uc = uc
		uc.start, uc.end = 0, 0
		uc.expect(f.arrived, c.s.o.Timeouts.Response)
		f.sent = c.now()
		if f.whole {
			err = uc.send(c.out)
		} else {
			err = f.sendStreaming()
		}
		if err == nil {
			return f.answer()
		}
		// A kept connection may have been closed by the upstream just now. What may be asked twice is asked again, once,
		// on a new connection; nothing of an answer has been seen.
		if reused && attempt == 0 && f.whole && uc.end == 0 && !isTimeout(err) && idempotent(c.head.MethodID) {
			uc.close()
			f.up.dropIdle()
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
		if bytes.Contains(accepted, gzipOnly) && !bytes.Contains(accepted, []byte("gzip;q=0")) {
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
func (f *flow) sendStreaming() error {
	c, uc := f.c, f.uc
	if _, err := uc.nc.Write(c.out); err != nil {
		return f.earlyAnswer(err)
	}
	for !f.whole {
		if c.start == c.end {
			f.spareHead()
			now := c.now()
			c.readWithin(now, c.s.o.Timeouts.Body)
			uc.expect(now, c.s.o.Timeouts.Response)
			if err := c.fill(); err != nil {
				return clientGone{err}
			}
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
