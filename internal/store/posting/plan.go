package posting

import (
	"net/netip"

	"merlon/internal/store"
)

// Range is the values From to To of a field, both included.
type Range struct {
	Field    Field
	From, To int64
}

// One tells whether it is a single value.
func (r Range) One() bool { return r.From == r.To }

// Part is a part of the words of a field.
type Part struct {
	Field Field
	Text  string
}

// Plan is how a filter is answered: rows that are in all of its ranges and have one of the words of each of its parts. What
// else it asks for, time aside, the rows themselves must tell: then it is not Exact.
type Plan struct {
	Ranges []Range
	// Either are two values of which a row has one.
	Either [][2]Key
	Parts  []Part
	Exact  bool
}

// Make plans a filter.
func Make(f *store.EventFilter) Plan {
	p := Plan{Exact: true}
	number := func(field Field, v int64) {
		if v != 0 {
			p.Ranges = append(p.Ranges, Range{field, v, v})
		}
	}
	text := func(field Field, s string) { number(field, Hash(s)) }
	// What few rows have stands first: an empty intersection ends the work on a chunk.
	p.address(f)
	text(Actor, f.Actor)
	if f.Principal != "" {
		p.Either = append(p.Either, [2]Key{{Actor, Hash(principalActor(f.Principal))}, {Principal, Hash(f.Principal)}})
	}
	text(Fingerprint, f.Fingerprint)
	number(Endpoint, int64(f.Endpoint))
	text(Finding, f.Finding)
	text(Rule, f.Rule)
	text(Would, f.Would)
	text(JA4, f.JA4)
	text(HTTP2, f.HTTP2)
	number(ASN, int64(f.ASN))
	text(Country, f.Country)
	number(Severity, int64(f.MinSeverity))
	if f.RPC != "" {
		// "grpc" is the protocol, "grpc 7" a status of it.
		field := RPCProtocol
		for _, c := range f.RPC {
			if c == ' ' {
				field = RPC
			}
		}
		text(field, f.RPC)
	}
	if f.Status >= 100 {
		number(Status, int64(f.Status))
	} else {
		number(Class, int64(f.Status))
	}
	text(Action, f.Action)
	text(Method, f.Method)
	text(Host, f.Host)
	text(Strength, f.Strength)
	text(Mode, f.Mode)
	p.latency(f)
	if f.Unmatched {
		number(Unmatched, 1)
	}
	if f.Notable {
		number(Notable, 1)
	}
	text(Source, f.Source)
	text(Site, f.Site)
	text(Node, f.Node)
	if f.Template != "" {
		p.Parts = append(p.Parts, Part{Template, f.Template})
	}
	if f.UserAgent != "" {
		p.Parts = append(p.Parts, Part{Agent, f.UserAgent})
	}
	return p
}

func (p *Plan) latency(f *store.EventFilter) {
	if f.MinLatency <= 0 {
		return
	}
	best := int64(0)
	for _, ms := range steps() {
		if ms*1e6 <= f.MinLatency.Nanoseconds() {
			best = ms
		}
	}
	if best > 0 {
		p.Ranges = append(p.Ranges, Range{Latency, best, best})
	}
	if best*1e6 != f.MinLatency.Nanoseconds() {
		p.Exact = false
	}
}

func (p *Plan) address(f *store.EventFilter) {
	if f.Address == "" {
		return
	}
	n, ok := f.Network()
	if !ok {
		p.Ranges = append(p.Ranges, Range{Address6, Hash(f.Address), Hash(f.Address)})
		return
	}
	if a := n.Addr(); a.Is4() {
		p.network4(a, n.Bits())
	} else {
		p.network6(a, n.Bits())
	}
}

func (p *Plan) network4(a netip.Addr, bits int) {
	if bits == 0 {
		p.Exact = false
		return
	}
	field, width := Network8, 8
	switch {
	case bits > 16:
		field, width = Address, 32
	case bits > 8:
		field, width = Network16, 16
	}
	from := v4(a) >> (32 - width)
	p.Ranges = append(p.Ranges, Range{field, from, from + 1<<(width-bits) - 1})
}

func (p *Plan) network6(a netip.Addr, bits int) {
	switch {
	case bits == 128:
		p.Ranges = append(p.Ranges, Range{Address6, Hash(a.String()), Hash(a.String())})
	case bits > 48:
		p.Ranges = append(p.Ranges, Range{Network6, v6(a), v6(a)})
		p.Exact = false
	default:
		p.Ranges = append(p.Ranges, Range{Network6, v6(a), v6(a) + 1<<(48-bits) - 1})
	}
}
