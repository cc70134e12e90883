package stream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http2"
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
	s *Server
	carrier
	stream *http2.Stream // the carrier of HTTP/2; nil for one of HTTP/3
	// ctx ends with an HTTP/3 request. One of HTTP/2 calls abandon, which costs less: handle gives the upstream's request up.
	ctx     context.Context
	handle  upstream.Handle
	abandon func()
	interim func(*http1.ResponseHead) error // passInterim, bound once
	peer    *peer
	t       *engine.Transaction

	// text is the head in normal form, method and target are how long those are in it.
	text           []byte
	method, target int
	fault          exchange.Anomaly // found before the head was parsed, 0 for none
	head           http1.RequestHead
	body           http1.Body // judges trailers
	up             upstream.Request
	onward         onward.Scratch
	out            []byte // scratch: trailers, and documents of our own
	fields         []exchange.Field
	digits         [20]byte

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
	// milestone is at how many bytes of its answer the next one is due.
	milestone int64
	long      bool // an Open event was published
	begun     bool // the answer's head was written
	// observed tells that the engine has looked at the answer.
	observed bool
	crowded  bool       // the connection was closed to make room
	code     http2.Code // with which the stream is reset, if it is
	failure  bool       // a panic

	// Of the watch.
	next, prev *flow
	// reading and writing are until when a wait for the client may last, 0 for none.
	reading, writing atomic.Int64
	// shut tells that the client was kept from sending while it was waited for.
	shut atomic.Bool
}

func newFlow(s *Server) *flow {
	f := &flow{s: s}
	f.abandon, f.interim = f.handle.Abort, f.passInterim
	return f
}

// begin takes a request on.
func (f *flow) begin(p *peer) {
	f.peer = p
	f.arrived = f.s.now()
	f.crowded = !p.watch.add(f)
}

// leave is the end of begin.
func (f *flow) leave() { f.peer.watch.remove(f) }

// Sizes of what a flow keeps from one request to the next.
const (
	keptBuffer  = 64 << 10
	pieceBuffer = 32 << 10
)

// release forgets the request and keeps the buffers.
func (f *flow) release() {
	f.carrier, f.stream, f.ctx, f.peer, f.t, f.text = nil, nil, nil, nil, nil, nil
	f.up = upstream.Request{}
	f.onward = onward.Scratch{}
	if f.handle.Aborted() {
		f.handle = upstream.Handle{}
	}
	f.fault, f.code = 0, http2.NoError
	f.size, f.whole, f.upload = 0, false, false
	f.long, f.begun, f.observed = false, false, false
	f.told, f.sent, f.credit = 0, 0, 0
	f.reading.Store(0)
	f.writing.Store(0)
	f.shut.Store(false)
	for _, b := range [...]*[]byte{&f.out, &f.captured, &f.answer} {
		if cap(*b) > keptBuffer {
			*b = nil
		}
	}
}

// expire ends waits for the client that have lasted too long.
func (f *flow) expire(now int64) {
	if at := f.reading.Load(); at != 0 && now > at {
		if f.stream != nil && f.stream.Shut() {
			f.shut.Store(true)
			f.reading.CompareAndSwap(at, now+int64(bodyGrace)) // from when it may send again, or a little later
		} else {
			f.reading.Store(0)
			f.ExpireRead()
		}
	}
	if at := f.writing.Load(); at != 0 && now > at {
		f.writing.Store(0)
		f.ExpireWrite()
	}
}

// gone tells whether nobody waits for the answer any longer.
func (f *flow) gone() bool {
	gone, _ := f.Gone()
	return gone
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
	if f.crowded || f.stream != nil && f.stream.Refused {
		f.t.Request()
		f.close(event.OutcomeRefused, 0)
		f.code = http2.RefusedStream
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
	fault := f.fault
	if s := f.stream; s != nil {
		switch {
		case s.Malformed || s.Excess:
			fault = exchange.AnomalyHTTP2Malformed
		case s.TooLarge:
			fault = exchange.AnomalyHeaderTooLarge
		}
	}
	h, x := &f.head, &f.t.Exchange
	n, err := h.Parse(f.text, &f.s.o.Codec)
	if err == nil && fault == 0 && (n != len(f.text) || len(h.Method) != f.method || len(h.Target) != f.target) {
		fault = exchange.AnomalyHTTP2Malformed // something has broken out of its place
	}
	if errors.Is(err, http1.ErrNeedMore) {
		h.Reset()
		fault = exchange.AnomalyHTTP2Malformed
	}
	x.Source = exchange.SourceProxy
	// What the order of fields says of a client, its connection's fingerprint says better.
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
	f.body.BeginRequest(h, &f.s.o.Codec) // it must not tell of the request before
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
	if f.head.ExpectContinue {
		if err := f.writeHead(http.StatusContinue, nil, false); err != nil {
			return err
		}
	}
	if f.head.Framing == http1.FramingNone {
		f.whole = true
		if f.Ended() {
			return nil
		}
		var none [1]byte // a length of zero: the end is still to come
		if _, err := f.read(none[:]); !errors.Is(err, io.EOF) {
			return err
		}
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
			err = f.readTrailers()
			x.Anomalies.Union(f.body.Anomalies)
			return err
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
	n, err := f.Read(b)
	f.reading.Store(0)
	f.earn(since, n)
	if errors.Is(err, http2.ErrMalformed) {
		return n, http1.RejectError(exchange.AnomalyHTTP2Malformed)
	}
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

// readTrailers judges the trailers of a body that has ended as those of a chunked HTTP/1.1 body, which keeps those that may be
// passed on.
func (f *flow) readTrailers() error {
	lines := f.Trailers()
	if len(lines) == 0 || f.head.Framing != http1.FramingChunked {
		return nil
	}
	f.out = append(append(append(f.out[:0], "0\r\n"...), lines...), '\r', '\n')
	_, n, done, err := f.body.Next(f.out)
	if err == nil && (!done || n != len(f.out)) {
		err = http1.RejectError(exchange.AnomalyHTTP2Malformed)
	}
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
		if f.stream != nil {
			f.stream.Blame()
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.Anomalies.Add(exchange.AnomalyTimeout)
	default:
		x.Anomalies.Add(exchange.AnomalyIncomplete)
		x.RawHead = f.head.Raw
		f.judge()
		f.end(event.OutcomeClientGone)
		f.code = http2.Cancel
		return
	}
	x.RawHead = f.head.Raw
	f.judge()
	if f.stream != nil && reject == http1.RejectError(exchange.AnomalyHTTP2Malformed) {
		f.malformed()
		return
	}
	f.refuse(action.Reply{Kind: action.Block, Status: statusOf(err)})
}

// malformed ends a request of HTTP/2 that breaks the protocol behind its head: its stream is reset.
func (f *flow) malformed() {
	f.code = http2.ProtocolError
	f.t.Exchange.Request.BodySize = f.size
	if f.begun {
		f.end(event.OutcomeRefused)
		return
	}
	f.close(event.OutcomeRefused, int(exchange.AnomalyHTTP2Malformed.Describe().Status))
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
