package upstream

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// Request is what Group.Do sends. Its head must be one that http1 accepted; everything must stay valid, and the Request must
// not be used again, until the Answer is closed.
type Request struct {
	Head *http1.RequestHead
	// Rewrite says what the head written upstream differs in. Framing is Do's own business: a chunked body that is whole
	// is sent with its length.
	Rewrite http1.Rewrite
	// Body is the body, or its beginning when Rest is set.
	Body []byte
	// Rest yields what follows Body; nil when Body is whole. Such a request is never sent twice.
	Rest BodySource
	// Trailers are the body's trailers, asked for once when the body has ended; nil for none. HTTP/2 servers get those that the
	// head announces in its field Trailer.
	Trailers func() []exchange.Field
	// Key chooses the server when the group balances by hash; see Group.Hashed and AddrKey.
	Key uint64
	// Interim is given each 1xx answer but 100 on the goroutine that called Do; nil drops them. Its error ends the request
	// and is returned by Do as it is.
	Interim func(*http1.ResponseHead) error
	// Handle, when not nil, lets another goroutine give the request up. It is cheaper than a context that can end.
	Handle *Handle

	// answer is what Do returns. It is the request's and not the connection's: whoever touches an answer that is closed finds
	// nothing, and never the exchange of somebody else that has the connection by then.
	answer Answer
}

// BodySource yields a request body that is still arriving.
type BodySource interface {
	// Next returns more of the body and whether that was its end; payload is valid until the next call. Its error means
	// that the client's side has failed. It is called from a goroutine of Do's, until it returns done or an error, or Stop.
	Next() (payload []byte, done bool, err error)
	// Stop makes a Next that waits return with any error, because nobody wants the rest. It is called at most once and
	// from another goroutine than Next.
	Stop()
}

// SourceError is returned when the request's own body failed while it was sent: the client's fault, not the server's.
type SourceError struct{ Cause error }

// Error implements error.
func (e *SourceError) Error() string { return "the client's body ended early: " + e.Cause.Error() }

// Unwrap gives the BodySource's error.
func (e *SourceError) Unwrap() error { return e.Cause }

// AnswerError is returned for an answer that is not HTTP, or ambiguous, so that it cannot be passed on.
type AnswerError struct {
	Reject    http1.RejectError
	Anomalies exchange.Anomalies
	// Raw is the head as far as it came, a copy.
	Raw []byte
}

// Error implements error.
func (e *AnswerError) Error() string { return e.Reject.Error() }

// Unwrap gives the RejectError.
func (e *AnswerError) Unwrap() error { return e.Reject }

var (
	// ErrNone says that the group has no server at all.
	ErrNone = errors.New("the site has no upstream")
	// ErrBusy says that every server has as many requests in use as it may have, and too many wait already.
	ErrBusy = errors.New("all upstreams are busy")
	// ErrAborted says that Handle.Abort was called.
	ErrAborted = errors.New("the request was given up")

	errOpen = errors.New("the request's answer before this one is still open: close it first")
)

// Status is the status code that answers for an upstream: 503 when none could be asked, 504 when it took too long, else 502.
// With 503 comes a Retry-After of RetryAfter seconds.
func Status(err error) int {
	var ne net.Error
	switch {
	case errors.Is(err, ErrBusy), errors.Is(err, ErrNone), errors.Is(err, ErrLocal):
		return 503
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return 504
	}
	return 502
}

// RetryAfter is how many seconds a client is told to wait after a 503.
const RetryAfter = 1

// Handle lets another goroutine give up on a request under way. The zero value is ready; it may serve one request after
// the other, until Abort, but not two at a time. nil is the Handle of a request that nobody gives up.
type Handle struct {
	c      atomic.Pointer[conn]
	cancel atomic.Pointer[context.CancelFunc]
	off    atomic.Bool
}

// Abort gives up the request under way and all later ones.
func (h *Handle) Abort() {
	h.off.Store(true)
	if c := h.c.Swap(nil); c != nil {
		c.Abort()
	}
	if cancel := h.cancel.Swap(nil); cancel != nil {
		(*cancel)()
	}
}

// Aborted tells whether Abort was called.
func (h *Handle) Aborted() bool { return h != nil && h.off.Load() }

// Held tells whether a request is under way.
func (h *Handle) Held() bool { return h.c.Load() != nil || h.cancel.Load() != nil }

// hold makes Abort close c. It reports false when Abort was called before, or the handle is in use.
func (h *Handle) hold(c *conn) bool {
	return h == nil || h.c.CompareAndSwap(nil, c) && !h.off.Load()
}

// free takes c back, after which Abort cannot reach it; false means that Abort has taken it first, and closes it now or
// later. A connection that could be closed by somebody else must not become idle: its next user would pay.
func (h *Handle) free(c *conn) bool { return h == nil || h.c.CompareAndSwap(c, nil) }

// holdCancel is hold for a request that ends with a context.
func (h *Handle) holdCancel(cancel *context.CancelFunc) bool {
	return h == nil || h.cancel.CompareAndSwap(nil, cancel) && !h.off.Load()
}

func (h *Handle) freeCancel(cancel *context.CancelFunc) {
	if h != nil {
		h.cancel.CompareAndSwap(cancel, nil)
	}
}
