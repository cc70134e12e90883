package stream

import (
	"net/http"
	"strconv"

	"merlon/internal/edge/proxy/rpc"
	"merlon/internal/enforce/action"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// overloadRetry is the Retry-After of a proxy without memory, in seconds: a few collections later.
const overloadRetry = 5

// refuse answers in the upstream's stead.
func (f *flow) refuse(r action.Reply) {
	f.t.Exchange.Request.BodySize = f.size
	if f.begun {
		f.cut(event.OutcomeRefused)
		return
	}
	f.reply(r.Status, r.RetryAfter)
	f.close(event.OutcomeRefused, r.Status)
}

// reply writes an answer of our own: a problem document, or to a call the status that its client understands.
func (f *flow) reply(status, retryAfter int) {
	x := &f.t.Exchange
	header := f.w.Header()
	clear(header)
	if retryAfter > 0 {
		header["Retry-After"] = []string{strconv.Itoa(retryAfter)}
	}
	header["Cache-Control"] = []string{"no-store"}
	if x.RPC.Protocol != exchange.NoRPC {
		f.denyCall(header, status)
		return
	}
	f.out = action.AppendProblem(f.out[:0], status, f.t.ID())
	header["Content-Type"] = []string{action.ProblemType}
	header["Content-Length"] = []string{strconv.Itoa(len(f.out))}
	f.begun = true
	f.w.WriteHeader(status)
	if f.r.Method != http.MethodHead {
		_ = f.write(f.out)
	}
}

// denyCall answers a call with a head that is its trailers too (Trailers-Only): no body, the status in a field.
func (f *flow) denyCall(header http.Header, status int) {
	x := &f.t.Exchange
	x.RPC.Status, x.RPC.Known = rpc.Code(status), true
	kind := "application/grpc"
	if v := f.head.Value(exchange.HeaderContentType); v != nil {
		kind = string(v)
	}
	header["Content-Type"] = []string{kind}
	header["Content-Length"] = nil
	header["grpc-status"] = []string{rpc.Digits(x.RPC.Status)}
	header["grpc-message"] = []string{action.Title(status) + ", event " + f.t.ID().String()}
	f.begun = true
	f.w.WriteHeader(http.StatusOK)
}

// cut ends an answer that has begun: a call with a status, anything else by resetting its stream.
func (f *flow) cut(o event.Outcome) {
	x := &f.t.Exchange
	if x.RPC.Protocol == exchange.GRPC {
		header := f.w.Header()
		x.RPC.Status, x.RPC.Known = exchange.RPCUnavailable, true
		header[http.TrailerPrefix+"Grpc-Status"] = []string{rpc.Digits(x.RPC.Status)}
		header[http.TrailerPrefix+"Grpc-Message"] = []string{action.Title(http.StatusBadGateway)}
		x.Status = x.RPC.HTTPStatus(http.StatusOK)
	} else {
		f.abort = true
	}
	f.end(o)
}
