package record

import (
	"bytes"
	"net/netip"

	"merlon/internal/edge/ingest/stamp"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// MaxFields bounds the header fields of a message; servers stop at 100, and 1000 in a log is a mistake.
const MaxFields = 1000

// Line gathers what a line of any format says and fills an exchange from it. Values point into the line.
type Line struct {
	// Hops is how many of one's own proxies appended to X-Forwarded-For, behind whose address the client's stands; Auto
	// believes peers with private addresses.
	Hops int

	values            [numValues][]byte
	present           uint64 // values that were there, absent ones too
	saw               exchange.Observed
	request, response []exchange.Field
	tooMany           bool
	target            Target
	clock             stamp.Clock
	prints            map[string]string // JA4 fingerprints met
	scratch           []byte
	forwardedFor      []byte // the field's name
}

// Auto is a Hops that believes X-Forwarded-For when the peer's address is private.
const Auto = -1

// Reset forgets the last line.
func (l *Line) Reset() {
	l.values = [numValues][]byte{}
	l.request, l.response = l.request[:0], l.response[:0]
	l.saw, l.tooMany, l.present = 0, false, 0
}

// absent tells how servers write that there is no value.
func absent(v []byte) bool { return len(v) == 0 || len(v) == 1 && v[0] == '-' }

// Put notes a value. One that is absent still shows that it would have been seen.
func (l *Line) Put(m *Meaning, v []byte) {
	switch m.What {
	case Nothing, Digits:
	case Header:
		l.header(m, v)
	case ResponseHeader:
		if !absent(v) {
			l.response = l.field(l.response, m, v)
		}
	default:
		l.present |= 1 << m.What
		if !absent(v) {
			l.values[m.What] = v
		}
	}
}

func (l *Line) header(m *Meaning, v []byte) {
	if m.ID == exchange.HeaderUserAgent {
		l.saw |= exchange.SawUserAgent
	}
	if !absent(v) {
		l.request = l.field(l.request, m, v)
	}
}

func (l *Line) field(fields []exchange.Field, m *Meaning, v []byte) []exchange.Field {
	if len(fields) == MaxFields {
		l.tooMany = true
		return fields
	}
	return append(fields, exchange.Field{Name: m.Name, Value: v, ID: m.ID})
}

// Saw adds to what the line could show.
func (l *Line) Saw(o exchange.Observed) { l.saw |= o }

// PutField notes a field of a message whose fields are all shown.
func (l *Line) PutField(response bool, name, value []byte) {
	m := Meaning{Name: name, ID: exchange.LookupHeader(name)}
	if response {
		l.response = l.field(l.response, &m, value)
		return
	}
	switch m.ID {
	case exchange.HeaderHost:
		l.values[HostHeader] = value
	case exchange.HeaderXForwardedFor:
		l.values[Forwarded] = value
	}
	l.request = l.field(l.request, &m, value)
}

// Fill fills an empty exchange with what was put. The cause is 0 when it is whole.
func (l *Line) Fill(x *exchange.Exchange) Cause {
	if l.tooMany {
		return CauseTooMany
	}
	var ok bool
	if x.At, ok = ParseTime(&l.clock, l.values[Time]); !ok {
		return CauseTime
	}
	x.Observed = l.saw | exchange.SawRequestLine
	if cause := l.status(x); cause != 0 {
		return cause
	}
	if cause := l.client(x); cause != 0 {
		return cause
	}
	// The lists are swapped, not copied, as the line and the exchange live side by side.
	x.Request.Fields, l.request = l.request, x.Request.Fields[:0]
	x.Response.Fields, l.response = l.response, x.Response.Fields[:0]
	if v := l.values[Forwarded]; v != nil && !l.saw.Has(exchange.SawRequestHeaders) {
		x.Request.Fields = append(x.Request.Fields, exchange.Field{Name: l.forwardedName(), Value: v, ID: exchange.HeaderXForwardedFor})
	}
	l.spans(x)
	if cause := l.requestLine(x); cause != 0 {
		return cause
	}
	for _, what := range [...]What{HostHeader, HostUsed, ServerHost, ServerName} {
		if v := l.values[what]; len(v) > 0 && len(x.Host) == 0 && string(v) != "_" {
			x.Host = HostOnly(v)
		}
	}
	return l.sizes(x)
}

func (l *Line) forwardedName() []byte {
	if l.forwardedFor == nil {
		l.forwardedFor = []byte("X-Forwarded-For")
	}
	return l.forwardedFor
}

func (l *Line) status(x *exchange.Exchange) Cause {
	v := l.values[Status]
	switch {
	case l.present>>Status&1 == 0:
		return CauseMember
	case v == nil || string(v) == "000" || string(v) == "0": // the client or the server was gone before
		return 0
	case len(v) != 3 || v[0]-'0' > 9 || v[1]-'0' > 9 || v[2]-'0' > 9:
		return CauseStatus
	}
	x.Status = int(v[0]-'0')*100 + int(v[1]-'0')*10 + int(v[2]-'0')
	x.Observed |= exchange.SawStatus
	return 0
}

// spans takes the time until the response's head where the line has it, and the whole time otherwise.
func (l *Line) spans(x *exchange.Exchange) {
	v := &l.values
	x.Duration = max(spans(v[DurationSeconds], 1e9), spans(v[DurationMillis], 1e6), spans(v[DurationMicros], 1e3))
	x.Latency = max(spans(v[LatencySeconds], 1e9), spans(v[LatencyMillis], 1e6))
	if x.Latency == 0 {
		x.Latency = x.Duration
	}
	if x.Latency > 0 {
		x.Duration = max(x.Duration, x.Latency)
		x.Observed |= exchange.SawLatency
	}
}

// client settles who the client was. What stands there without being an address is a resolved name.
func (l *Line) client(x *exchange.Exchange) Cause {
	v := l.values[Client]
	if v == nil {
		v = l.values[Peer]
	}
	if v != nil {
		addr, port, ok := AddressPort(v)
		if !ok && !HostName(v) {
			return CauseClient
		}
		x.Client.Addr, x.Client.Port = addr, port
	}
	if n, ok := size(l.values[Port]); ok && n < 1<<16 {
		x.Client.Port = uint16(n)
	}
	if f := l.values[Forwarded]; f != nil {
		if addr, ok := l.forwarded(x.Client.Addr, v == nil, f); ok {
			x.Client.Addr, x.Client.Port = addr, 0
		}
	}
	if x.Client.Addr.IsValid() {
		x.Observed |= exchange.SawClient
	}
	if v := l.values[JA4]; len(v) > 0 && len(v) <= identity.MaxJA4 {
		x.Client.JA4 = l.print(v)
	}
	return 0
}

// forwarded finds the client in X-Forwarded-For. A format without the peer's address shows a list whose last member is
// that address: the server itself appended it.
func (l *Line) forwarded(peer netip.Addr, appended bool, list []byte) (netip.Addr, bool) {
	hops := l.Hops
	if appended && hops >= 0 {
		hops++
	}
	for n := 1; len(list) > 0 && n <= 64; n++ {
		if hops >= 0 && n > hops || hops == Auto && n > 1 && !ours(peer) || hops == Auto && n == 1 && !appended && !ours(peer) {
			break
		}
		word := list
		if k := bytes.LastIndexByte(list, ','); k >= 0 {
			word, list = list[k+1:], list[:k]
		} else {
			list = nil
		}
		addr, _, ok := AddressPort(bytes.TrimSpace(word))
		if !ok {
			break // nothing before it can be believed
		}
		peer = addr
	}
	return peer, peer.IsValid()
}

// ours tells an address that no client on the Internet has: a proxy of one's own (RFC 1918, 4193, 6598, loopback).
func ours(a netip.Addr) bool {
	a = a.Unmap()
	if !a.Is4() {
		return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
	}
	b := a.As4()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || b[0] == 100 && b[1]&0xc0 == 64
}

// maxPrints bounds the fingerprints that are remembered; others cost an allocation each.
const maxPrints = 4096

func (l *Line) print(v []byte) string {
	if s, ok := l.prints[string(v)]; ok {
		return s
	}
	if l.prints == nil {
		l.prints = make(map[string]string)
	}
	s := string(v)
	if len(l.prints) < maxPrints {
		l.prints[s] = s
	}
	return s
}
