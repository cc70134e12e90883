package stream

import (
	"net/http"
	"strconv"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http2"
	"merlon/internal/edge/proxy/rpc"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// passInterim passes a 1xx answer on.
func (f *flow) passInterim(h *http1.ResponseHead) error {
	if h.Status == http.StatusContinue {
		return nil // we have said so ourselves
	}
	f.setFields(&h.Head)
	if err := f.writeHead(h.Status, f.fields, false); err != nil {
		return err
	}
	return f.flush()
}

// pass writes the answer to the client and captures it for the walk.
func (f *flow) pass(a *upstream.Answer) {
	x, h := &f.t.Exchange, a.Head
	x.Latency = a.Received - a.Sent
	x.Status = h.Status
	x.Response.Fields = append(x.Response.Fields[:0], h.Fields...)
	x.Anomalies.Union(h.Anomalies)
	f.setFields(&h.Head)
	f.frame(h)
	f.begun = true
	over := h.Framing == http1.FramingNone // there is neither a body nor trailers
	if err := f.writeHead(h.Status, f.fields, over); err != nil {
		f.settle(a)
		f.end(event.OutcomeClientGone)
		f.code = http2.Cancel
		return
	}
	if http1.EventStream(h.Value(exchange.HeaderContentType)) {
		// It may last for days: what is known of it is told when it opens, its size when it closes.
		a.Pause = f.s.o.Timeouts.Idle
		f.open()
	} else if x.RPC.Protocol == exchange.GRPC {
		a.Pause = f.s.o.Timeouts.Idle
	}
	var err, clientErr error
	if !over {
		err, clientErr = f.copy(a)
	}
	f.settle(a)
	switch {
	case clientErr != nil:
		f.end(event.OutcomeClientGone)
		f.code = http2.Cancel
	case err != nil:
		f.failed(err)
	default:
		f.end(f.outcome())
	}
}

// outcome tells an answer that was passed on from one that nobody waits for any longer.
func (f *flow) outcome() event.Outcome {
	if f.gone() {
		return event.OutcomeClientGone
	}
	return event.OutcomeAnswered
}

// copy passes the body on as it comes. Its first error is the upstream's, its second the client's.
func (f *flow) copy(a *upstream.Answer) (err, clientErr error) {
	x := &f.t.Exchange
	f.answer = f.answer[:0]
	limit := f.s.o.InspectResponse
	calls := x.RPC.Protocol == exchange.GRPC
	for first := true; ; first = false {
		if !a.Buffered() {
			if err := f.flush(); err != nil {
				return nil, err
			}
		}
		payload, done, err := a.Next()
		if err != nil {
			return err, nil
		}
		x.Response.BodySize += int64(len(payload))
		f.answered.Write(payload)
		switch {
		case first && done && len(payload) <= limit:
			x.Response.Body = payload // it stays where it is until the answer is closed
		case len(f.answer) < limit:
			f.answer = append(f.answer, payload[:min(limit-len(f.answer), len(payload))]...)
			x.Response.Body = f.answer
		}
		trailers := done && len(a.Trailers()) > 0
		if len(payload) > 0 || done && !trailers {
			if err := f.write(payload, done && !trailers); err != nil {
				return nil, err
			}
		}
		if trailers {
			return nil, f.writeTrailers(a.Trailers())
		}
		if done {
			return nil, nil
		}
		if calls && (f.answered.Messages > 1 || a.Uploading()) {
			f.open()
		}
		f.progress()
	}
}

// settle notes what is final only now: the request's body is not read any longer.
func (f *flow) settle(a *upstream.Answer) {
	x := &f.t.Exchange
	trailers := a.Trailers()
	x.Anomalies.Union(a.Anomalies())
	if f.upload {
		_, _ = a.EndUpload()
		x.Request.BodySize = f.size
		x.Anomalies.Union(f.body.Anomalies)
	}
	if x.RPC.Protocol == exchange.NoRPC {
		return
	}
	c := &x.RPC
	c.Requests, c.Responses = f.asked.Messages, f.answered.Messages
	for _, fields := range [][]exchange.Field{trailers, a.Head.Fields} {
		if !c.Known {
			c.Status, c.Known = rpc.Status(fields)
		}
	}
	if code, ok := f.answered.Status(); ok {
		c.Status, c.Known = code, true
	}
	x.Status = c.HTTPStatus(a.Head.Status)
}

// end closes the transaction of an exchange whose answer was passed on, as far as it went.
func (f *flow) end(o event.Outcome) {
	x := &f.t.Exchange
	if f.sent != 0 {
		x.Duration = f.s.now() - f.sent
		x.Added = f.sent - x.Arrived + x.Duration - x.Latency
	}
	if x.Status != 0 {
		f.observe()
	}
	f.close(o, 0)
}

// open tells, once, that the exchange is a long one.
func (f *flow) open() {
	if f.long {
		return
	}
	f.long = true
	f.told, f.milestone = f.s.now(), progressBytes
	f.observe()
	f.t.Publish(event.Open)
}

// A long stream that is not silent is told of every minute, and when its answer reaches 1 MiB, 2 MiB, 4 MiB and so on, as
// those of HTTP/1.1 are.
const (
	progressEvery = 60e9
	progressBytes = 1 << 20
)

func (f *flow) progress() {
	if !f.long {
		return
	}
	now, size := f.s.now(), f.t.Exchange.Response.BodySize
	if now-f.told < progressEvery && size < f.milestone {
		return
	}
	for f.told = now; f.milestone <= size; {
		f.milestone *= 2
	}
	f.t.Publish(event.Progress)
}

// setFields takes down the fields of h that go on.
func (f *flow) setFields(h *http1.Head) {
	f.fields = f.fields[:0]
	for i := range h.Fields {
		if h.EndToEnd(i) {
			f.fields = append(f.fields, h.Fields[i])
		}
	}
}

// Names of fields that we write.
var (
	contentLength = []byte("content-length")
	altService    = []byte("alt-svc")
)

// frame adds how long the body is, as the upstream said, and what our own connection has to say.
func (f *flow) frame(h *http1.ResponseHead) {
	if h.ContentLength >= 0 && h.Status != http.StatusNoContent {
		f.addField(contentLength, strconv.AppendInt(f.digits[:0], h.ContentLength, 10))
	}
	if v := f.s.altSvc.Load(); v != nil && f.peer.secure && f.peer.h2 {
		f.addField(altService, []byte(*v))
	}
}

func (f *flow) addField(name, value []byte) {
	f.fields = append(f.fields, exchange.Field{Name: name, Value: value})
}

// The answer is written within the body time-out, each piece of it.

func (f *flow) writeBegins() { f.writing.Store(f.s.now() + int64(f.s.o.Timeouts.Body)) }

func (f *flow) writeHead(status int, fields []exchange.Field, end bool) error {
	f.writeBegins()
	defer f.writing.Store(0)
	err := f.WriteHead(status, fields, end)
	if err == nil && status == http.StatusContinue {
		err = f.Flush()
	}
	return err
}

func (f *flow) writeTrailers(fields []exchange.Field) error {
	f.writeBegins()
	defer f.writing.Store(0)
	return f.WriteTrailers(fields)
}

func (f *flow) write(b []byte, end bool) error {
	f.writeBegins()
	defer f.writing.Store(0)
	return f.Write(b, end)
}

// flush sends what was written so far.
func (f *flow) flush() error {
	f.writeBegins()
	defer f.writing.Store(0)
	return f.Flush()
}
