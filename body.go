package merlon

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"merlon/internal/model/exchange"
)

// body replays what was read ahead of a request's body, then goes on with the rest.
type body struct {
	rest io.ReadCloser
	read atomic.Int64 // bytes taken from rest

	mu   sync.Mutex
	held []byte // read ahead and not replayed yet; stands in the exchange's memory
	err  error  // what reading ahead ended with
	done bool   // closed, or the exchange is over
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	switch {
	case b.done:
		b.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	case len(b.held) > 0:
		n := copy(p, b.held)
		b.held = b.held[n:]
		b.mu.Unlock()
		return n, nil
	case b.err != nil:
		b.mu.Unlock()
		return 0, b.err
	}
	b.mu.Unlock() // the rest may take its time, and has a lock of its own
	n, err := b.rest.Read(p)
	b.read.Add(int64(n))
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.release()
	return b.rest.Close()
}

// release ends replaying, after which the memory may be used again, and tells how much of the body was read.
func (b *body) release() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done, b.held = true, nil
	return b.read.Load()
}

// firstRead is how much room a body of unknown size gets at first. It grows with what has come, not with what was
// announced: an announcement costs the sender nothing.
const firstRead = 4 << 10

// hold reads the beginning of the request's body and has the handler read it again. An error on the way is the handler's
// to see, where it would have seen it.
func (v *visit) hold(r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	x, b := &v.t.Exchange, &v.body
	b.rest, r.Body = r.Body, b
	if x.Request.BodySize = max(r.ContentLength, 0); isDialogue(r.Header) {
		x.Observed &^= exchange.SawRequestBody
		return
	}
	held := v.s.body[:0]
	for limit := v.g.inspectRequest; b.err == nil && len(held) < limit; {
		if len(held) == cap(held) {
			held = slices.Grow(held, min(limit-len(held), max(firstRead, len(held))))
		}
		n, err := b.rest.Read(held[len(held):min(cap(held), limit)])
		held, b.err = held[:len(held)+n], err
	}
	if b.err != nil && !errors.Is(b.err, io.EOF) {
		x.Anomalies.Add(exchange.AnomalyIncomplete)
	}
	v.s.body, b.held = held, held
	b.read.Store(int64(len(held)))
	x.Request.Body = held
	x.Request.BodySize = max(x.Request.BodySize, int64(len(held)))
}

// isDialogue tells bodies that may wait for the answer's beginning before they go on, so that they cannot be read ahead.
func isDialogue(h http.Header) bool {
	kind := h["Content-Type"]
	return len(kind) > 0 && (strings.HasPrefix(kind[0], "application/grpc") || strings.HasPrefix(kind[0], "application/connect+"))
}
