package stream

import (
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// bodyGrace is how long a request's body may take before its rate counts, as for HTTP/1.1.
const bodyGrace = 5 * time.Second

// rateOf is the rate, in bytes a second, at which the body of a request has to come at least, 0 for none. A call has none: its
// client may have nothing to say for as long as it likes.
func (s *Server) rateOf(p exchange.RPCProtocol) int64 {
	if p == exchange.GRPC {
		return 0
	}
	return int64(s.o.BodyRate)
}

// patience is how long, in nanoseconds, the client may be silent now in the middle of its body.
func (f *flow) patience() int64 {
	t := &f.s.o.Timeouts
	switch {
	case f.rate > 0:
		if f.size == 0 && f.credit == 0 {
			f.credit = int64(min(bodyGrace, t.Body))
		}
		return f.credit
	case f.head.Framing == http1.FramingChunked && f.upload:
		return int64(max(t.Body, t.Idle))
	default:
		return int64(t.Body)
	}
}

// earn settles a wait for n bytes that began at since: what has come buys a second for each BodyRate bytes, what was waited is
// spent. Credit is bounded by the body time-out, so that a large beginning does not pay for an hour of silence; and only waits
// count, so that a slow upstream is not the client's fault.
func (f *flow) earn(since int64, n int) {
	if f.rate > 0 {
		spent := f.s.now() - since
		if f.shut.CompareAndSwap(true, false) {
			spent = 0
		}
		f.credit = min(f.credit-spent+int64(n)*int64(time.Second)/f.rate, int64(f.s.o.Timeouts.Body))
	}
}
