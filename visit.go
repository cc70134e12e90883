package merlon

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"merlon/internal/edge/http1"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// visit is one exchange on its way through the handler, and the ResponseWriter that the handler gets. It is not pooled:
// a handler that keeps it beyond its return must not meet another exchange's.
type visit struct {
	g *Guard
	w http.ResponseWriter
	// mu guards what follows against a handler that writes from several goroutines, or too late.
	mu     sync.Mutex
	t      *engine.Transaction
	s      *scratch // nil when the event is made
	start  int64    // when the handler was called
	method http1.Method
	body   body
	// begun tells that the answer's head is known, long that an Open event was published, calm that the handler has returned
	// without a panic, lost that the client takes no more.
	begun, long, calm, lost bool
	size                    int64 // of the answer's body so far
	tunnel                  *tunnel
	parts                   atomic.Int32 // who still uses the exchange: the handler, a connection it took over
}

// begin notes the answer's head, once. The caller holds mu.
func (v *visit) begin(status int) {
	if v.begun || v.s == nil {
		return
	}
	v.begun = true
	x := &v.t.Exchange
	x.Status = status
	x.Latency = v.g.now().UnixNano() - v.start
	fields := v.w.Header()
	if err := v.s.response.Read(status, fields, -1, v.method, &v.g.limits); err != nil {
		x.Anomalies.Add(exchange.AnomalyControlCharacter) // net/http mends it on the wire
	}
	x.Response.Fields = append(x.Response.Fields[:0], v.s.response.Head.Fields...)
	if kind := fields["Content-Type"]; len(kind) > 0 && http1.EventStream([]byte(kind[0])) {
		// It may last for days: what is known of it is told when it opens, its size when it closes.
		v.open()
	}
}

// open publishes the beginning of a long exchange. The caller holds mu.
func (v *visit) open() {
	v.long = true
	v.t.Response()
	v.t.Publish(event.Open)
}

// capture keeps the beginning of the answer's body. The caller holds mu.
func (v *visit) capture(b []byte) {
	v.size += int64(len(b))
	if v.s == nil || v.long {
		return
	}
	if room := v.g.inspectResponse - len(v.s.answer); room > 0 {
		v.s.answer = append(v.s.answer, b[:min(room, len(b))]...)
	}
}

// returned ends the handler's part in the exchange.
func (v *visit) returned(ctx context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tunnel != nil {
		v.leave()
		return
	}
	switch {
	case v.lost, !v.begun && ctx.Err() != nil:
		v.end(event.OutcomeClientGone)
	case !v.calm:
		v.end(event.OutcomeUpstream)
	default:
		v.begin(http.StatusOK)
		v.end(event.OutcomeAnswered)
	}
}

// leave is called by the handler and by the connection it took over; the last one to leave ends the exchange. The caller
// holds mu.
func (v *visit) leave() {
	if v.parts.Add(-1) > 0 {
		return
	}
	if v.long {
		v.end(event.OutcomeAnswered)
	} else {
		v.end(event.OutcomeUpstream) // taken over, and never a word
	}
}

// end makes the event of an exchange that the handler has dealt with. The caller holds mu.
func (v *visit) end(o event.Outcome) {
	x := &v.t.Exchange
	x.Duration = v.g.now().UnixNano() - v.start
	x.Request.BodySize = max(x.Request.BodySize, v.body.release())
	x.Response.BodySize = v.size
	if t := v.tunnel; t != nil {
		x.Request.BodySize += t.up.Load()
		x.Response.BodySize += t.down.Load()
	}
	if !v.long {
		x.Response.Body = v.s.answer
		v.t.Response()
	}
	v.finish(o, 0)
}

// finish publishes the event and gives the memory back. Nothing may point into the exchange any more.
func (v *visit) finish(o event.Outcome, status int) {
	if v.long {
		v.t.ClosePhase(o, event.Close)
	} else {
		v.t.Close(o, status)
	}
	s := v.s
	v.s, v.t = nil, nil
	v.body.release()
	s.body, s.answer = s.body[:0], s.answer[:0]
	v.g.release(s)
}
