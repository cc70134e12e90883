package proxy

import (
	"context"
	"errors"
	"strconv"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/onward"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/action"
	"merlon/internal/model/exchange"
)

// forward sends the request on and deals with the answer.
func (f *flow) forward(g *upstream.Group, reply action.Reply) bool {
	c := f.c
	f.asked = true
	f.prepare(g, reply)
	a, err := g.Do(context.Background(), &c.request)
	if err != nil {
		return f.unanswered(err)
	}
	f.a = a
	over := false
	defer func() {
		if over {
			a.Close()
		} else {
			a.Discard() // a panic: the transaction is closed behind this, and what it tells of stands in the answer's memory
		}
	}()
	keep := f.answered()
	over = true
	return keep
}

// prepare fills in what is asked upstream.
func (f *flow) prepare(g *upstream.Group, reply action.Reply) {
	c, x := f.c, &f.t.Exchange
	r := &c.request
	*r = upstream.Request{
		Head: &c.head, Body: x.Request.Body,
		Rewrite: c.onward.Rewrite(onward.Request{
			Head: &c.head, Client: x.Client.Addr, Hops: f.t.TrustedHops(), Secure: c.nc.Client.TLS != nil, Reply: reply,
		}),
		Interim: c.interim, Handle: &c.upstream,
	}
	if g.Hashed() {
		r.Key = upstream.AddrKey(x.Client.Addr)
	}
	switch {
	case !f.whole:
		r.Rest, r.Trailers = rest{f}, f.trailers
	case len(c.body.Trailers) > 0:
		r.Trailers = f.trailers
	}
}

// trailers are those of the request's body, which has ended.
func (f *flow) trailers() []exchange.Field { return f.c.body.Trailers }

// rest is what is still to come of a request's body, as upstream.BodySource. It is read on another goroutine than the answer
// is written, and is alone in using the connection's reading half meanwhile.
type rest struct{ f *flow }

// Next implements upstream.BodySource.
func (r rest) Next() (payload []byte, done bool, err error) {
	f, c := r.f, r.f.c
	if f.away != 0 && c.bodyBy != 0 {
		c.bodyBy += c.now() - f.away // while the upstream took its time, the client could not send
	}
	for {
		if c.start == c.end {
			f.spareHead()
			if err := c.fillBody(); err != nil {
				return nil, false, err
			}
		}
		payload, n, done, err := c.body.Next(c.buf[c.start:c.end])
		c.start += n
		f.whole = done
		if f.call.under {
			f.call.asked.Write(payload)
		}
		if len(payload) > 0 || done || err != nil {
			f.away = c.now()
			return payload, done, err
		}
	}
}

// Stop implements upstream.BodySource. The flag comes first: whoever moves the deadline looks at it afterwards (see fillBody).
func (r rest) Stop() {
	r.f.stopped.Store(true)
	_ = r.f.c.nc.SetReadDeadline(time.Unix(1, 0))
}

// errStopped is seen by nobody: the body was stopped because its error does not matter.
var errStopped = errors.New("nobody waits for the body")

// uploaded ends the reading of the request's body and takes down what became of it.
func (f *flow) uploaded() {
	if f.a != nil {
		_, _ = f.a.EndUpload()
	}
	if f.stopped.Load() {
		f.c.readBy = 0 // it was set from another goroutine
		f.stopped.Store(false)
	}
	if f.c.request.Rest != nil {
		f.noteBody()
		f.t.Exchange.Request.BodySize = f.c.body.Size
		f.progress.up = f.c.body.Size
	}
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
