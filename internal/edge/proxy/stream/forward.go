package stream

import (
	"bytes"
	"errors"
	"net/http"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/action"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// Names and values of the fields that are ours.
var (
	forwardedFor   = []byte("X-Forwarded-For")
	tagName        = []byte(action.TagHeader)
	acceptEncoding = []byte("Accept-Encoding")
	gzipOnly       = []byte("gzip")
	noCoding       = []byte("identity")
)

// dropUpstream are the well-known request fields that are replaced by ours, or would contradict them.
var dropUpstream = http1.DropFields(exchange.HeaderXForwardedFor, exchange.HeaderForwarded, exchange.HeaderXRealIP,
	exchange.HeaderMerlonTag, exchange.HeaderAcceptEncoding)

// forward sends the request on and deals with the answer.
func (f *flow) forward(reply action.Reply) {
	group := f.s.o.Upstreams(f.t.Exchange.Site)
	if group == nil {
		f.failed(upstream.ErrNone)
		return
	}
	x := &f.t.Exchange
	f.up = upstream.Request{
		Head: &f.head, Rewrite: http1.Rewrite{Drop: dropUpstream, Add: f.fields(reply)}, Body: x.Request.Body,
		Interim: f.passInterim,
	}
	if group.Hashed() {
		f.up.Key = upstream.AddrKey(x.Client.Addr)
	}
	if f.hasTrailers() {
		f.up.Trailers = f.trailers
	}
	if !f.whole {
		f.upload = true
		f.up.Rest = source{f}
	}
	f.sent = f.s.now()
	a, err := group.Do(f.r.Context(), &f.up)
	if err != nil {
		f.failed(err)
		return
	}
	defer a.Close()
	f.pass(a)
}

// fields are those added for the upstream: the client's address, which content codings can be judged, and tags. A client that
// names no coding gets none.
func (f *flow) fields(reply action.Reply) []exchange.Field {
	x := &f.t.Exchange
	add := append(f.add[:0], exchange.Field{Name: forwardedFor, Value: x.Client.Addr.AppendTo(f.address[:0])})
	if accepted := f.head.Value(exchange.HeaderAcceptEncoding); accepted != nil {
		offer := noCoding
		if acceptsGzip(accepted) {
			offer = gzipOnly
		}
		add = append(add, exchange.Field{Name: acceptEncoding, Value: offer})
	}
	if reply.Tag != "" {
		add = append(add, exchange.Field{Name: tagName, Value: []byte(reply.Tag)})
	}
	return add
}

// acceptsGzip reads a list of content codings (RFC 9110 section 12.5.3): gzip is wanted unless its weight is zero.
func acceptsGzip(list []byte) bool {
	for more := true; more; {
		var item []byte
		item, list, more = bytes.Cut(list, []byte(","))
		coding, weight, weighed := bytes.Cut(item, []byte(";"))
		if !bytes.EqualFold(bytes.TrimSpace(coding), gzipOnly) {
			continue
		}
		weight = bytes.TrimSpace(weight)
		return !weighed || len(bytes.Trim(weight, "qQ=0.")) > 0
	}
	return false
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
	case f.r.Context().Err() != nil:
		f.end(event.OutcomeClientGone)
		f.abort = true
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
