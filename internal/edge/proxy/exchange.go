package proxy

import (
	"errors"
	"sync/atomic"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/action"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// exchange deals with the request whose head was just parsed: read what of its body is judged, judge, forward, pass the
// answer on, observe. It reports whether the connection can take another request.
func (c *conn) exchange(now int64) bool {
	t := c.begin(now)
	c.describe(&t.Exchange)
	f := &c.flow
	*f = flow{c: c, t: t, arrived: now}
	f.beginCall()
	keep := f.run()
	f.t, f.a = nil, nil
	if f.lingers {
		c.linger()
	}
	return keep
}

func (f *flow) run() bool {
	if !f.readBody() {
		return false
	}
	if f.call.under {
		f.call.asked.Write(f.t.Exchange.Request.Body)
	}
	reply := f.t.Request()
	if !reply.Forwarded() {
		return f.refused(reply)
	}
	g := f.c.s.Upstreams(f.t.Exchange.Site)
	if g == nil {
		return f.failed(503)
	}
	return f.forward(g, reply)
}

// flow is one exchange on its way through the proxy. A connection has one, as it has one exchange at a time.
type flow struct {
	c       *conn
	t       *engine.Transaction
	a       *upstream.Answer
	arrived int64
	sent    int64 // when the request was written
	// whole tells that the request's body has been read to its end; otherwise the rest is still to be read.
	whole bool
	// asked tells that the request was judged and is on its way upstream.
	asked bool
	// moved tells that the connection's buffer no longer holds the head.
	moved bool
	// long tells that an Open event was published: the answer is a stream of events, or of bytes.
	long     bool
	progress progress
	// begun tells that bytes of the answer went to the client, after which no other answer is possible.
	begun bool
	// lingers tells that the client may still be sending what nobody reads.
	lingers bool
	call    call
	// away is when the rest of the body was last taken from, 0 before.
	away int64
	// stopped tells that the rest of the body is not wanted any more.
	stopped atomic.Bool
}

// readBody reads the body as far as it is judged. It reports false when the exchange has ended here.
func (f *flow) readBody() bool {
	c, h := f.c, &f.c.head
	c.body.BeginRequest(h, &c.s.o.Codec)
	if c.body.Done() {
		f.whole = true
		return true
	}
	if h.ExpectContinue && c.start == c.end {
		// The answer to Expect is ours: the body is wanted here, before the upstream is asked.
		if err := c.write(f.arrived, []byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return f.bodyCut(err)
		}
	}
	limit := c.s.o.InspectRequest
	if h.Framing == http1.FramingLength && h.ContentLength <= int64(limit) {
		return f.readCounted(int(h.ContentLength))
	}
	return f.readCaptured(limit)
}

// readCounted reads a body of known size into the connection's buffer, where it stays: nothing is copied.
func (f *flow) readCounted(size int) bool {
	c, x := f.c, &f.t.Exchange
	for c.end-c.start < size {
		if have := c.end - c.start; c.end == len(c.buf) || c.start+size > len(c.buf) && c.end == c.start {
			// Room grows with what has come, not with what was announced: an announcement costs the sender nothing.
			c.grow(min(size, 2*have+firstBuffer))
		}
		if err := c.fillBody(); err != nil {
			x.Request.Body = c.buf[c.start:c.end]
			return f.bodyCut(err)
		}
	}
	x.Request.Body = c.buf[c.start : c.start+size : c.start+size]
	x.Request.BodySize = int64(size)
	c.start += size
	f.whole = true
	return true
}

// readCaptured reads a chunked or large body up to limit into memory of its own.
func (f *flow) readCaptured(limit int) bool {
	c, x := f.c, &f.t.Exchange
	c.captured = c.captured[:0]
	for !f.whole && len(c.captured) < limit {
		if c.start == c.end {
			f.spareHead()
			if err := c.fillBody(); err != nil {
				x.Request.Body = c.captured
				return f.bodyCut(err)
			}
		}
		payload, n, done, err := c.body.Next(c.buf[c.start:c.end])
		c.start += n
		c.captured = append(c.captured, payload...)
		if err != nil {
			return f.bodyRefused(err)
		}
		f.whole = done
	}
	x.Request.Body, x.Request.BodySize = c.captured, c.body.Size
	f.noteBody()
	return true
}

// spareHead makes room for body bytes. Slices of the head still point into the connection's buffer, so the first time
// they go into another one.
func (f *flow) spareHead() {
	c := f.c
	c.start, c.end = 0, 0
	if !f.moved {
		if c.spare == nil {
			c.spare = make([]byte, firstBuffer)
		}
		c.buf, c.spare = c.spare, c.buf
		f.moved = true
	}
}

// noteBody adds what the codec noted in the request's body; the head is the evidence.
func (f *flow) noteBody() {
	c, x := f.c, &f.t.Exchange
	if c.body.Anomalies != 0 {
		x.Anomalies.Union(c.body.Anomalies)
		x.RawHead = c.head.Raw
	}
}

// judge has the engine look at what became of the request's body: in the first phase, or, when that is over because the
// body was streaming on, in the second.
func (f *flow) judge() {
	if f.asked {
		f.t.Response()
		return
	}
	f.t.Request()
}

// bodyCut ends an exchange whose body does not go on.
func (f *flow) bodyCut(err error) bool {
	f.noteBody()
	if isTimeout(err) {
		f.t.Exchange.Anomalies.Add(exchange.AnomalyTimeout)
		f.judge()
		return f.refused(action.Reply{Kind: action.Block, Status: 408})
	}
	f.t.Exchange.Anomalies.Add(exchange.AnomalyIncomplete)
	f.judge()
	f.c.close(f.t, event.OutcomeClientGone, 0)
	return false
}

// bodyRefused ends an exchange whose body's framing is broken.
func (f *flow) bodyRefused(err error) bool {
	f.noteBody()
	f.judge()
	status := 400
	var reject http1.RejectError
	if errors.As(err, &reject) {
		status = reject.Status()
	}
	return f.refused(action.Reply{Kind: action.Block, Status: status})
}

// refused answers in the upstream's stead. The connection lives on only when nothing of the request is left to read.
func (f *flow) refused(r action.Reply) bool {
	c := f.c
	keep := f.whole && c.head.KeepAlive && !c.s.draining.Load()
	err := c.reply(f.t.ID(), r.Status, r.RetryAfter, !keep)
	f.c.close(f.t, event.OutcomeRefused, r.Status)
	f.lingers = !f.whole
	return keep && err == nil
}

// failed answers for an upstream that gave no usable answer: 502, 503 or 504.
func (f *flow) failed(status int) bool {
	c := f.c
	if f.long {
		f.end(event.OutcomeUpstream)
		return false
	}
	if f.begun {
		f.c.close(f.t, event.OutcomeUpstream, 0)
		return false
	}
	keep := f.whole && c.head.KeepAlive && !c.s.draining.Load()
	retry := 0
	if status == 503 {
		retry = upstream.RetryAfter
	}
	err := c.reply(f.t.ID(), status, retry, !keep)
	f.c.close(f.t, event.OutcomeUpstream, status)
	f.lingers = !f.whole
	return keep && err == nil
}

// exhausted refuses a request for which this machine has no connection left. Nothing is wrong with the upstream, so the event
// says refused; the client's own connection ends with it, and some that idle make room.
func (f *flow) exhausted(cause error) bool {
	if outOfDescriptors(cause) {
		f.c.s.makeRoom(f.c.now())
	}
	f.c.head.KeepAlive = false
	return f.refused(action.Reply{Kind: action.Block, Status: 503, RetryAfter: upstream.RetryAfter})
}

// reply writes a problem document to the client.
func (c *conn) reply(id event.ID, status, retryAfter int, end bool) error {
	var body [256]byte
	c.out = appendReply(c.out[:0], action.AppendProblem(body[:0], status, id), status, retryAfter, end, c.head.MethodID == http1.MethodHead)
	return c.write(c.now(), c.out)
}
