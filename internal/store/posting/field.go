package posting

import (
	"cmp"
	"net/netip"
	"strings"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// Field says what a value is of. The numbers are stored: append only.
type Field uint8

// The fields. Those "at least" hold every bound that the row reaches, so that one posting answers for all above it.
const (
	Site Field = iota + 1
	Node
	Source
	Method
	Host
	Template // a word
	Endpoint
	Status
	Class
	Action
	Would
	Mode
	Rule
	Finding
	Severity // at least
	Notable
	Actor
	Principal
	Strength
	Address   // of IPv4 as its number, so that a network is a range
	Network16 // the first 16, 8 bits of IPv4
	Network8
	Address6 // of IPv6, hashed
	Network6 // its first 48 bits
	Country
	ASN
	Fingerprint
	JA4
	HTTP2
	Agent // a word
	RPC
	RPCProtocol
	Latency // at least
	Found   // a word: findings as JSON
	Shape   // a word: store.Shape
	Unmatched
)

// Word tells whether a field's values stand in the table of words: those that are looked for by a part of them, and those
// that rows share so often that they hold the value's number instead.
func (f Field) Word() bool { return f == Template || f == Agent || f == Found || f == Shape }

// Key is one value of one field.
type Key struct {
	Field Field
	Value int64
}

// Compare orders keys as they are stored.
func Compare(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value))
}

// hashKey is no secret: it makes two texts of one hash cost more to find than they are worth.
const hashKey = "merlon event row"

// Hash is a text's value; 0 for the empty text, which is not kept.
func Hash(text string) int64 {
	if text == "" {
		return 0
	}
	return int64(dataclass.Key([]byte(hashKey)).Token([]byte(text)))
}

// steps are the latencies that can be asked for exactly, in milliseconds.
func steps() []int64 {
	return []int64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000}
}

// Keys appends the keys of a row. agent, found and shape are the numbers of its words.
func Keys(dst []Key, e *store.Event, agent, found, shape int64) []Key {
	number := func(f Field, v int64) {
		if v != 0 {
			dst = append(dst, Key{f, v})
		}
	}
	text := func(f Field, s string) { number(f, Hash(s)) }
	text(Site, e.Site)
	text(Node, e.Node)
	text(Source, e.Source)
	text(Method, e.Method)
	text(Host, e.Host)
	text(Template, e.Template)
	number(Endpoint, int64(e.Endpoint))
	number(Status, int64(e.Status))
	number(Class, int64(e.Status/100))
	text(Action, e.Action)
	text(Would, e.Would)
	text(Mode, e.Mode)
	text(Rule, e.Rule)
	for _, id := range e.FindingIDs {
		text(Finding, id)
	}
	for s := e.Severity; s > 0; s-- {
		number(Severity, int64(s))
	}
	if e.Notable {
		number(Notable, 1)
	}
	if e.Template == "" {
		number(Unmatched, 1)
	}
	text(Actor, e.Actor)
	if e.Actor != principalActor(e.Principal) { // mostly they are one
		text(Principal, e.Principal)
	}
	text(Strength, e.Strength)
	dst = addressKeys(dst, e.Address)
	text(Country, e.Country)
	number(ASN, int64(e.ASN))
	text(Fingerprint, e.Fingerprint)
	text(JA4, e.JA4)
	text(HTTP2, e.HTTP2)
	text(RPC, e.RPC)
	if protocol, _, _ := strings.Cut(e.RPC, " "); protocol != e.RPC {
		text(RPCProtocol, protocol)
	} else {
		text(RPCProtocol, e.RPC)
	}
	for _, ms := range steps() {
		if e.LatencyMicros < ms*1000 {
			break
		}
		number(Latency, ms)
	}
	number(Agent, agent)
	number(Found, found)
	number(Shape, shape)
	return dst
}

// principalActor is the actor of a principal that is proved.
func principalActor(principal string) string {
	return identity.ActorPrincipal.String() + ":" + principal
}

func addressKeys(dst []Key, address string) []Key {
	a, err := netip.ParseAddr(address)
	switch {
	case address == "":
	case err != nil:
		dst = append(dst, Key{Address6, Hash(address)})
	case a.Unmap().Is4():
		v := v4(a.Unmap())
		dst = append(dst, Key{Address, v}, Key{Network16, v >> 16}, Key{Network8, v >> 24})
	default:
		dst = append(dst, Key{Address6, Hash(a.String())}, Key{Network6, v6(a)})
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
