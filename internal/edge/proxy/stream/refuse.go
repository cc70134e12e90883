package stream

import (
	"net/http"
	"strconv"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http2"
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

// Names and values of fields that we write.
var (
	retryField   = []byte("retry-after")
	cacheControl = []byte("cache-control")
	noStore      = []byte("no-store")
	contentType  = []byte("content-type")
	problemType  = []byte(action.ProblemType)
	grpcType     = []byte("application/grpc")
	grpcStatus   = []byte("grpc-status")
	grpcMessage  = []byte("grpc-message")
)

// reply writes an answer of our own: a problem document, or to a call the status that its client understands.
func (f *flow) reply(status, retryAfter int) {
	x := &f.t.Exchange
	f.fields = f.fields[:0]
	if retryAfter > 0 {
		f.addField(retryField, strconv.AppendInt(nil, int64(retryAfter), 10))
	}
	f.addField(cacheControl, noStore)
	f.begun = true
	if x.RPC.Protocol != exchange.NoRPC {
		f.denyCall(status)
		return
	}
	f.out = action.AppendProblem(f.out[:0], status, f.t.ID())
	f.addField(contentType, problemType)
	f.addField(contentLength, strconv.AppendInt(f.digits[:0], int64(len(f.out)), 10))
	headOnly := f.head.MethodID == http1.MethodHead
	if f.writeHead(status, f.fields, headOnly) == nil && !headOnly {
		_ = f.write(f.out, true)
	}
}

// denyCall answers a call with a head that is its trailers too (Trailers-Only): no body, the status in a field.
func (f *flow) denyCall(status int) {
	x := &f.t.Exchange
	x.RPC.Status, x.RPC.Known = rpc.Code(status), true
	kind := f.head.Value(exchange.HeaderContentType)
	if kind == nil {
		kind = grpcType
	}
	f.addField(contentType, kind)
	f.addField(grpcStatus, []byte(rpc.Digits(x.RPC.Status)))
	f.addField(grpcMessage, []byte(action.Title(status)+", event "+f.t.ID().String()))
	_ = f.writeHead(http.StatusOK, f.fields, true)
}

// cut ends an answer that has begun: a call with a status, anything else by resetting its stream.
func (f *flow) cut(o event.Outcome) {
	x := &f.t.Exchange
	if x.RPC.Protocol == exchange.GRPC {
		x.RPC.Status, x.RPC.Known = exchange.RPCUnavailable, true
		f.fields = f.fields[:0]
		f.addField(grpcStatus, []byte(rpc.Digits(x.RPC.Status)))
		f.addField(grpcMessage, []byte(action.Title(http.StatusBadGateway)))
		_ = f.writeTrailers(f.fields)
		x.Status = x.RPC.HTTPStatus(http.StatusOK)
	} else {
		f.code = http2.InternalError
	}
	f.end(o)
}
