package scenario

import (
	"net/netip"
	"strings"
	"time"

	"merlon/internal/enforce/engine"
	"merlon/internal/lab/traffic"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// lineSight is what an exchange line holds: everything but the bytes on the wire.
const lineSight = exchange.SawAll &^ exchange.SawWire

// drive takes one exchange through an engine as an inline edge does: what policy refuses has no answer of the upstream.
// It reports whether it was refused.
func drive(e *engine.Engine, in *traffic.Entry, arrived time.Time, sight exchange.Observed) bool {
	t := e.Begin(arrived.UnixNano())
	x := &t.Exchange
	x.Source, x.Observed, x.Site, x.At = exchange.SourceEntry, sight, site, in.Started.UnixNano()
	if in.Response.BodyUnknown {
		x.Observed &^= exchange.SawResponseBody
	}
	target := in.Request.URL
	if _, rest, ok := strings.Cut(target, "://"); ok {
		host, path, _ := strings.Cut(rest, "/")
		name, _, _ := strings.Cut(host, ":")
		x.Host, target = []byte(name), "/"+path
	}
	path, query, _ := strings.Cut(target, "?")
	x.Method, x.Target, x.Path, x.RawQuery = []byte(in.Request.Method), []byte(target), []byte(path), []byte(query)
	x.Client.Addr, _ = netip.ParseAddr(in.Client.IP)
	x.Client.Port = uint16(in.Client.Port)
	message(&x.Request, in.Request.Headers, in.Request.Body)

	if reply := t.Request(); !reply.Forwarded() {
		t.Close(event.OutcomeRefused, reply.Status)
		return true
	}
	x.Status, x.Latency, x.Duration = in.Response.Status, int64(in.Duration), int64(in.Duration)
	message(&x.Response, in.Response.Headers, in.Response.Body)
	t.Response()
	t.Close(event.OutcomeAnswered, 0)
	return false
}

// message fills one direction.
func message(m *exchange.Message, hs []traffic.Header, body string) {
	for _, h := range hs {
		name := []byte(h.Name)
		m.Fields = append(m.Fields, exchange.Field{Name: name, Value: []byte(h.Value), ID: exchange.LookupHeader(name)})
	}
	m.Body, m.BodySize = []byte(body), int64(len(body))
}
