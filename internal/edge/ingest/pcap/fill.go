package pcap

import (
	"merlon/internal/model/exchange"
)

// unseenAnswer are the parts of an exchange whose answer was not captured.
const unseenAnswer = exchange.SawStatus | exchange.SawResponseHeaders | exchange.SawResponseBody | exchange.SawLatency

// fill writes p into x.
func (p *pair) fill(r *Reader, x *exchange.Exchange) {
	q, a, h := &p.request, &p.answer, &r.request
	x.Source, x.Observed = exchange.SourcePcap, exchange.SawAll
	if p.stream != 0 {
		x.Observed &^= exchange.SawHeaderOrder | exchange.SawWire // there is no such thing, or not as in HTTP/1
	}
	x.At = q.first
	x.Client.Addr, x.Client.Port = p.client.ip(p.side), p.client.port[p.side]
	h.Reset()
	if q.partial {
		_ = h.Abandon(q.head, exchange.AnomalyIncomplete, &r.o.Limits) // it is in Anomalies
	} else {
		_, _ = h.Parse(q.head, &r.o.Limits) // as before; what it refuses is in Anomalies
	}
	x.Anomalies = h.Anomalies | q.anomalies
	if x.Anomalies != 0 {
		x.RawHead = h.Raw
	}
	x.Method, x.Target, x.Path, x.RawQuery, x.Host = h.Method, h.Target, h.Path, h.RawQuery, h.Hostname
	x.Request.Fields = append(x.Request.Fields[:0], h.Fields...)
	q.fill(&x.Request)
	if len(x.Method) == 0 || len(x.Target) == 0 {
		x.Observed &^= exchange.SawRequestLine
	}
	method, websocket := h.MethodID, h.WebSocket
	h.Reset()
	if !p.answered {
		x.Observed &^= unseenAnswer
		return
	}
	o := &r.response
	o.Reset()
	_, err := o.Parse(a.head, &r.o.Limits, method, websocket)
	x.Anomalies.Union(o.Anomalies | a.anomalies)
	if len(x.RawHead) == 0 && x.Anomalies != 0 {
		x.RawHead = a.head
	}
	if err != nil {
		x.Observed &^= unseenAnswer
		o.Reset()
		return
	}
	x.Status = o.Status
	x.Response.Fields = append(x.Response.Fields[:0], o.Fields...)
	a.fill(&x.Response)
	x.Latency, x.Duration = max(0, a.first-q.last), max(0, a.last-q.last)
}

// fill writes the body.
func (m *message) fill(to *exchange.Message) {
	to.Body, to.BodySize = m.body, max(m.size, int64(len(m.body)))
	if m.cut {
		to.BodySize = max(to.BodySize, int64(len(m.body))+1) // at least one byte was not seen, so nothing is whole
	}
}
