package event

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// Decoder reads encoded events and keeps the few strings that all events share (sites, nodes, actions, rule names), so
// that decoding into a pooled event does not allocate unless the event has findings. The zero value is ready. It is not
// for use by several goroutines at once.
type Decoder struct {
	strings map[string]string
}

// maxInterned bounds the strings a Decoder keeps, against records that never repeat one.
const maxInterned = 1024

// Decode reads b into e, which it resets first. See Decoder.Decode.
func Decode(e *Event, b []byte) error {
	var d Decoder
	return d.Decode(e, b)
}

// Decode reads b into e, which it resets first. b may be anything: what is not a whole, well-formed record of this version or an older one gives
// ErrDamaged or ErrNewer and leaves e empty. The memory it takes is bounded by the length of b.
func (d *Decoder) Decode(e *Event, b []byte) error {
	e.Reset()
	if len(b) > MaxEncoded {
		return fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	}
	if len(b) < 2 || b[0] != codecKind || b[1] < firstVersion || b[1] > codecVersion {
		return newerOrDamaged(b)
	}
	known := uint64(knownParts)
	if b[1] == 1 {
		known = knownPartsV1
	}
	r := reader{b: b[2:], d: d}
	m := r.number()
	if m&^known != 0 {
		return fmt.Errorf("%w: unknown parts", ErrDamaged)
	}
	r.fixed(e, m)
	r.observations(e)
	if m&hasObjects != 0 {
		r.objects(e)
	}
	if r.bad || len(r.b) != 0 {
		e.Reset()
		return fmt.Errorf("%w: cut short or misshapen", ErrDamaged)
	}
	return nil
}

// reader takes values from the front of b. After the first fault everything it returns is zero and bad stays set.
type reader struct {
	b   []byte
	d   *Decoder
	bad bool
}

func (r *reader) fail() {
	r.b, r.bad = nil, true
}

func (r *reader) number() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// below reads a number that must be at most limit.
func (r *reader) below(limit uint64) uint64 {
	v := r.number()
	if v > limit {
		r.fail()
		return 0
	}
	return v
}

// count reads how many things follow that take at least size bytes each.
func (r *reader) count(size int) int {
	v := r.number()
	if v > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(v)
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// code reads a byte that must be at most limit.
func (r *reader) code(limit byte) byte {
	v := r.byte()
	if v > limit {
		r.fail()
		return 0
	}
	return v
}

func (r *reader) word() uint64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail()
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) text() []byte { return r.take(r.count(1)) }

// name is text as a string that is shared with earlier events where possible.
func (r *reader) name() string {
	b := r.text()
	if len(b) == 0 {
		return ""
	}
	if s, ok := r.d.strings[string(b)]; ok {
		return s
	}
	s := string(b)
	if r.d.strings == nil {
		r.d.strings = make(map[string]string)
	}
	if len(r.d.strings) < maxInterned && len(s) <= 256 {
		r.d.strings[s] = s
	}
	return s
}

func (r *reader) actor() identity.Actor {
	return identity.Actor{Kind: identity.ActorKind(r.code(byte(identity.ActorPrincipal))), Token: r.word()}
}

func (r *reader) addr() netip.Addr {
	switch r.byte() {
	case 4:
		if b := r.take(4); b != nil {
			return netip.AddrFrom4([4]byte(b))
		}
	case 16:
		if b := r.take(16); b != nil {
			return netip.AddrFrom16([16]byte(b))
		}
	default:
		r.fail()
	}
	return netip.Addr{}
}

func (r *reader) fixed(e *Event, m uint64) {
	copy(e.ID[:], r.take(len(e.ID)))
	e.At = int64(r.word())
	e.Arrived = e.At + unzigzag(r.number())
	e.Source, e.Phase, e.Outcome = exchange.Source(r.byte()), Phase(r.byte()), Outcome(r.byte())
	e.RequestBody, e.ResponseBody = exchange.BodyKind(r.byte()), exchange.BodyKind(r.byte())
	e.Credentials = identity.Credentials(r.byte())
	e.Observed = exchange.Observed(r.below(math.MaxUint32))
	e.Status = uint16(r.below(math.MaxUint16))
	e.Method = e.Append(r.text())
	e.Host = e.Append(r.text())
	e.RequestWalked, e.ResponseWalked = m&isRequestWalked != 0, m&isResponseWalked != 0
	if m&hasSeq != 0 {
		e.Seq = r.number()
	}
	if m&hasSite != 0 {
		e.Site = r.name()
	}
	if m&hasNode != 0 {
		e.Node = r.name()
	}
	if m&hasKnowledge != 0 {
		e.Knowledge = r.number()
	}
	if m&hasEndpoint != 0 {
		e.Endpoint = identity.EndpointID(r.below(math.MaxUint32))
	}
	if m&hasTemplate != 0 {
		e.Template = e.Append(r.text())
	}
	if m&hasUserAgent != 0 {
		e.UserAgent = e.Append(r.text())
	}
	if m&hasLatency != 0 {
		e.Latency = unzigzag(r.number())
	}
	if m&hasBytes != 0 {
		e.RequestBytes = unzigzag(r.number())
		e.ResponseBytes = unzigzag(r.number())
	}
	if m&hasClient != 0 {
		e.Client = r.addr()
	}
	if m&hasPlace != 0 {
		copy(e.Place.Country[:], r.take(2))
		e.Place.ASN = uint32(r.below(math.MaxUint32))
	}
	if m&hasFingerprint != 0 {
		e.Fingerprint = identity.Fingerprint(r.word())
	}
	if m&hasPrincipal != 0 {
		e.Principal = identity.Principal{
			Token: r.word(), Strength: identity.Strength(r.code(byte(identity.Verified))), Carrier: identity.Credential(r.byte()),
		}
	}
	if m&hasPrincipalName != 0 {
		e.PrincipalName = e.Append(r.text())
	}
	if m&hasSession != 0 {
		e.Session = identity.Session{Token: r.word(), Issued: r.code(1) == 1}
	}
	if m&hasActor != 0 {
		e.Actor = r.actor()
	}
	if m&hasLink != 0 {
		e.Link = Link{Before: r.actor(), After: r.actor()}
	}
	if m&hasAnomalies != 0 {
		e.Anomalies = exchange.Anomalies(r.number())
	}
	if m&hasVerdict != 0 {
		e.Verdict = Verdict{
			Enforced: r.code(1) == 1, Action: r.name(), Would: r.name(), Rule: r.name(), Status: uint16(r.below(math.MaxUint16)),
		}
	}
	if m&hasFindings != 0 {
		r.findings(e)
	}
	if m&hasJA4 != 0 {
		e.JA4 = e.Append(r.text())
	}
	if m&hasHTTP2 != 0 {
		e.HTTP2 = identity.Fingerprint(r.word())
	}
	if m&hasRPC != 0 {
		e.RPC = exchange.RPC{Protocol: exchange.RPCProtocol(r.byte()), Known: r.code(1) == 1, Status: r.byte()}
		e.RPC.Requests, e.RPC.Responses = uint32(r.below(math.MaxUint32)), uint32(r.below(math.MaxUint32))
	}
}

func (r *reader) findings(e *Event) {
	for range r.count(15) {
		f := finding.Finding{Stage: finding.Stage(r.byte()), Severity: finding.Severity(r.byte()), Score: math.Float64frombits(r.word())}
		f.ID = r.name()
		f.Where, f.Evidence, f.Why = r.name(), string(r.text()), r.name()
		for range r.count(1) {
			f.Classes = append(f.Classes, r.name())
		}
		if r.bad {
			return
		}
		e.Findings = append(e.Findings, f)
	}
}
