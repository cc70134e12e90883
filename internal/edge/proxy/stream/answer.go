package stream

import (
	"net/http"
	"strconv"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/rpc"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// passInterim passes a 1xx answer on.
func (f *flow) passInterim(h *http1.ResponseHead) error {
	if h.Status == http.StatusContinue {
		return nil // net/http has said so itself
	}
	header := f.w.Header()
	f.setFields(header, &h.Head, true)
	f.w.WriteHeader(h.Status)
	clear(header)
	return f.r.Context().Err()
}

// pass writes the answer to the client and captures it for the walk.
func (f *flow) pass(a *upstream.Answer) {
	x, h := &f.t.Exchange, a.Head
	x.Latency = a.Received - a.Sent
	x.Status = h.Status
	x.Response.Fields = append(x.Response.Fields[:0], h.Fields...)
	x.Anomalies.Union(h.Anomalies)
	f.setFields(f.w.Header(), &h.Head, f.peer.h2 == nil)
	f.frame(h)
	f.begun = true
	f.w.WriteHeader(h.Status)
	if http1.EventStream(h.Value(exchange.HeaderContentType)) {
		// It may last for days: what is known of it is told when it opens, its size when it closes.
		a.Pause = f.s.o.Timeouts.Idle
		f.open()
	} else if x.RPC.Protocol == exchange.GRPC {
		a.Pause = f.s.o.Timeouts.Idle
	}
	err, clientErr := f.copy(a)
	f.settle(a)
	switch {
	case clientErr != nil:
		f.end(event.OutcomeClientGone)
		f.abort = true
	case err != nil:
		f.failed(err)
	default:
		f.passTrailers(a.Trailers())
		f.end(f.outcome())
	}
}

// outcome tells an answer that was passed on from one that nobody waits for any longer.
func (f *flow) outcome() event.Outcome {
	if f.r.Context().Err() != nil {
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
		if !first && !a.Buffered() || first && !a.Buffered() && a.Head.Framing != http1.FramingNone {
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
		if len(payload) > 0 {
			if first && done && len(payload) <= smallAnswer && f.peer.h2 != nil && len(a.Trailers()) == 0 {
				f.peer.h2.promise()
			}
			if err := f.write(payload); err != nil {
				return nil, err
			}
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

// smallAnswer is how much net/http keeps until the request is over, to send it with the end of the stream.
const smallAnswer = 4 << 10

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
	f.told = f.s.now()
	f.observe()
	f.t.Publish(event.Open)
}

// progressEvery is how often a long stream that is not silent is told of.
const progressEvery = 60e9

func (f *flow) progress() {
	if !f.long {
		return
	}
	if now := f.s.now(); now-f.told >= progressEvery {
		f.told = now
		f.t.Publish(event.Progress)
	}
}

// setFields puts the fields that go on into header. fresh tells that it keeps the values beyond this call.
func (f *flow) setFields(header http.Header, h *http1.Head, fresh bool) {
	f.out = f.out[:0]
	for i := range h.Fields {
		f.out = append(f.out, h.Fields[i].Value...)
	}
	text, at := string(f.out), 0 // one string for all values
	values := f.values[:0]
	if fresh || cap(values) < len(h.Fields) {
		values = make([]string, 0, len(h.Fields)+8)
	}
	for i := range h.Fields {
		field := &h.Fields[i]
		value := text[at : at+len(field.Value)]
		at += len(field.Value)
		if field.ID == exchange.HeaderTrailer || !h.EndToEnd(i) {
			continue
		}
		key := f.s.keys.Of(field)
		if had, ok := header[key]; ok {
			header[key] = append(had, value)
			continue
		}
		values = append(values, value)
		n := len(values)
		header[key] = values[n-1 : n : n]
	}
	if !fresh {
		f.values = values
	}
}

// frame says how long the body is, as the upstream did, and keeps net/http from adding what the upstream did not say.
func (f *flow) frame(h *http1.ResponseHead) {
	header := f.w.Header()
	switch {
	case h.ContentLength >= 0 && h.Status != http.StatusNoContent:
		header["Content-Length"] = []string{strconv.FormatInt(h.ContentLength, 10)}
	case f.t.Exchange.RPC.Protocol != exchange.NoRPC:
		header["Content-Length"] = nil
	}
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil
	}
	if _, ok := header["Date"]; !ok {
		header["Date"] = nil
	}
	if v := f.s.altSvc.Load(); v != nil && f.peer.secure && f.peer.h2 != nil {
		header["Alt-Svc"] = *v
	}
}

// passTrailers sends the answer's trailers. What the connection itself uses was taken out where they were parsed.
func (f *flow) passTrailers(trailers []exchange.Field) {
	if len(trailers) == 0 {
		return
	}
	header := f.w.Header()
	for i := range trailers {
		key := http.TrailerPrefix + http.CanonicalHeaderKey(string(trailers[i].Name))
		header[key] = append(header[key], string(trailers[i].Value))
	}
}

// write gives b to the client within the body time-out.
func (f *flow) write(b []byte) error {
	f.writing.Store(f.s.now() + int64(f.s.o.Timeouts.Body))
	_, err := f.w.Write(b)
	f.writing.Store(0)
	return err
}

// flush sends what was written so far.
func (f *flow) flush() error {
	f.writing.Store(f.s.now() + int64(f.s.o.Timeouts.Body))
	defer f.writing.Store(0)
	switch w := f.w.(type) {
	case interface{ FlushError() error }:
		return w.FlushError()
	case http.Flusher:
		w.Flush()
	}
	return nil
}
