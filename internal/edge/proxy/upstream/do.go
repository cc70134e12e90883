package upstream

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/upstream/link"
)

// Do sends r to one of the group's servers and returns when the head of its final answer is there. The body of r may still
// be on its way by then. ctx ends the request whenever it ends; with a context that cannot end, r.Handle can.
//
// A request is sent to another server when the first could not be reached, or when it did not begin to answer and the
// request is idempotent and whole; as often as Options.Retries allows. Nothing is sent again after the first byte of an answer.
func (g *Group) Do(ctx context.Context, r *Request) (*Answer, error) {
	if r.answer.s != nil {
		return nil, errOpen
	}
	var tried set
	var last error
	for attempt := 1; ; attempt++ {
		s, err := g.pick(r.Key, &tried)
		if err == ErrBusy { //nolint:errorlint // pick's own
			s, err = g.wait(ctx, r, &tried)
		}
		if err != nil {
			return nil, cmp.Or(last, err)
		}
		if attempt == 1 {
			g.budget.Request()
		}
		if r.given(ctx) { // it costs no connection
			s.release()
			return nil, ErrAborted
		}
		a, how, err := s.do(ctx, r)
		if err == nil {
			s.answered()
			return a, nil
		}
		if how.counts() {
			s.failed(err)
		}
		s.release()
		last = err
		tried.add(s)
		if !how.again(r, s) || attempt >= g.o.Retries.Attempts || r.given(ctx) || !g.other(&tried) || !g.budget.Take() {
			return nil, err
		}
	}
}

// other tells whether there is a server that was not tried.
func (g *Group) other(tried *set) bool {
	for _, s := range *g.servers.Load() {
		if !tried.has(s) {
			return true
		}
	}
	return false
}

// failure is how an attempt failed.
type failure uint8

const (
	unreached  failure = iota // nothing was written
	unanswered                // no byte of an answer came
	timedOut                  // none came in time
	broken                    // an answer began, and cannot be passed on
	shortage                  // nothing was written for want of something of this machine's (ErrLocal)
	ours                      // the client's side failed, or gave up
)

// counts tells whether the failure speaks against the server. A broken answer may be made by whoever asks.
func (f failure) counts() bool { return f < broken }

// again tells whether another server may be asked than s, which failed.
func (f failure) again(r *Request, s *Server) bool {
	switch f {
	case unreached, shortage: // another server may have a connection that is kept
		return r.Rest == nil || s.h2 == nil // net/http closes a body even when it could not connect
	case unanswered:
		return r.repeatable()
	}
	return false
}

// repeatable tells whether r may be asked twice and is all here (RFC 9110 section 9.2.2).
func (r *Request) repeatable() bool {
	if r.Rest != nil {
		return false
	}
	switch r.Head.MethodID {
	case http1.MethodGet, http1.MethodHead, http1.MethodPut, http1.MethodDelete, http1.MethodOptions, http1.MethodTrace:
		return true
	}
	return false
}

// do asks this server, on as many connections as it takes: kept ones may turn out to have ended.
func (s *Server) do(ctx context.Context, r *Request) (*Answer, failure, error) {
	if s.h2 != nil {
		return s.askHTTP2(ctx, r)
	}
	for closed := false; ; {
		c, reused, err := s.take(ctx)
		if err != nil {
			if r.given(ctx) {
				return nil, ours, ErrAborted
			}
			if errors.Is(err, ErrLocal) {
				return nil, shortage, err
			}
			return nil, unreached, err
		}
		a, how, err := s.ask(ctx, c, r, reused)
		if err == nil {
			return a, how, nil
		}
		switch {
		case errors.Is(err, link.ErrStale):
		case reused && !closed && how == unanswered && r.repeatable():
			// The server closed it while the request was on its way, and very likely the other idle ones too.
			closed = true
			s.dropIdle()
		default:
			return nil, how, err
		}
	}
}

// given tells whether nobody waits for the answer any longer.
func (r *Request) given(ctx context.Context) bool {
	return r.Handle.Aborted() || ctx.Err() != nil
}

// ask sends the request on c and reads the head of the answer. On error the connection is closed.
func (s *Server) ask(ctx context.Context, c *conn, r *Request, reused bool) (_ *Answer, how failure, err error) {
	a := &r.answer
	*a = Answer{s: s, c: c, Head: &c.Head, Pause: s.g.o.Timeouts.Body, handle: r.Handle}
	over := false
	defer func() {
		if !over { // a panic: the request's memory is used again behind this, so nobody may still read its body
			a.drop()
			s.release()
		}
	}()
	a.watch(ctx)
	if how, err = a.ask(r, reused); err == nil {
		over = true
		return a, how, nil
	}
	err = a.cause(err)
	over = true
	a.drop()
	var source *SourceError
	if errors.As(err, &source) || errors.Is(err, ErrAborted) {
		how = ours
	}
	return nil, how, err
}

func (a *Answer) ask(r *Request, reused bool) (failure, error) {
	c, g := a.c, a.s.g
	if err := a.write(r); err != nil {
		return ours, err
	}
	if !a.handle.hold(c) || !a.ended.hold(c) {
		return ours, ErrAborted
	}
	a.Sent = g.now()
	c.ReadWithin(a.Sent, g.o.Timeouts.Response)
	c.Head.Reset()
	var err error
	if r.Rest == nil {
		c.WriteWithin(a.Sent, g.o.Timeouts.Body)
		err = c.Send(reused)
	} else {
		if reused {
			if err := c.Check(); err != nil {
				return unreached, err
			}
		}
		a.upload(r)
		err = a.first()
	}
	if err != nil {
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return timedOut, err
		case c.End > 0:
			return broken, err
		}
		return unanswered, err
	}
	return a.readHead(r)
}

// write writes the request's head into c.Out, afresh from its checked form, and what is here of the body, so that one
// system call sends both.
func (a *Answer) write(r *Request) error {
	c, w := a.c, r.Rewrite
	if len(r.Head.Host) == 0 && len(w.Host) == 0 {
		w.Host = []byte(a.s.host())
	}
	if r.Rest == nil && r.Head.Framing == http1.FramingChunked && r.Trailers == nil {
		// A body that is here has a length: one framing fewer to disagree about.
		w.Reframe, w.Framing, w.Length = true, http1.FramingLength, int64(len(r.Body))
	}
	var err error
	if c.Out, err = http1.AppendRequestHead(c.Out[:0], r.Head, &w); err != nil {
		return err
	}
	switch {
	case r.Head.Framing == http1.FramingNone && len(r.Body) == 0:
	case r.Head.Framing == http1.FramingChunked && !w.Reframe:
		c.Out = http1.AppendChunk(c.Out, r.Body)
		if r.Rest == nil {
			c.Out, err = http1.AppendLastChunk(c.Out, r.Trailers())
		}
	case r.Rest == nil && !w.Reframe && int64(len(r.Body)) != max(r.Head.ContentLength, 0):
		return errLength
	default:
		c.Out = append(c.Out, r.Body...)
	}
	return err
}

// upload starts to send what is in c.Out and the rest of the body behind it.
func (a *Answer) upload(r *Request) {
	a.up = &upload{
		c: a.c, g: a.s.g, src: r.Rest, trailers: r.Trailers, chunked: r.Head.Framing == http1.FramingChunked,
		left: r.Head.ContentLength - int64(len(r.Body)), done: make(chan struct{}),
	}
	a.up.moved.Store(a.Sent)
	go a.up.run()
}

// first waits for more of the head. While the body is still being sent the time for it does not count.
func (a *Answer) first() error {
	c, g := a.c, a.s.g
	for {
		err := c.Fill()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || a.up == nil || !a.up.moving(g.now(), g.o.Timeouts.Response) {
			return err
		}
		c.ReadWithin(g.now(), g.o.Timeouts.Response)
	}
}

// maxInterim bounds the 1xx answers before the final one. Early hints and processing reports are few.
const maxInterim = 64

// readHead reads the head of the final answer.
func (a *Answer) readHead(r *Request) (failure, error) {
	c, g := a.c, a.s.g
	for interim := 0; ; {
		n, err := c.Head.Parse(c.Buf[c.Start:c.End], &g.o.Codec, r.Head.MethodID, r.Head.WebSocket)
		if errors.Is(err, http1.ErrNeedMore) {
			if err := a.first(); err != nil {
				return broken, err
			}
			continue
		}
		if err != nil {
			return broken, refusal(err, &c.Head)
		}
		c.Start += n
		if !c.Head.Interim() {
			break
		}
		if interim++; interim > maxInterim {
			return broken, errInterim
		}
		if c.Head.Status != 100 && r.Interim != nil {
			if err := r.Interim(&c.Head); err != nil {
				return ours, err
			}
		}
	}
	a.Received = g.now()
	if a.up != nil {
		a.Sent = a.up.moved.Load()
	}
	c.Body.BeginResponse(&c.Head, &g.o.Codec)
	return 0, nil
}

// refusal keeps of a refused head what is worth telling.
func refusal(err error, h *http1.ResponseHead) error {
	var reject http1.RejectError
	if !errors.As(err, &reject) {
		return err
	}
	return &AnswerError{Reject: reject, Anomalies: h.Anomalies, Raw: bytes.Clone(h.Raw)}
}

var errInterim = errors.New("the upstream sends one 1xx answer after the other")
