package upstream

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// Answer is a server's final answer as it arrives. It belongs to the goroutine that called Do, and all of it is valid until
// Close, which must be called. After that it is empty.
type Answer struct {
	// Head is the final answer's head.
	Head *http1.ResponseHead
	// Sent is when the request's last byte was written, or was about to be; Received when the head of the answer was
	// there. Unix nanoseconds.
	Sent, Received int64
	// Pause bounds each wait for more of the body. It begins as the group's Timeouts.Body; streams of events take longer.
	Pause time.Duration

	s      *Server
	c      *conn   // HTTP/1.1
	up     *upload // its body, when that is still being sent
	x      *stream // HTTP/2
	handle *Handle
	// ended is aborted when the context of Do ends; nil for one that cannot. It is of this exchange alone: a context that ends
	// late reaches no other. unwatch ends the watch on the context.
	ended   *Handle
	unwatch func() bool
	taken   bool // by Hijack
}

// Buffered tells that the next call of Next does not wait, or only for the little that an HTTP/2 server has announced.
func (a *Answer) Buffered() bool {
	if a.x != nil {
		return a.x.done || a.x.short()
	}
	return a.c.Start < a.c.End || a.c.Body.Done()
}

// Next returns more of the body and whether it is complete. payload may be empty, when only framing had come: what was
// written is to be flushed before Next is made to wait. It is valid until the next call, save that a first payload that is the
// whole body stays with the head. An error is SourceError, AnswerError or the connection's.
func (a *Answer) Next() (payload []byte, done bool, err error) {
	if a.x != nil {
		payload, done, err = a.x.next(a.Pause)
		return payload, done, a.cause(err)
	}
	c := a.c
	if c.Body.Done() {
		return nil, true, nil
	}
	if c.Start == c.End {
		if err := a.more(); err != nil {
			if errors.Is(err, ErrClosed) {
				err = c.Body.End()
			}
			return nil, err == nil, a.cause(err)
		}
	}
	payload, n, done, err := c.Body.Next(c.Buf[c.Start:c.End])
	c.Start += n
	return payload, done, a.cause(err)
}

// more waits for more of the body.
func (a *Answer) more() error {
	c := a.c
	for {
		now := a.s.g.now()
		c.ReadWithin(now, a.Pause)
		err := c.More()
		if a.up != nil && errors.Is(err, os.ErrDeadlineExceeded) && a.up.moving(a.s.g.now(), a.Pause) {
			continue // both directions stream, and the other one is under way
		}
		return err
	}
}

// cause says why reading has failed: perhaps because writing had.
func (a *Answer) cause(err error) error {
	if err == nil {
		return nil
	}
	if a.handle.Aborted() || a.ended.Aborted() {
		return ErrAborted
	}
	var own error
	switch {
	case a.up != nil:
		own = a.up.sourceError()
	case a.x != nil:
		own = a.x.sourceError()
	}
	if own != nil {
		return own
	}
	if r, ok := err.(http1.RejectError); ok { //nolint:errorlint // the body's own, never wrapped
		return &AnswerError{Reject: r, Anomalies: a.Anomalies()}
	}
	return err
}

// Trailers are the body's trailer fields, once it is complete.
func (a *Answer) Trailers() []exchange.Field { return a.body().Trailers }

func (a *Answer) body() *http1.Body {
	if a.x != nil {
		return &a.x.trailers
	}
	return &a.c.Body
}

// Anomalies are those found in the body so far; those of the head are in Head.
func (a *Answer) Anomalies() exchange.Anomalies { return a.body().Anomalies }

// Uploading tells that the answer came before the request's body had been sent. The client is then best told that its
// connection ends with this answer.
func (a *Answer) Uploading() bool {
	switch {
	case a.up != nil:
		return a.up.state.Load() != ending
	case a.x != nil && a.x.body != nil:
		return a.x.body.rest != nil && !a.x.body.sent.Load()
	}
	return false
}

// EndUpload makes sure that the request's body is not read any more: it waits for the end of one that is all but sent, and
// stops any other. It reports whether all of it was sent, and the error of its source. Close does it too.
func (a *Answer) EndUpload() (sent bool, err error) {
	switch {
	case a.up != nil:
		a.up.end()
		return a.up.sent, a.up.sourceError()
	case a.x != nil && a.x.body != nil:
		a.x.body.end()
		return a.x.body.sent.Load(), a.x.sourceError()
	}
	return true, nil
}

// Hijack hands over the connection of an answer 101 with what was read behind its head. Close closes it.
func (a *Answer) Hijack() (nc net.Conn, early []byte) {
	a.taken = true
	return a.c.NC, a.c.Buf[a.c.Start:a.c.End]
}

// Close ends the exchange. The connection goes back to be used again if both messages were passed whole, and is closed
// otherwise, which tells an HTTP/1.1 server that nobody waits any longer.
func (a *Answer) Close() { a.close(true) }

// Discard is Close for an exchange that has failed inside: the connection and the buffers are not used again, so that what
// points into them stays what it is.
func (a *Answer) Discard() { a.close(false) }

func (a *Answer) close(keep bool) {
	s, c := a.s, a.c
	switch {
	case s == nil:
		return
	case a.x != nil:
		a.x.close(keep)
		a.handle.freeCancel(&a.x.cancel)
		*a = Answer{}
		s.release()
		return
	}
	whole := keep && c.Head.KeepAlive && c.Body.Done() && c.Start == c.End && !a.taken
	c.Since = a.Received
	// From here on nobody else reaches the connection; if somebody has closed it, Quiet tells.
	if alone := a.detach(); whole && alone && c.Quiet() {
		s.put(c)
	} else {
		c.Close()
	}
	s.release()
}

// drop ends an exchange that has failed, with its connection.
func (a *Answer) drop() {
	c := a.c
	a.detach()
	c.Close()
}

// detach takes the connection out of the reach of everybody else, and empties a. It reports whether that was in time, and the
// request was sent whole: only then may the connection be used again.
func (a *Answer) detach() bool {
	sent, _ := a.EndUpload()
	if a.unwatch != nil {
		a.unwatch() // in vain when the context has ended: ended tells then
	}
	alone := a.handle.free(a.c)
	alone = a.ended.free(a.c) && alone
	*a = Answer{}
	return sent && alone
}

// watch gives the request up when ctx ends.
func (a *Answer) watch(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	a.ended = new(Handle)
	a.unwatch = context.AfterFunc(ctx, a.ended.Abort)
}
