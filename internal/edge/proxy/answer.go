package proxy

import (
	"errors"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// lost marks an error of writing to the client.
type lost struct{ cause error }

// Error implements error.
func (l lost) Error() string { return "the client takes no more: " + l.cause.Error() }

// passInterim passes a 1xx response on, except to HTTP/1.0 clients, which know none. (100 never comes here: this proxy
// answers Expect itself.)
func (c *conn) passInterim(h *http1.ResponseHead) error {
	if c.head.Minor == 0 {
		return nil
	}
	var err error
	if c.out, err = http1.AppendResponseHead(c.out[:0], h, &http1.Rewrite{}); err != nil {
		return err
	}
	if err = c.write(c.now(), c.out); err != nil {
		return lost{err}
	}
	return nil
}

// unanswered ends an exchange for which no final answer came.
func (f *flow) unanswered(err error) bool {
	f.uploaded()
	var gone lost
	var source *upstream.SourceError
	var answer *upstream.AnswerError
	switch {
	case errors.As(err, &gone), f.reset(err):
		return f.clientLost()
	case errors.As(err, &source):
		return f.sourceFailed(source)
	case errors.Is(err, upstream.ErrLocal):
		return f.exhausted(err)
	case errors.As(err, &answer):
		f.t.Exchange.Anomalies.Union(answer.Anomalies)
		f.t.Exchange.RawHead = answer.Raw
		f.t.Response()
	}
	return f.failed(upstream.Status(err))
}

// sourceFailed ends an exchange whose request's body failed while it was passed on.
func (f *flow) sourceFailed(err *upstream.SourceError) bool {
	var reject http1.RejectError
	switch {
	case f.begun:
		return f.clientLost()
	case errors.As(err, &reject):
		return f.bodyRefused(err)
	}
	return f.bodyCut(err.Cause)
}

// answered passes the answer on and observes it.
func (f *flow) answered() bool {
	a, x := f.a, &f.t.Exchange
	f.sent = a.Sent
	x.Latency = max(a.Received-a.Sent, 0)
	x.Status = a.Head.Status
	x.Response.Fields = append(x.Response.Fields[:0], a.Head.Fields...)
	x.Anomalies.Union(a.Head.Anomalies)
	if a.Head.Status == 101 {
		return f.tunnel()
	}
	return f.passAnswer()
}

// passAnswer writes the response's head and body to the client and captures the body for the walk.
func (f *flow) passAnswer() bool {
	c, a, x := f.c, f.a, &f.t.Exchange
	h := a.Head
	keep := c.head.KeepAlive && !a.Uploading() && !c.s.draining.Load()
	w := &c.rewrite
	*w = http1.Rewrite{Close: !keep, HTTP10: c.head.Minor == 0}
	framing := http1.BodyFraming(h, w)
	if framing == http1.FramingUntilClose {
		keep = false
		w.Close = true
	}
	var err error
	if c.out, err = http1.AppendResponseHead(c.out[:0], h, w); err != nil {
		return f.failed(502)
	}
	if http1.EventStream(h.Value(exchange.HeaderContentType)) {
		// It may last for days: what is known of it is told when it opens, its size when it closes.
		f.open()
		a.Pause = c.s.o.Timeouts.Idle
	}
	upstreamErr, clientErr := f.stream(framing)
	x.Anomalies.Union(a.Anomalies())
	f.uploaded()
	f.settleCall(a)
	switch {
	case clientErr != nil:
		return f.clientLost()
	case upstreamErr != nil:
		return f.brokenOff(upstreamErr)
	}
	x.Duration = c.now() - f.sent
	x.Added = f.sent - x.Arrived + x.Duration - x.Latency
	f.end(event.OutcomeAnswered)
	f.lingers = !f.whole // the upstream has answered early, and the client may still be sending
	return keep && f.whole
}

// brokenOff ends an exchange whose answer began and does not go on.
func (f *flow) brokenOff(err error) bool {
	var source *upstream.SourceError
	switch {
	case errors.As(err, &source):
		return f.sourceFailed(source)
	case f.reset(err):
		return f.clientLost()
	}
	if !f.long {
		f.t.Response()
	}
	return f.failed(upstream.Status(err))
}

// stream passes a body on as it comes. c.out holds the head, which goes out with the first bytes.
func (f *flow) stream(framing http1.Framing) (upstreamErr, clientErr error) {
	c, a, part := f.c, f.a, &f.t.Exchange.Response
	c.answer = c.answer[:0]
	limit := c.s.o.InspectResponse
	for {
		if len(c.out) > 0 && !a.Buffered() {
			f.begun = true
			if err := c.write(c.now(), c.out); err != nil {
				return nil, err
			}
			c.out = c.out[:0]
		}
		payload, done, err := a.Next()
		if err != nil {
			return err, nil
		}
		if done && part.BodySize == 0 {
			part.Body = payload // the ordinary answer is here in one piece: it is judged where it stands
		} else if room := limit - len(c.answer); room > 0 {
			c.answer = append(c.answer, payload[:min(room, len(payload))]...)
			part.Body = c.answer
		}
		part.BodySize += int64(len(payload))
		if f.call.under {
			f.call.answered.Write(payload)
		}
		if framing == http1.FramingChunked {
			c.out = http1.AppendChunk(c.out, payload)
		} else {
			c.out = append(c.out, payload...)
		}
		if f.long {
			f.progress.moved(c.now(), 0, int64(len(payload)))
		}
		if done {
			break
		}
	}
	if framing == http1.FramingChunked {
		var err error
		if c.out, err = http1.AppendLastChunk(c.out, a.Trailers()); err != nil {
			return err, nil
		}
	}
	f.begun = true
	return nil, c.write(c.now(), c.out)
}

// clientLost ends an exchange whose client went away before it had the answer.
func (f *flow) clientLost() bool {
	f.end(event.OutcomeClientGone)
	return false
}

// end closes the transaction of an exchange whose answer was passed on, as far as it went. The answer's fields and, mostly,
// its body stand in the upstream connection's buffer, which is let go only behind this.
func (f *flow) end(o event.Outcome) {
	if f.long {
		f.progress.end()
		f.c.current = nil
		f.t.ClosePhase(o, event.Close)
		return
	}
	f.t.Response()
	f.c.close(f.t, o, 0)
}
