// Package mirror receives the copies of requests that nginx's mirror sends: each is learned from and judged, and nothing waits for it.
//
// A copy carries X-Original-URI and X-Real-IP, written by the sender; only trusted networks are believed. It is answered
// 204 as soon as it was read, before it is judged. Nothing that policy decides is carried out, and the answer of the
// upstream is never seen: it is unknown, not absent.
package mirror

import (
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http1/netform"
	"merlon/internal/enforce/action"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// Options is everything a Handler is made from.
type Options struct {
	Engine *engine.Engine
	// Trusted are the networks whose copies are taken; with none it is this machine alone.
	Trusted []netip.Prefix
	// Site takes every copy; empty lets the host of each choose.
	Site string
	// Codec are the limits of a legal head; Inspect is how much of a body is kept and looked at.
	Codec   http1.Limits
	Inspect int
	Now     func() time.Time
	Log     *slog.Logger
}

// sees is what a copy shows: no order of fields, no framing, no answer.
const sees = exchange.SawRequestLine | exchange.SawRequestHeaders | exchange.SawRequestBody | exchange.SawClient |
	exchange.SawCredentials | exchange.SawUserAgent

// Handler takes copies. It is safe for concurrent use.
type Handler struct {
	o               Options
	pool            sync.Pool // of *scratch
	stranger, wrong atomic.Bool
}

// scratch is the memory of one copy.
type scratch struct {
	form netform.Request
	body []byte
	rest []byte // where what is not kept is read to
}

// New makes a Handler.
func New(o Options) *Handler {
	o.Codec = o.Codec.Filled()
	h := &Handler{o: o}
	h.pool.New = func() any { return new(scratch) }
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !netform.Trusts(h.o.Trusted, r.RemoteAddr) {
		h.once(&h.stranger, "a program sent a copy that is not in mirror.from; it is refused", r)
		http.Error(w, action.Title(http.StatusForbidden), http.StatusForbidden)
		return
	}
	arrived := h.o.Now().UnixNano()
	s := h.pool.Get().(*scratch)
	defer h.release(s)
	size, whole := h.read(s, r)
	w.WriteHeader(http.StatusNoContent)
	_ = http.NewResponseController(w).Flush() // whoever sent the copy is done with it

	told, err := netform.Copied(r)
	if err != nil {
		h.once(&h.wrong, "copies do not say what was asked for (docs/guides): "+err.Error(), r)
		return
	}
	_ = s.form.Read(&told.Line, r.Header, told.Without, &h.o.Codec) // of a refused head the anomalies tell
	t := h.o.Engine.Begin(arrived)
	x := &t.Exchange
	x.Source, x.Observed, x.Site = exchange.SourceMirror, sees, h.o.Site
	told.Describe(x, &s.form)
	x.Request.Body, x.Request.BodySize = s.body, size
	if !whole {
		x.Anomalies.Add(exchange.AnomalyIncomplete)
	}
	t.Request()
	t.Close(event.OutcomeNotForwarded, 0)
}

// firstRead is how much room a body gets at first; it grows with what has come.
const firstRead = 4 << 10

// maxKept is how much of a body's memory is kept for the next one.
const maxKept = 64 << 10

// read takes the copy's body: its beginning is kept, the rest is counted.
func (h *Handler) read(s *scratch, r *http.Request) (size int64, whole bool) {
	s.body = s.body[:0]
	for len(s.body) < h.o.Inspect {
		if len(s.body) == cap(s.body) {
			s.body = slices.Grow(s.body, min(h.o.Inspect-len(s.body), max(firstRead, len(s.body))))
		}
		n, err := r.Body.Read(s.body[len(s.body):min(cap(s.body), h.o.Inspect)])
		s.body = s.body[:len(s.body)+n]
		if err != nil {
			return int64(len(s.body)), err == io.EOF
		}
	}
	if s.rest == nil {
		s.rest = make([]byte, 16<<10)
	}
	for size = int64(len(s.body)); ; {
		n, err := r.Body.Read(s.rest)
		size += int64(n)
		if err != nil {
			return size, err == io.EOF
		}
	}
}

func (h *Handler) release(s *scratch) {
	if cap(s.body) > maxKept {
		s.body = nil
	}
	h.pool.Put(s)
}

// once warns about a fault of somebody's configuration the first time: it would fill the log.
func (h *Handler) once(told *atomic.Bool, text string, r *http.Request) {
	if !told.Swap(true) {
		h.o.Log.Warn(text, "peer", r.RemoteAddr)
	}
}
