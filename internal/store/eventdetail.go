package store

import (
	"encoding/binary"
	"fmt"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// EventDetail is what an event's page and its replay need beyond what a list shows: how much its source could see, and what
// the stages made of it. It holds no value from the exchange, and takes about 30 bytes as stored (BenchmarkEventDetail).
type EventDetail struct {
	Observed                      exchange.Observed
	Outcome                       event.Outcome
	Phase                         event.Phase
	RequestBody, ResponseBody     exchange.BodyKind
	RequestWalked, ResponseWalked bool
	RequestBytes, ResponseBytes   int64
	AddedMicros                   int64 // what Merlon added, 0 where that cannot be seen
	Credentials                   identity.Credentials
	Principal                     identity.Principal
	Session                       identity.Session
	Link                          event.Link
	Anomalies                     exchange.Anomalies
	Knowledge                     uint64 // version of the knowledge it was judged with
	RPC                           exchange.RPC
	// OwnStatus is what Merlon itself answered, 0 when the upstream's answer was passed on.
	OwnStatus int
}

const detailVersion = 1

const (
	detailRequestWalked = 1 << iota
	detailResponseWalked
	detailIssued
	detailPrincipal
	detailSession
	detailLink
	detailRPC
	detailRPCKnown
)

// detailOf takes the detail of an event.
func detailOf(e *event.Event) EventDetail {
	return EventDetail{
		Observed: e.Observed, Outcome: e.Outcome, Phase: e.Phase, RequestBody: e.RequestBody, ResponseBody: e.ResponseBody,
		RequestWalked: e.RequestWalked, ResponseWalked: e.ResponseWalked, RequestBytes: e.RequestBytes, ResponseBytes: e.ResponseBytes,
		AddedMicros: e.Added / 1000, Credentials: e.Credentials, Principal: e.Principal, Session: e.Session, Link: e.Link,
		Anomalies: e.Anomalies, Knowledge: e.Knowledge, RPC: e.RPC, OwnStatus: int(e.Verdict.Status),
	}
}

// Known tells whether the detail was stored with the event.
func (d *EventDetail) Known() bool { return d.Observed != 0 }

// AppendBinary appends the stored form; nothing when there is no detail.
func (d *EventDetail) AppendBinary(dst []byte) []byte {
	if !d.Known() {
		return dst
	}
	marks := uint64(0)
	mark := func(bit uint64, is bool) {
		if is {
			marks |= bit
		}
	}
	mark(detailRequestWalked, d.RequestWalked)
	mark(detailResponseWalked, d.ResponseWalked)
	mark(detailIssued, d.Session.Issued)
	mark(detailPrincipal, d.Principal != identity.Principal{})
	mark(detailSession, d.Session.Token != 0)
	mark(detailLink, d.Link != event.Link{})
	mark(detailRPC, d.RPC != exchange.RPC{})
	mark(detailRPCKnown, d.RPC.Known)
	dst = append(dst, detailVersion)
	for _, v := range [...]uint64{
		marks, uint64(d.Observed), uint64(d.Outcome), uint64(d.Phase), uint64(d.RequestBody), uint64(d.ResponseBody),
		uint64(max(d.RequestBytes, 0)), uint64(max(d.ResponseBytes, 0)), uint64(max(d.AddedMicros, 0)), uint64(d.Credentials),
		uint64(d.Anomalies), d.Knowledge, uint64(max(d.OwnStatus, 0)),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	if marks&detailPrincipal != 0 {
		dst = append(binary.LittleEndian.AppendUint64(dst, d.Principal.Token), byte(d.Principal.Strength), byte(d.Principal.Carrier))
	}
	if marks&detailSession != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, d.Session.Token)
	}
	if marks&detailLink != 0 {
		for _, a := range [...]identity.Actor{d.Link.Before, d.Link.After} {
			dst = binary.LittleEndian.AppendUint64(append(dst, byte(a.Kind)), a.Token)
		}
	}
	if marks&detailRPC != 0 {
		dst = append(dst, byte(d.RPC.Protocol), d.RPC.Status)
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(d.RPC.Requests)), uint64(d.RPC.Responses))
	}
	return dst
}

// DecodeBinary reads the stored form.
func (d *EventDetail) DecodeBinary(b []byte) error {
	*d = EventDetail{}
	if len(b) == 0 {
		return nil
	}
	if b[0] > detailVersion {
		return fmt.Errorf("detail of an event: %w", ErrNewer)
	}
	r := reader{b: b[1:]}
	marks := r.uvarint()
	d.Observed, d.Outcome, d.Phase = exchange.Observed(r.uvarint()), event.Outcome(r.uvarint()), event.Phase(r.uvarint())
	d.RequestBody, d.ResponseBody = exchange.BodyKind(r.uvarint()), exchange.BodyKind(r.uvarint())
	d.RequestBytes, d.ResponseBytes, d.AddedMicros = int64(r.uvarint()), int64(r.uvarint()), int64(r.uvarint())
	d.Credentials, d.Anomalies = identity.Credentials(r.uvarint()), exchange.Anomalies(r.uvarint())
	d.Knowledge, d.OwnStatus = r.uvarint(), int(r.uvarint()&0xffff)
	d.RequestWalked, d.ResponseWalked = marks&detailRequestWalked != 0, marks&detailResponseWalked != 0
	if marks&detailPrincipal != 0 {
		d.Principal = identity.Principal{Token: r.fixed(), Strength: identity.Strength(r.byte()), Carrier: identity.Credential(r.byte())}
	}
	if marks&detailSession != 0 {
		d.Session.Token = r.fixed()
	}
	d.Session.Issued = marks&detailIssued != 0
	if marks&detailLink != 0 {
		for _, a := range [...]*identity.Actor{&d.Link.Before, &d.Link.After} {
			*a = identity.Actor{Kind: identity.ActorKind(r.byte()), Token: r.fixed()}
		}
	}
	if marks&detailRPC != 0 {
		d.RPC = exchange.RPC{Protocol: exchange.RPCProtocol(r.byte()), Known: marks&detailRPCKnown != 0, Status: r.byte()}
		d.RPC.Requests, d.RPC.Responses = uint32(r.uvarint()), uint32(r.uvarint())
	}
	if r.bad || d.RequestBytes < 0 || d.ResponseBytes < 0 || d.AddedMicros < 0 || d.Observed == 0 {
		*d = EventDetail{}
		return fmt.Errorf("detail of an event: %w", ErrDamaged)
	}
	return nil
}

// reader reads varints and bytes; past the end it is bad and yields zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) fixed() uint64 {
	if b := r.take(8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}
