package store

import (
	"net/netip"
	"strings"

	"merlon/internal/model/identity"
	"merlon/internal/store/posting"
)

// latencySteps are the latencies that can be asked for exactly, in milliseconds.
func latencySteps() []int64 {
	return []int64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000}
}

// EventKeys appends the keys of a row. agent, found and shape are the numbers of its words.
func EventKeys(dst []posting.Key, e *Event, agent, found, shape int64) []posting.Key {
	number := func(f posting.Field, v int64) {
		if v != 0 {
			dst = append(dst, posting.Key{Field: f, Value: v})
		}
	}
	text := func(f posting.Field, s string) { number(f, posting.Hash(s)) }
	text(posting.Site, e.Site)
	text(posting.Node, e.Node)
	text(posting.Source, e.Source)
	text(posting.Method, e.Method)
	text(posting.Host, e.Host)
	text(posting.Template, e.Template)
	number(posting.Endpoint, int64(e.Endpoint))
	number(posting.Status, int64(e.Status))
	number(posting.Class, int64(e.Status/100))
	text(posting.Action, e.Action)
	text(posting.Would, e.Would)
	text(posting.Mode, e.Mode)
	text(posting.Rule, e.Rule)
	for _, id := range e.FindingIDs {
		text(posting.Finding, id)
	}
	for s := e.Severity; s > 0; s-- {
		number(posting.Severity, int64(s))
	}
	if e.Notable {
		number(posting.Notable, 1)
	}
	if e.Template == "" {
		number(posting.Unmatched, 1)
	}
	text(posting.Actor, e.Actor)
	if e.Actor != principalActor(e.Principal) { // mostly they are one
		text(posting.Principal, e.Principal)
	}
	text(posting.Strength, e.Strength)
	dst = addressKeys(dst, e.Address)
	text(posting.Country, e.Country)
	number(posting.ASN, int64(e.ASN))
	text(posting.Fingerprint, e.Fingerprint)
	text(posting.JA4, e.JA4)
	text(posting.HTTP2, e.HTTP2)
	text(posting.RPC, e.RPC)
	if protocol, _, _ := strings.Cut(e.RPC, " "); protocol != e.RPC {
		text(posting.RPCProtocol, protocol)
	} else {
		text(posting.RPCProtocol, e.RPC)
	}
	for _, ms := range latencySteps() {
		if e.LatencyMicros < ms*1000 {
			break
		}
		number(posting.Latency, ms)
	}
	number(posting.Agent, agent)
	number(posting.Found, found)
	number(posting.Shape, shape)
	return dst
}

// principalActor is the actor of a principal that is proved.
func principalActor(principal string) string {
	return identity.ActorPrincipal.String() + ":" + principal
}

func addressKeys(dst []posting.Key, address string) []posting.Key {
	a, err := netip.ParseAddr(address)
	switch {
	case address == "":
	case err != nil:
		dst = append(dst, posting.Key{Field: posting.Address6, Value: posting.Hash(address)})
	case a.Unmap().Is4():
		v := v4(a.Unmap())
		dst = append(dst, posting.Key{Field: posting.Address, Value: v}, posting.Key{Field: posting.Network16, Value: v >> 16}, posting.Key{Field: posting.Network8, Value: v >> 24})
	default:
		dst = append(dst, posting.Key{Field: posting.Address6, Value: posting.Hash(a.String())}, posting.Key{Field: posting.Network6, Value: v6(a)})
	}
	return dst
}

func v4(a netip.Addr) int64 {
	b := a.As4()
	return int64(b[0])<<24 | int64(b[1])<<16 | int64(b[2])<<8 | int64(b[3])
}

// v6 is the first 48 bits.
func v6(a netip.Addr) (v int64) {
	b := a.As16()
	for _, c := range b[:6] {
		v = v<<8 | int64(c)
	}
	return v
}
