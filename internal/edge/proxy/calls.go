package proxy

import (
	"merlon/internal/edge/proxy/rpc"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/exchange"
)

// call follows a gRPC-Web call, whose outcome is in the last frame of its answer's body while the answer says 200. (gRPC itself
// needs HTTP/2.) The followers are untouched when the exchange is none.
type call struct {
	under           bool // the exchange is one
	asked, answered rpc.Follower
}

// beginCall looks whether the request is a call.
func (f *flow) beginCall() {
	v := f.c.head.Value(exchange.HeaderContentType)
	if v == nil {
		return
	}
	if p, text := rpc.Detect(v); p == exchange.GRPCWeb {
		f.t.Exchange.RPC.Protocol = p
		f.call.under = true
		f.call.asked.Begin(p, text, false)
		f.call.answered.Begin(p, text, true)
	}
}

// settleCall says what became of the call. Neither body is read any more.
func (f *flow) settleCall(a *upstream.Answer) {
	if !f.call.under {
		return
	}
	x := &f.t.Exchange
	c := &x.RPC
	c.Requests, c.Responses = f.call.asked.Messages, f.call.answered.Messages
	if c.Status, c.Known = f.call.answered.Status(); !c.Known {
		c.Status, c.Known = rpc.Status(a.Head.Fields) // an answer without body
	}
	x.Status = c.HTTPStatus(a.Head.Status)
}
