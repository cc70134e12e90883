package otlp

import (
	"bytes"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// judge makes an exchange of an HTTP server span, or of a log record with a method, and takes it through the engine.
func (b *batch) judge(r *entry) {
	method := r.text(slotMethod)
	if string(method) == "_OTHER" {
		// The conventions' word for a method that the instrumentation does not know.
		method = r.text(slotMethodOriginal)
	}
	path := b.path(r)
	at := int64(r.start)
	if r.kind == kindLog && at == 0 {
		at = int64(r.end) // when it was observed
	}
	switch {
	case len(method) == 0 || len(path) == 0 || path[0] != '/' && string(path) != "*":
		b.tally.vague++
		return
	case !record.IsMethod(method):
		b.reject("http.request.method is not a token")
		return
	case at <= 0:
		b.reject("a record has no time")
		return
	case at > b.arrived+maxAhead:
		b.reject("the time of a record lies more than five minutes ahead")
		return
	}
	b.tally.exchanges++
	t := b.r.o.Engine.Begin(b.arrived)
	x := &t.Exchange
	x.Source, x.Site, x.At = exchange.SourceOTLP, b.site(), at
	x.Observed = exchange.SawRequestLine
	x.Method = method
	b.target.Set(x, path)
	if host := r.host(); len(host) > 0 {
		x.Host = host
	}
	r.fill(x, b.agent)
	t.Request()
	t.Response()
	t.Close(event.OutcomeNotForwarded, 0)
}

// fill writes what else a record says, and that it says it.
func (r *entry) fill(x *exchange.Exchange, agentName []byte) {
	if a := r.text(slotClient); len(a) > 0 {
		addr, ok := record.Address(a)
		port := uint16(0)
		if !ok {
			addr, port, ok = record.AddressPort(a)
		}
		if ok {
			if p := r.number(slotPort); p > 0 && p < 1<<16 {
				port = uint16(p)
			}
			x.Client.Addr, x.Client.Port = addr, port
			x.Observed |= exchange.SawClient
		}
	}
	if agent := r.text(slotAgent); len(agent) > 0 {
		x.Request.Fields = append(x.Request.Fields, exchange.Field{Name: agentName, Value: agent, ID: exchange.HeaderUserAgent})
		x.Observed |= exchange.SawUserAgent
	}
	x.Request.Fields = appendFields(x.Request.Fields, r.request, x.Observed.Has(exchange.SawUserAgent))
	x.Response.Fields = appendFields(x.Response.Fields, r.response, false)
	x.Request.BodySize, x.Response.BodySize = max(0, r.number(slotRequestSize)), max(0, r.number(slotResponseSize))
	if status := r.number(slotStatus); status >= 100 && status <= 999 {
		x.Status = int(status)
		x.Observed |= exchange.SawStatus
	}
	if r.kind == kindServer && r.end > r.start && r.end-r.start <= maxSpan {
		x.Latency = int64(r.end - r.start)
		x.Duration = x.Latency
		x.Observed |= exchange.SawLatency
	}
}

// appendFields adds the header fields that a record brings: those that its instrumentation was told to record, so that
// others are unknown.
func appendFields(fields []exchange.Field, from []header, agent bool) []exchange.Field {
	for _, h := range from {
		name := h.name
		if bytes.IndexByte(name, '_') >= 0 { // the older conventions write content_type
			name = bytes.ReplaceAll(name, []byte{'_'}, []byte{'-'})
		}
		id := exchange.LookupHeader(name)
		if len(name) == 0 || id == exchange.HeaderUserAgent && agent {
			continue
		}
		fields = append(fields, exchange.Field{Name: name, Value: h.value, ID: id})
	}
	return fields
}
