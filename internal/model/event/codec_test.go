package event

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// clinicEvent is an ordinary event: a list of appointments read by a signed-in client, 45 observations.
func clinicEvent() *Event {
	e := &Event{
		Seq: 123456, At: 1_790_000_000_123_456_789, Arrived: 1_790_000_000_123_500_000, Site: "clinic", Node: "node-1",
		Observed: exchange.SawAll, Endpoint: 42, Knowledge: 7, Status: 200, Latency: 3_456_789, ResponseBytes: 1234,
		ResponseBody: exchange.BodyJSON, RequestWalked: true, ResponseWalked: true,
		Client: netip.MustParseAddr("203.0.113.9"), Place: identity.Place{Country: [2]byte{'D', 'E'}, ASN: 3320},
		Fingerprint: 0x1234567890abcdef, Principal: identity.Principal{Token: 0xfeedfacecafebeef, Strength: identity.Accepted},
		Session: identity.Session{Token: 0xabcdef0123456789, Issued: true}, Credentials: identity.Credentials(0).With(identity.Bearer),
		Actor:   identity.Actor{Kind: identity.ActorPrincipal, Token: 0xfeedfacecafebeef},
		Verdict: Verdict{Action: "allow"},
	}
	copy(e.ID[:], "0123456789abcdef")
	e.Method, e.Host = e.Append([]byte("GET")), e.Append([]byte("api.clinic.example"))
	e.Template = e.Append([]byte("/v1/patients/{patientId}/appointments"))
	e.UserAgent = e.Append([]byte("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"))
	token := uint64(0x9e3779b97f4a7c15)
	add := func(part exchange.Part, kind exchange.Kind, parent int32, name string, classes uint64, number float64, length uint32) int32 {
		token = token*6364136223846793005 + 1442695040888963407
		i := len(e.Observations)
		o := Observation{Part: part, Kind: kind, Parent: parent, Classes: classes, Number: number, Len: length, Chars: 3, Name: e.Append([]byte(name))}
		o.Loc = deriveLoc(e.Observations, i, part, parent, []byte(name))
		if kind < exchange.KindObject {
			o.Token = token
		}
		for back := 1; back <= i && o.Same == 0; back++ { // as the walk does
			if e.Observations[i-back].Loc == o.Loc {
				o.Same, o.Name = uint16(back), e.Observations[i-back].Name
			}
		}
		e.Observations = append(e.Observations, o)
		return int32(i)
	}
	for _, s := range []string{"v1", "patients", "4711", "appointments"} {
		add(exchange.InPath, exchange.KindString, -1, "", 1, 0, uint32(len(s)))
	}
	for _, h := range []string{"accept", "accept-language", "accept-encoding", "x-request-id", "referer"} {
		add(exchange.InHeader, exchange.KindString, -1, h, 1<<33, 0, 20)
	}
	root := add(exchange.InResponseBody, exchange.KindObject, -1, "", 0, 0, 3)
	add(exchange.InResponseBody, exchange.KindInteger, root, "total", 3, 5, 1)
	items := add(exchange.InResponseBody, exchange.KindArray, root, "items", 0, 0, 5)
	for i := 0; len(e.Observations) < 45; i++ {
		item := add(exchange.InResponseBody, exchange.KindObject, items, "", 0, 0, 5)
		id := add(exchange.InResponseBody, exchange.KindString, item, "appointmentId", 1<<3, 0, 36)
		e.Observations[id].Flags = exchange.LeafIdentifier
		e.Objects = append(e.Objects, Object{Loc: e.Observations[id].Loc, Token: e.Observations[id].Token, Use: Issued})
		add(exchange.InResponseBody, exchange.KindString, item, "startsAt", 1<<13, 0, 20)
		add(exchange.InResponseBody, exchange.KindInteger, item, "durationMinutes", 3, float64(15*i), 2)
		add(exchange.InResponseBody, exchange.KindString, item, "status", 1<<31, 0, 9)
		add(exchange.InResponseBody, exchange.KindNumber, item, "price", 2, 49.95, 5)
	}
	e.Observations = e.Observations[:45]
	return e
}

// flatEvent answers with 45 members of one object, none repeated: the worst ordinary case for names.
func flatEvent() *Event {
	e := clinicEvent()
	e.Observations, e.Objects = e.Observations[:10], e.Objects[:0]
	for i := len(e.Observations); i < 45; i++ {
		name := fmt.Appendf(nil, "member%02d", i)
		e.Observations = append(e.Observations, Observation{
			Part: exchange.InResponseBody, Kind: exchange.KindString, Parent: 9, Name: e.Append(name), Len: 12, Chars: 5,
			Token: uint64(i) * 0x9e3779b97f4a7c15, Classes: 1 << 33, Loc: exchange.MemberLoc(e.Observations[9].Loc, name),
		})
	}
	return e
}

// plain is an event with its spans as text, so that two arenas compare.
type plain struct {
	Event
	Texts []string
}

func flatten(e *Event) plain {
	p := plain{Event: *e}
	text := func(s *Span) {
		p.Texts = append(p.Texts, e.Text(*s))
		*s = Span{}
	}
	for _, s := range []*Span{&p.Method, &p.Host, &p.Template, &p.UserAgent, &p.PrincipalName, &p.JA4} {
		text(s)
	}
	p.Observations = append([]Observation(nil), e.Observations...)
	for i := range p.Observations {
		text(&p.Observations[i].Name)
		text(&p.Observations[i].Literal)
		if n := p.Observations[i].Number; n != n {
			p.Observations[i].Number = 0
			p.Texts = append(p.Texts, fmt.Sprint(math.Float64bits(n)))
		}
	}
	p.Objects = append([]Object(nil), e.Objects...)
	p.Findings = append([]finding.Finding(nil), e.Findings...)
	p.arena = nil
	return p
}

func anyEvent(t *rapid.T) *Event {
	e := &Event{}
	text := func(max int, label string) Span {
		return e.Append(rapid.SliceOfN(rapid.Byte(), 0, max).Draw(t, label))
	}
	copy(e.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	e.Seq = rapid.Uint64().Draw(t, "seq")
	e.At = rapid.Int64().Draw(t, "at")
	e.Arrived = rapid.Int64().Draw(t, "arrived")
	e.Site, e.Node = rapid.StringN(0, 12, 30).Draw(t, "site"), rapid.StringN(0, 12, 30).Draw(t, "node")
	e.Source, e.Phase, e.Outcome = exchange.Source(rapid.Byte().Draw(t, "source")), Phase(rapid.Byte().Draw(t, "phase")), Outcome(rapid.Byte().Draw(t, "outcome"))
	e.Observed = exchange.Observed(rapid.Uint32().Draw(t, "observed"))
	e.Method, e.Host, e.Template, e.UserAgent, e.PrincipalName = text(10, "method"), text(30, "host"), text(60, "template"), text(256, "ua"), text(20, "name")
	e.Endpoint, e.Knowledge = identity.EndpointID(rapid.Uint32().Draw(t, "endpoint")), rapid.Uint64().Draw(t, "knowledge")
	e.Status, e.Latency = rapid.Uint16().Draw(t, "status"), rapid.Int64().Draw(t, "latency")
	e.RequestBytes, e.ResponseBytes = rapid.Int64().Draw(t, "in"), rapid.Int64().Draw(t, "out")
	e.RequestBody, e.ResponseBody = exchange.BodyKind(rapid.Byte().Draw(t, "rb")), exchange.BodyKind(rapid.Byte().Draw(t, "ab"))
	e.RequestWalked, e.ResponseWalked = rapid.Bool().Draw(t, "rw"), rapid.Bool().Draw(t, "aw")
	switch rapid.IntRange(0, 3).Draw(t, "family") {
	case 1:
		e.Client = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip4")))
	case 2:
		e.Client = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip6")))
	case 3:
		e.Client = netip.MustParseAddr("::ffff:10.1.2.3")
	}
	e.Place.ASN = rapid.Uint32().Draw(t, "asn")
	e.Fingerprint = identity.Fingerprint(rapid.Uint64().Draw(t, "fp"))
	e.JA4, e.HTTP2 = text(64, "ja4"), identity.Fingerprint(rapid.Uint64().Draw(t, "h2"))
	if rapid.Bool().Draw(t, "rpc") {
		e.RPC = exchange.RPC{
			Protocol: exchange.GRPCWeb, Known: rapid.Bool().Draw(t, "known"), Status: rapid.Byte().Draw(t, "code"),
			Requests: rapid.Uint32().Draw(t, "requests"), Responses: rapid.Uint32().Draw(t, "responses"),
		}
	}
	e.Principal = identity.Principal{Token: rapid.Uint64().Draw(t, "principal"), Strength: identity.Strength(rapid.IntRange(0, 3).Draw(t, "strength")), Carrier: identity.Cookie}
	e.Session = identity.Session{Token: rapid.Uint64().Draw(t, "session"), Issued: rapid.Bool().Draw(t, "issued")}
	e.Credentials = identity.Credentials(rapid.Byte().Draw(t, "cred"))
	e.Actor = identity.Actor{Kind: identity.ActorKind(rapid.IntRange(0, 3).Draw(t, "kind")), Token: rapid.Uint64().Draw(t, "actor")}
	if rapid.Bool().Draw(t, "linked") {
		e.Link = Link{Before: e.Actor, After: identity.Actor{Kind: identity.ActorSession, Token: rapid.Uint64().Draw(t, "after")}}
	}
	e.Anomalies = exchange.Anomalies(rapid.Uint64().Draw(t, "anomalies"))
	e.Verdict = Verdict{Enforced: rapid.Bool().Draw(t, "enforced"), Action: "block", Rule: rapid.StringN(0, 10, 20).Draw(t, "rule"), Status: e.Status}
	for range rapid.IntRange(0, 3).Draw(t, "findings") {
		e.Findings = append(e.Findings, finding.Finding{
			ID: "wire.nul", Severity: finding.High, Score: rapid.Float64().Draw(t, "score"), Where: rapid.String().Draw(t, "where"),
			Evidence: rapid.String().Draw(t, "evidence"), Why: rapid.String().Draw(t, "why"), Classes: []string{"CWE-444", "API8:2023"},
		})
	}
	for i := range rapid.IntRange(0, 40).Draw(t, "observations") {
		o := Observation{
			Part: exchange.Part(rapid.IntRange(0, 6).Draw(t, "part")), Kind: exchange.Kind(rapid.IntRange(0, 6).Draw(t, "okind")),
			Parent: int32(rapid.IntRange(-3, 45).Draw(t, "parent")), Len: rapid.Uint32().Draw(t, "len"), Token: rapid.Uint64().Draw(t, "token"),
			Number:  rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1)), rapid.Just(math.Copysign(0, -1)), rapid.Just(17.0), rapid.Just(-1e15)).Draw(t, "number"),
			Classes: rapid.OneOf(rapid.Uint64(), rapid.Just(uint64(1)<<63), rapid.Just(uint64(2)), rapid.SampledFrom(pairs[:])).Draw(t, "classes"),
			Chars:   rapid.Uint16().Draw(t, "chars"), Flags: exchange.LeafFlag(rapid.Byte().Draw(t, "flags")),
			Name: text(6, "oname"), Literal: text(6, "literal"),
		}
		switch rapid.IntRange(0, 2).Draw(t, "loc") {
		case 0:
			// No two alike: equal locations have equal names, or the codec gives both the first one's.
			o.Loc = rapid.Uint64().Draw(t, "rawloc")&^0xff | uint64(i)
		case 1:
			o.Loc = deriveLoc(e.Observations, i, o.Part, o.Parent, e.Bytes(o.Name))
		case 2:
			if i > 0 {
				o.Loc, o.Name = e.Observations[i/2].Loc, e.Observations[i/2].Name
				if rapid.Bool().Draw(t, "same") {
					o.Same = uint16(i - i/2)
				}
			}
		}
		e.Observations = append(e.Observations, o)
		if rapid.Bool().Draw(t, "object") {
			e.Objects = append(e.Objects, Object{Loc: o.Loc, Token: o.Token, Use: Created})
		}
	}
	if rapid.Bool().Draw(t, "stray") {
		e.Objects = append(e.Objects, Object{Loc: 1, Token: 2})
	}
	return e
}

func TestCodecReturnsWhatWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyEvent(t)
		b := in.AppendBinary([]byte("before"))
		if !bytes.HasPrefix(b, []byte("before")) {
			t.Fatal("what stood in the buffer was overwritten")
		}
		tight := append(make([]byte, 0, rapid.IntRange(6, 6+len(b)).Draw(t, "room")), "before"...)
		if !bytes.Equal(in.AppendBinary(tight), b) {
			t.Fatal("a smaller buffer gives other bytes")
		}
		out := clinicEvent() // an event that was used before
		if err := Decode(out, b[len("before"):]); err != nil {
			t.Fatal(err)
		}
		if want, got := flatten(in), flatten(out); !reflect.DeepEqual(want, got) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		if again := out.AppendBinary(nil); !bytes.Equal(again, b[len("before"):]) {
			t.Fatal("encoding again gives other bytes")
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	whole := clinicEvent().AppendBinary(nil)
	for n := range whole {
		var e Event
		if err := Decode(&e, whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
		if e.Seq != 0 || len(e.Observations) != 0 {
			t.Fatalf("%d bytes: event not empty after a fault", n)
		}
	}
	newer := append([]byte{codecKind, codecVersion + 1}, whole[2:]...)
	later := clinicEvent()
	later.HTTP2 = 7
	posing := later.AppendBinary(nil)
	posing[1] = 1
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"newer version", newer, ErrNewer},
		{"older version with parts it did not have", posing, ErrDamaged},
		{"version 0", append([]byte{codecKind, 0}, whole[2:]...), ErrDamaged},
		{"other kind", append([]byte{'X'}, whole[1:]...), ErrDamaged},
		{"bytes left over", append(bytes.Clone(whole), 0), ErrDamaged},
		{"too long", make([]byte, MaxEncoded+1), ErrDamaged},
	} {
		if err := Decode(&Event{}, c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// A record of version 1 is one of version 2 without the parts that came later.
func TestDecodeReadsOlder(t *testing.T) {
	old := clinicEvent().AppendBinary(nil)
	old[1] = 1
	var e Event
	if err := Decode(&e, old); err != nil {
		t.Fatal(err)
	}
	if want, got := flatten(clinicEvent()), flatten(&e); !reflect.DeepEqual(want, got) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestCodecSizeAndAllocations(t *testing.T) {
	for _, c := range []struct {
		name string
		e    *Event
		max  int
	}{{"list", clinicEvent(), 1200}, {"flat", flatEvent(), 1400}} {
		b := c.e.AppendBinary(nil)
		if len(b) > c.max {
			t.Errorf("%s: %d bytes, at most %d allowed", c.name, len(b), c.max)
		}
		buf := make([]byte, 0, 64<<10)
		if n := testing.AllocsPerRun(100, func() { buf = c.e.AppendBinary(buf[:0]) }); n != 0 {
			t.Errorf("%s: AppendBinary allocates %v times", c.name, n)
		}
		var d Decoder
		var e Event
		if n := testing.AllocsPerRun(100, func() {
			if err := d.Decode(&e, b); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: Decode allocates %v times", c.name, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(clinicEvent().AppendBinary(nil))
	f.Add(flatEvent().AppendBinary(nil))
	f.Add((&Event{}).AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Event
		if err := Decode(&e, b); err != nil {
			return
		}
		if len(e.arena) > len(b) || len(e.Observations) > len(b) {
			t.Fatal("an event outgrows its record")
		}
		again := e.AppendBinary(nil)
		var e2 Event
		if err := Decode(&e2, again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(e2.AppendBinary(nil), again) {
			t.Fatal("encoding is not stable")
		}
	})
}

func BenchmarkAppendBinary(b *testing.B) {
	for name, e := range map[string]*Event{"list": clinicEvent(), "flat": flatEvent()} {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 0, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				buf = e.AppendBinary(buf[:0])
			}
			b.ReportMetric(float64(len(buf)), "bytes/event")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, e := range map[string]*Event{"list": clinicEvent(), "flat": flatEvent()} {
		b.Run(name, func(b *testing.B) {
			buf := e.AppendBinary(nil)
			var d Decoder
			var out Event
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(&out, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
