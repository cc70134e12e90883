package stream

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/onward"
	"merlon/internal/edge/proxy/rpc"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/action"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// flow is one request on its way through. It is used again for others, with its buffers.
type flow struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	peer *peer
	t    *engine.Transaction

	head   http1.RequestHead
	body   http1.Body // judges trailers
	text   []byte     // the head in normal form
	names  []string
	up     upstream.Request
	onward onward.Scratch
	out    []byte // scratch: trailers, and values of the answer's fields
	values []string

	captured []byte // the request's body, as far as it is judged
	answer   []byte // the answer's
	piece    []byte // of a body that streams
	size     int64  // of the request's body so far
	whole    bool   // the request's body is all in captured

	asked, answered rpc.Follower
	upload          bool // the request's body is read by the upstream's side

	arrived int64
	sent    int64
	rate    int64 // at which the client's body has to come, bytes a second, 0 for any
	credit  int64 // how long the client's body may still keep us waiting, by its rate
	told    int64 // when the last event of a long stream was published
	long    bool  // an Open event was published
	begun   bool  // the answer's head was written
	// observed tells that the engine has looked at the answer.
	observed bool
	crowded  bool // the connection was closed to make room
	abort    bool // the stream is to be reset
	failure  bool // a panic
	// extended tells that net/http's own time-out for the whole answer was lifted.
	extended atomic.Bool

	// Of the watch.
	next, prev *flow
	// reading and writing are until when a wait for the client may last, 0 for none.
	reading, writing atomic.Int64
}

func newFlow(s *Server) *flow { return &flow{s: s} }

// begin takes a request on.
func (f *flow) begin(w http.ResponseWriter, r *http.Request, p *peer) {
	f.w, f.r, f.peer = w, r, p
	f.arrived = f.s.now()
	if p.h2 != nil {
		p.h2.handled.Add(1)
	}
	f.crowded = !p.watch.add(f)
}

// leave is the end of begin.
func (f *flow) leave() {
	f.peer.watch.remove(f)
	if f.extended.Swap(false) {
		f.setWriteDeadline(f.s.o.Now().Add(f.s.o.Timeouts.Body))
	}
	if f.peer.h2 != nil && f.r.Context().Err() == nil {
		f.peer.h2.tap.done.Add(1) // one that the client has reset makes good for nothing
	}
}

// Sizes of what a flow keeps from one request to the next.
const (
	keptBuffer  = 64 << 10
	pieceBuffer = 32 << 10
)

// release forgets the request and keeps the buffers.
func (f *flow) release() {
	f.w, f.r, f.peer, f.t = nil, nil, nil, nil
	f.up = upstream.Request{}
	f.onward = onward.Scratch{}
	clear(f.names)
	clear(f.values)
	f.size, f.whole, f.upload = 0, false, false
	f.long, f.begun, f.abort, f.observed = false, false, false, false
	f.told, f.sent, f.credit = 0, 0, 0
	f.reading.Store(0)
	f.writing.Store(0)
	for _, b := range []*[]byte{&f.text, &f.out, &f.captured, &f.answer} {
		if cap(*b) > keptBuffer {
			*b = nil
		}
	}
}

// writeTimeout is how long after its beginning an answer must be over, unless it is extended in time.
func writeTimeout(body time.Duration) time.Duration { return 3 * body }

// expire ends waits for the client that have lasted too long. An exchange that takes its time is freed of net/http's bound on
// the whole of it, which then holds again for what net/http writes in the end, behind our back.
func (f *flow) expire(now int64) {
	if at := f.reading.Load(); at != 0 && now > at {
		f.reading.Store(0)
		if d, ok := f.w.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = d.SetReadDeadline(time.Unix(1, 0))
		}
	}
	if at := f.writing.Load(); at != 0 && now > at {
		f.writing.Store(0)
		f.setWriteDeadline(time.Unix(1, 0))
	} else if now-f.arrived > int64(f.s.o.Timeouts.Body) && !f.extended.Swap(true) {
		f.setWriteDeadline(time.Time{})
	}
}

func (f *flow) setWriteDeadline(at time.Time) {
	if d, ok := f.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(at)
	}
}

// serve deals with the request.
func (f *flow) serve() {
	s := f.s
	f.t = s.o.Engine.Begin(f.arrived)
	if err := f.readHead(); err != nil {
		f.t.Request()
		f.refuse(action.Reply{Kind: action.Block, Status: statusOf(err)})
		return
	}
	if f.crowded {
		f.t.Request()
		f.close(event.OutcomeRefused, 0)
		f.abort = true
		return
	}
	if a := s.o.Admission; a != nil && a.Pressure() > listen.PressureFull {
		f.t.Request()
		f.refuse(action.Reply{Kind: action.Block, Status: http.StatusServiceUnavailable, RetryAfter: overloadRetry})
		return
	}
	if err := f.readBody(); err != nil {
		f.bodyFailed(err)
		return
	}
	reply := f.t.Request()
	if site := f.peer.site.Load(); site == nil || *site != f.t.Exchange.Site {
		name := f.t.Exchange.Site
		f.peer.site.Store(&name)
	}
	if !reply.Forwarded() {
		f.refuse(reply)
		return
	}
	f.forward(reply)
}

// readHead brings the request into normal form and fills the exchange with it.
func (f *flow) readHead() error {
	settleLength(f.r)
	var fault exchange.Anomaly
	f.text, f.names, fault = writeHead(f.text[:0], f.names, f.r)
	h, x := &f.head, &f.t.Exchange
	n, err := h.Parse(f.text, &f.s.o.Codec)
	if err == nil && fault == 0 && !describes(h, f.r, n, len(f.text)) {
		fault = exchange.AnomalyHTTP2Malformed
	}
	if errors.Is(err, http1.ErrNeedMore) {
		h.Reset()
		fault = exchange.AnomalyHTTP2Malformed
	}
	x.Source = exchange.SourceProxy
	x.Observed = exchange.SawAll &^ exchange.SawHeaderOrder
	x.Anomalies = h.Anomalies
	if fault != 0 {
		x.Anomalies.Add(fault)
		err = http1.RejectError(fault)
	}
	if x.Anomalies != 0 {
		if x.RawHead = h.Raw; x.RawHead == nil {
			x.RawHead = f.text
		}
	}
	x.Method, x.Target, x.Path, x.RawQuery, x.Host = h.Method, h.Target, h.Path, h.RawQuery, h.Hostname
	x.Request.Fields = append(x.Request.Fields[:0], h.Fields...)
	x.Client = f.peer.client
	protocol, text := rpc.Detect(h.Value(exchange.HeaderContentType))
	x.RPC.Protocol = protocol
	f.rate = f.s.rateOf(protocol)
	if protocol != exchange.NoRPC {
		f.asked.Begin(protocol, text, false)
		f.answered.Begin(protocol, text, true)
	}
	return err
}

// readBody reads the request's body as far as it is judged.
func (f *flow) readBody() error {
	x := &f.t.Exchange
	if f.head.Framing == http1.FramingNone {
		f.whole = true
		return nil
	}
	if x.RPC.Protocol == exchange.GRPC {
		return nil
	}
	limit := f.s.o.InspectRequest
	want := limit
	if n := f.head.ContentLength; n >= 0 && n < int64(limit) {
		want = int(n) + 1 // so that the end is seen
	}
	f.captured = f.captured[:0]
	for len(f.captured) < want {
		if free := cap(f.captured) - len(f.captured); free < 512 {
			// Room grows with what has come, not with what was announced.
			grown := make([]byte, len(f.captured), max(4<<10, min(2*cap(f.captured), limit)+512))
			copy(grown, f.captured)
			f.captured = grown
		}
		n, err := f.read(f.captured[len(f.captured):min(cap(f.captured), want)])
		f.captured = f.captured[:len(f.captured)+n]
		x.Request.Body, x.Request.BodySize = f.captured, f.size
		if errors.Is(err, io.EOF) {
			f.whole = true
			return f.readTrailers()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read reads more of the request's body and counts it. Its errors are io.EOF, a RejectError, or the client's failure.
func (f *flow) read(b []byte) (int, error) {
	since := f.s.now()
	f.reading.Store(since + f.patience())
	n, err := f.r.Body.Read(b)
	f.reading.Store(0)
	f.earn(since, n)
	f.size += int64(n)
	f.asked.Write(b[:n])
	switch limit := f.s.o.Codec.BodyBytes; {
	case limit > 0 && f.size > limit:
		return n, http1.RejectError(exchange.AnomalyBodyTooLarge)
	case f.head.ContentLength >= 0 && (f.size > f.head.ContentLength || errors.Is(err, io.EOF) && f.size < f.head.ContentLength):
		return n, http1.RejectError(exchange.AnomalyHTTP2Malformed)
	}
	return n, err
}

// readTrailers judges the trailers of a body that has ended.
func (f *flow) readTrailers() error {
	if len(f.r.Trailer) == 0 || f.head.Framing != http1.FramingChunked {
		return nil
	}
	var err error
	f.out, err = parseTrailers(&f.body, &f.head, &f.s.o.Codec, f.r.Trailer, f.out)
	return err
}

// statusOf is what answers a request that is refused for err.
func statusOf(err error) int {
	var reject http1.RejectError
	switch {
	case errors.As(err, &reject):
		return reject.Status()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	default:
		return http.StatusBadRequest
	}
}

// bodyFailed ends a request whose body does not go on, or is not what it should be.
func (f *flow) bodyFailed(err error) {
	x := &f.t.Exchange
	var reject http1.RejectError
	switch {
	case errors.As(err, &reject):
		x.Anomalies.Add(reject.Anomaly())
		x.Anomalies.Union(f.body.Anomalies)
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.Anomalies.Add(exchange.AnomalyTimeout)
	default:
		x.Anomalies.Add(exchange.AnomalyIncomplete)
		x.RawHead = f.head.Raw
		f.judge()
		f.end(event.OutcomeClientGone)
		f.abort = true
		return
	}
	x.RawHead = f.head.Raw
	f.judge()
	f.refuse(action.Reply{Kind: action.Block, Status: statusOf(err)})
}

// judge has the engine look at what became of the body: in the first phase, or, when the body was streaming on, in the second.
func (f *flow) judge() {
	if f.sent != 0 {
		f.observe()
		return
	}
	f.t.Request()
}

// observe has the engine look at the answer, once.
func (f *flow) observe() {
	if !f.observed {
		f.observed = true
		f.t.Response()
	}
}

// close ends the transaction.
func (f *flow) close(o event.Outcome, status int) {
	t := f.t
	f.t = nil // first: what is closed twice would be two exchanges' memory
	if f.long {
		t.ClosePhase(o, event.Close)
		return
	}
	t.Close(o, status)
}
