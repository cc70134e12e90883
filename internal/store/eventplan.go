package store

import (
	"net/netip"

	"merlon/internal/store/posting"
)

// EventPlan is how a filter is answered: rows that are in all of its ranges and have one of the words of each of its parts. What
// else it asks for, time aside, the rows themselves must tell: then it is not Exact.
type EventPlan struct {
	Ranges []posting.Range
	// Either are two values of which a row has one.
	Either [][2]posting.Key
	Parts  []posting.Part
	Exact  bool
}

// PlanEvents plans a filter.
func PlanEvents(f *EventFilter) EventPlan {
	p := EventPlan{Exact: true}
	number := func(field posting.Field, v int64) {
		if v != 0 {
			p.Ranges = append(p.Ranges, posting.Range{Field: field, From: v, To: v})
		}
	}
	text := func(field posting.Field, s string) { number(field, posting.Hash(s)) }
	// What few rows have stands first: an empty intersection ends the work on a chunk.
	p.address(f)
	text(posting.Actor, f.Actor)
	if f.Principal != "" {
		p.Either = append(p.Either, [2]posting.Key{{Field: posting.Actor, Value: posting.Hash(principalActor(f.Principal))}, {Field: posting.Principal, Value: posting.Hash(f.Principal)}})
	}
	text(posting.Fingerprint, f.Fingerprint)
	number(posting.Endpoint, int64(f.Endpoint))
	text(posting.Finding, f.Finding)
	text(posting.Rule, f.Rule)
	text(posting.Would, f.Would)
	text(posting.JA4, f.JA4)
	text(posting.HTTP2, f.HTTP2)
	number(posting.ASN, int64(f.ASN))
	text(posting.Country, f.Country)
	number(posting.Severity, int64(f.MinSeverity))
	if f.RPC != "" {
		// "grpc" is the protocol, "grpc 7" a status of it.
		field := posting.RPCProtocol
		for _, c := range f.RPC {
			if c == ' ' {
				field = posting.RPC
			}
		}
		text(field, f.RPC)
	}
	if f.Status >= 100 {
		number(posting.Status, int64(f.Status))
	} else {
		number(posting.Class, int64(f.Status))
	}
	text(posting.Action, f.Action)
	text(posting.Method, f.Method)
	text(posting.Host, f.Host)
	text(posting.Strength, f.Strength)
	text(posting.Mode, f.Mode)
	p.latency(f)
	if f.Unmatched {
		number(posting.Unmatched, 1)
	}
	if f.Notable {
		number(posting.Notable, 1)
	}
	text(posting.Source, f.Source)
	text(posting.Site, f.Site)
	text(posting.Node, f.Node)
	if f.Template != "" {
		p.Parts = append(p.Parts, posting.Part{Field: posting.Template, Text: f.Template})
	}
	if f.UserAgent != "" {
		p.Parts = append(p.Parts, posting.Part{Field: posting.Agent, Text: f.UserAgent})
	}
	return p
}

func (p *EventPlan) latency(f *EventFilter) {
	if f.MinLatency <= 0 {
		return
	}
	best := int64(0)
	for _, ms := range latencySteps() {
		if ms*1e6 <= f.MinLatency.Nanoseconds() {
			best = ms
		}
	}
	if best > 0 {
		p.Ranges = append(p.Ranges, posting.Range{Field: posting.Latency, From: best, To: best})
	}
	if best*1e6 != f.MinLatency.Nanoseconds() {
		p.Exact = false
	}
}

func (p *EventPlan) address(f *EventFilter) {
	if f.Address == "" {
		return
	}
	n, ok := f.Network()
	if !ok {
		p.Ranges = append(p.Ranges, posting.Range{Field: posting.Address6, From: posting.Hash(f.Address), To: posting.Hash(f.Address)})
		return
	}
	if a := n.Addr(); a.Is4() {
		p.network4(a, n.Bits())
	} else {
		p.network6(a, n.Bits())
	}
}

func (p *EventPlan) network4(a netip.Addr, bits int) {
	if bits == 0 {
		p.Exact = false
		return
	}
	field, width := posting.Network8, 8
	switch {
	case bits > 16:
		field, width = posting.Address, 32
	case bits > 8:
		field, width = posting.Network16, 16
	}
	from := v4(a) >> (32 - width)
	p.Ranges = append(p.Ranges, posting.Range{Field: field, From: from, To: from + 1<<(width-bits) - 1})
}

func (p *EventPlan) network6(a netip.Addr, bits int) {
	switch {
	case bits == 128:
		p.Ranges = append(p.Ranges, posting.Range{Field: posting.Address6, From: posting.Hash(a.String()), To: posting.Hash(a.String())})
	case bits > 48:
		p.Ranges = append(p.Ranges, posting.Range{Field: posting.Network6, From: v6(a), To: v6(a)})
		p.Exact = false
	default:
		p.Ranges = append(p.Ranges, posting.Range{Field: posting.Network6, From: v6(a), To: v6(a) + 1<<(48-bits) - 1})
	}
}
