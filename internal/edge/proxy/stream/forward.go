package stream

import (
	"errors"
	"net/http"

	"merlon/internal/edge/http2"
	"merlon/internal/edge/proxy/onward"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/action"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// forward sends the request on and deals with the answer.
func (f *flow) forward(reply action.Reply) {
	if f.gone() {
		f.failed(upstream.ErrAborted)
		return
	}
	group := f.s.o.Upstreams(f.t.Exchange.Site)
	if group == nil {
		f.failed(upstream.ErrNone)
		return
	}
	x := &f.t.Exchange
	f.up = upstream.Request{
		Head: &f.head, Body: x.Request.Body,
		Rewrite: f.onward.Rewrite(onward.Request{
			Head: &f.head, Client: x.Client.Addr, Hops: f.t.TrustedHops(), Secure: f.peer.secure, Reply: reply,
		}),
		Interim: f.interim,
	}
	if f.stream != nil {
		f.up.Handle = &f.handle
	}
	if group.Hashed() {
		f.up.Key = upstream.AddrKey(x.Client.Addr)
	}
	if f.mayTrail() {
		f.up.Trailers = f.trailers
	}
	if !f.whole {
		f.upload = true
		f.up.Rest = source{f}
	}
	f.sent = f.s.now()
	a, err := group.Do(f.ctx, &f.up)
	if err != nil {
		f.failed(err)
		return
	}
	over := false
	defer func() {
		if over {
			a.Close()
		} else {
			a.Discard() // a panic: the transaction is closed behind this, and what it tells of stands in the answer's memory
		}
	}()
	f.pass(a)
	over = true
}

// failed answers for an upstream that gave no usable answer, or ends the request when the client is the one that failed.
func (f *flow) failed(err error) {
	var source *upstream.SourceError
	var answer *upstream.AnswerError
	x := &f.t.Exchange
	x.Request.BodySize = f.size
	switch {
	case errors.As(err, &source):
		f.bodyFailed(source.Cause)
		return
	case f.gone():
		if _, malformed := f.Gone(); malformed {
			x.Anomalies.Add(exchange.AnomalyHTTP2Malformed)
			x.RawHead = f.head.Raw
			f.observe()
		}
		f.end(event.OutcomeClientGone)
		f.code = http2.Cancel
		return
	case errors.Is(err, upstream.ErrLocal): // nothing is wrong with the upstream
		f.refuse(action.Reply{Kind: action.Block, Status: http.StatusServiceUnavailable, RetryAfter: upstream.RetryAfter})
		return
	case errors.As(err, &answer):
		x.Anomalies.Union(answer.Anomalies)
		x.RawHead = answer.Raw
		f.observe()
	}
	f.s.o.Log.Debug("an upstream gave no usable answer", "site", x.Site, "event", f.t.ID(), "error", err)
	if f.begun {
		f.cut(event.OutcomeUpstream)
		return
	}
	status, retry := upstream.Status(err), 0
	if status == http.StatusServiceUnavailable {
		retry = upstream.RetryAfter
	}
	f.reply(status, retry)
	f.close(event.OutcomeUpstream, status)
}
