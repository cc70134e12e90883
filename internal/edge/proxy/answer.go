package proxy

import (
	"bytes"
	"errors"
	"io"

	"merlon/internal/edge/http1"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// answer reads the response head, passes the response on and ends the exchange.
func (f *flow) answer() bool {
	c, uc := f.c, f.uc
	h := &uc.head
	h.Reset()
	for {
		n, err := h.Parse(uc.buf[uc.start:uc.end], &c.s.o.Codec, c.head.MethodID, c.head.WebSocket)
		switch {
		case errors.Is(err, http1.ErrNeedMore):
			if err := uc.fill(); err != nil {
				if errors.Is(err, io.EOF) {
					err = errUpstreamClosed
				}
				return f.failed(statusOf(err), err)
			}
			continue
		case err != nil:
			f.t.Exchange.Anomalies.Union(h.Anomalies)
			f.t.Exchange.RawHead = h.Raw
			f.t.Response()
			return f.failed(502, err)
		}
		uc.start += n
		if !h.Interim() {
			break
		}
		if err := f.passInterim(h); err != nil {
			return f.clientLost()
		}
	}
	if f.up.failing.Load() && f.up.failing.Swap(false) {
		c.s.o.Log.Info("the upstream answers again", "site", f.t.Exchange.Site)
	}
	x := &f.t.Exchange
	x.Latency = c.now() - f.sent
	x.Status = h.Status
	x.Response.Fields = append(x.Response.Fields[:0], h.Fields...)
	x.Anomalies.Union(h.Anomalies)
	if h.Status == 101 {
		return f.tunnel()
	}
	return f.passAnswer()
}

// passInterim passes a 1xx response on, except 100, which this proxy has answered itself, and to HTTP/1.0 clients,
// which know none.
func (f *flow) passInterim(h *http1.ResponseHead) error {
	c := f.c
	if h.Status == 100 || c.head.Minor == 0 {
		return nil
	}
	var err error
	if c.out, err = http1.AppendResponseHead(c.out[:0], h, &http1.Rewrite{}); err != nil {
		return err
	}
	return c.write(c.now(), c.out)
}

// passAnswer writes the response's head and body to the client and captures the body for the walk.
func (f *flow) passAnswer() bool {
	c, uc, x := f.c, f.uc, &f.t.Exchange
	h := &uc.head
	keep := c.head.KeepAlive && f.whole && !c.s.draining.Load()
	w := &c.rewrite
	*w = http1.Rewrite{Close: !keep, HTTP10: c.head.Minor == 0}
	framing := http1.BodyFraming(h, w)
	if framing == http1.FramingUntilClose {
		keep = false
		w.Close = true
	}
	var err error
	if c.out, err = http1.AppendResponseHead(c.out[:0], h, w); err != nil {
		return f.failed(502, err)
	}
	uc.body.BeginResponse(h, &c.s.o.Codec)
	if size := h.ContentLength; h.Framing == http1.FramingLength && size <= int64(uc.end-uc.start) {
		// The ordinary answer is here in one piece: it is judged where it stands.
		x.Response.Body = uc.buf[uc.start : uc.start+int(size)]
		x.Response.BodySize = size
		uc.start += int(size)
		c.out = append(c.out, x.Response.Body...)
		err = c.write(f.sent+x.Latency, c.out)
		f.begun = true
	} else {
		if isEventStream(h) {
			// It may last for days: what is known of it is told when it opens, its size when it closes.
			f.long = true
			f.t.Response()
			f.t.Publish(event.Open)
		}
		var upstreamErr error
		upstreamErr, err = f.stream(framing)
		x.Anomalies.Union(uc.body.Anomalies)
		if upstreamErr != nil {
			x.Response.Body, x.Response.BodySize = c.answer, uc.body.Size
			f.t.Response()
			return f.failed(502, upstreamErr)
		}
		x.Response.Body, x.Response.BodySize = c.answer, uc.body.Size
	}
	if err != nil {
		return f.clientLost()
	}
	f.finish()
	if !f.whole {
		c.linger() // the upstream has answered early, and the client may still be sending
	}
	return keep
}

// finish observes the answered exchange and lets the upstream's connection go. The order matters: the answer's fields
// and, mostly, its body stand in that connection's buffer.
func (f *flow) finish() {
	c, uc, x := f.c, f.uc, &f.t.Exchange
	now := c.now()
	x.Duration = now - f.sent
	f.end(event.OutcomeAnswered)
	if uc.head.KeepAlive && f.whole && uc.body.Done() && uc.start == uc.end {
		f.up.put(uc)
	} else if uc.head.KeepAlive && uc.head.Framing == http1.FramingLength && f.whole && uc.start == uc.end {
		f.up.put(uc)
	} else {
		uc.close()
	}
}

// clientLost ends an exchange whose client went away before it had the answer.
func (f *flow) clientLost() bool {
	f.uc.close()
	f.end(event.OutcomeClientGone)
	return false
}

// end closes the transaction of an exchange whose answer was passed on, as far as it went.
func (f *flow) end(o event.Outcome) {
	if f.long {
		f.c.current = nil
		f.t.ClosePhase(o, event.Close)
		return
	}
	f.t.Response()
	f.c.close(f.t, o, 0)
}

// isEventStream tells server-sent events, which are silent for as long as nothing happens.
func isEventStream(h *http1.ResponseHead) bool {
	const kind = "text/event-stream"
	v := h.Value(exchange.HeaderContentType)
	return len(v) >= len(kind) && bytes.EqualFold(v[:len(kind)], []byte(kind))
}

// stream passes a body on as it comes. c.out holds the head, which goes out with the first bytes.
func (f *flow) stream(framing http1.Framing) (upstreamErr, clientErr error) {
	c, uc := f.c, f.uc
	c.answer = c.answer[:0]
	limit := c.s.o.InspectResponse
	for !uc.body.Done() {
		if uc.start == uc.end {
			if len(c.out) > 0 {
				f.begun = true
				if err := c.write(c.now(), c.out); err != nil {
					return nil, err
				}
				c.out = c.out[:0]
			}
			if err := f.fillAnswer(); err != nil {
				if errors.Is(err, io.EOF) || errors.Is(err, errUpstreamClosed) {
					err = uc.body.End()
				}
				if err != nil {
					return err, nil
				}
				break
			}
		}
		payload, n, done, err := uc.body.Next(uc.buf[uc.start:uc.end])
		uc.start += n
		if err != nil {
			return err, nil
		}
		if room := limit - len(c.answer); room > 0 {
			c.answer = append(c.answer, payload[:min(room, len(payload))]...)
		}
		if framing == http1.FramingChunked && len(payload) > 0 {
			c.out = http1.AppendChunk(c.out, payload)
		} else {
			c.out = append(c.out, payload...)
		}
		if done {
			break
		}
	}
	if framing == http1.FramingChunked {
		var err error
		if c.out, err = http1.AppendLastChunk(c.out, uc.body.Trailers); err != nil {
			return err, nil
		}
	}
	f.begun = true
	return nil, c.write(c.now(), c.out)
}

// streamBuffer is the size of the buffer of an upstream connection that carries a body larger than the first read.
const streamBuffer = 32 << 10

// fillAnswer reads more of the answer. The response's fields stand at the front of the buffer, so body bytes go into
// another one the first time.
func (f *flow) fillAnswer() error {
	uc := f.uc
	if !f.answerMoved {
		if uc.spare == nil {
			uc.spare = make([]byte, streamBuffer)
		}
		uc.buf, uc.spare = uc.spare, uc.buf
		f.answerMoved = true
	}
	uc.start, uc.end = 0, 0
	pause := f.c.s.o.Timeouts.Body
	if f.long {
		pause = f.c.s.o.Timeouts.Idle
	}
	uc.expect(f.c.now(), pause)
	return uc.fill()
}
