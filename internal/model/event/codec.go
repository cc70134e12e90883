package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// An encoded event is: kind, version, a bit mask of the parts that are not zero, those parts in a fixed order, the
// observations, the objects. Numbers are varints. Nothing refers to another record, so a record can be copied, sampled or
// shipped alone.
//
// A location is a hash of its parent's and its name, so it is left out when the reader can work it out; and an observation
// whose location was there before (the elements of a list) names that one instead of repeating the name. Both together make
// a record about as small as a dictionary for a whole segment would, without tying records together
// (BenchmarkAppendBinary: bytes/event).
const (
	codecKind    = 'E'
	codecVersion = 2

	// firstVersion is the oldest that is read. Version 2 added the parts from hasJA4 on.
	firstVersion = 1

	// MaxEncoded bounds an encoded event. The walk's own limits keep real events far below it; a longer one is damage.
	MaxEncoded = 4 << 20
)

// Errors of Decode. A newer record is refused, never guessed at.
var (
	ErrDamaged = errors.New("event record is damaged")
	ErrNewer   = errors.New("event record was written by a newer version of Merlon: use that version or move the journal away")
)

// Parts of an event that may be left out.
const (
	hasSeq = 1 << iota
	hasSite
	hasNode
	hasKnowledge
	hasEndpoint
	hasTemplate
	hasUserAgent
	hasLatency
	hasBytes
	hasClient
	hasPlace
	hasFingerprint
	hasPrincipal
	hasPrincipalName
	hasSession
	hasActor
	hasLink
	hasAnomalies
	hasVerdict
	hasFindings
	hasObjects
	isRequestWalked
	isResponseWalked
	hasJA4
	hasHTTP2
	hasRPC
	knownParts = 1<<iota - 1

	knownPartsV1 = hasJA4 - 1
)

const (
	// fixedBound and observationBound are the most bytes the fixed part (strings apart) and one observation (name and
	// literal apart) can take: room is made once, then nothing is checked while writing.
	fixedBound       = 360 // the address 17, tokens 8 each, varints 10 each
	observationBound = 8 + 10 + 5 + 5 + 64 + 8 + 11 + 8 + 5 + shortName
	objectBound      = 1 + 10 + 16
	// objectReach is how far ahead an object's observation is looked for; they come in the same order.
	objectReach = 64
)

// put writes v as a varint at n and returns what follows it.
func put(b []byte, n int, v uint64) int {
	for v >= 0x80 {
		b[n] = byte(v) | 0x80
		v >>= 7
		n++
	}
	b[n] = byte(v)
	return n + 1
}

func put64(b []byte, n int, v uint64) int {
	binary.LittleEndian.PutUint64(b[n:], v)
	return n + 8
}

func putText[T string | []byte](b []byte, n int, s T) int {
	n = put(b, n, uint64(len(s)))
	return n + copy(b[n:], s)
}

func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// room makes sure that need bytes follow the first n of b.
func room(b []byte, n, need int) []byte {
	if len(b)-n >= need {
		return b
	}
	grown := make([]byte, max(n+need, 2*len(b)))
	copy(grown, b[:n])
	return grown
}

// fixedNeed is at least what the fixed part takes.
func (e *Event) fixedNeed() int {
	n := fixedBound + len(e.Site) + len(e.Node) + len(e.Verdict.Action) + len(e.Verdict.Would) + len(e.Verdict.Rule) +
		len(e.Bytes(e.Method)) + len(e.Bytes(e.Host)) + len(e.Bytes(e.Template)) + len(e.Bytes(e.UserAgent)) + len(e.Bytes(e.PrincipalName)) +
		len(e.Bytes(e.JA4))
	for i := range e.Findings {
		f := &e.Findings[i]
		n += 64 + len(f.ID) + len(f.Where) + len(f.Evidence) + len(f.Why)
		for _, c := range f.Classes {
			n += 5 + len(c)
		}
	}
	return n
}

// AppendBinary appends e's encoding to dst. It allocates only when dst has no room for it.
func (e *Event) AppendBinary(dst []byte) []byte {
	n := len(dst)
	b := room(dst[:cap(dst)], n, e.fixedNeed())
	b[n], b[n+1] = codecKind, codecVersion
	n = e.putFixed(b, n+2)
	b, n = e.putObservations(b, n)
	if len(e.Objects) > 0 {
		b, n = e.putObjects(b, n)
	}
	return b[:n]
}

func (e *Event) parts() uint64 {
	var m uint64
	set := func(bit uint64, is bool) {
		if is {
			m |= bit
		}
	}
	set(hasSeq, e.Seq != 0)
	set(hasSite, e.Site != "")
	set(hasNode, e.Node != "")
	set(hasKnowledge, e.Knowledge != 0)
	set(hasEndpoint, e.Endpoint != 0)
	set(hasTemplate, e.Template.Len != 0)
	set(hasUserAgent, e.UserAgent.Len != 0)
	set(hasLatency, e.Latency != 0)
	set(hasBytes, e.RequestBytes != 0 || e.ResponseBytes != 0)
	set(hasClient, e.Client.IsValid())
	set(hasPlace, e.Place != identity.Place{})
	set(hasFingerprint, e.Fingerprint != 0)
	set(hasPrincipal, e.Principal != identity.Principal{})
	set(hasPrincipalName, e.PrincipalName.Len != 0)
	set(hasSession, e.Session != identity.Session{})
	set(hasActor, e.Actor != identity.Actor{})
	set(hasLink, e.Link != Link{})
	set(hasAnomalies, e.Anomalies != 0)
	set(hasVerdict, e.Verdict != Verdict{})
	set(hasFindings, len(e.Findings) > 0)
	set(hasObjects, len(e.Objects) > 0)
	set(isRequestWalked, e.RequestWalked)
	set(isResponseWalked, e.ResponseWalked)
	set(hasJA4, e.JA4.Len != 0)
	set(hasHTTP2, e.HTTP2 != 0)
	set(hasRPC, e.RPC != exchange.RPC{})
	return m
}

func (e *Event) putFixed(b []byte, n int) int {
	m := e.parts()
	n = put(b, n, m)
	n += copy(b[n:], e.ID[:])
	n = put64(b, n, uint64(e.At))
	n = put(b, n, zigzag(e.Arrived-e.At))
	b[n], b[n+1], b[n+2] = byte(e.Source), byte(e.Phase), byte(e.Outcome)
	b[n+3], b[n+4], b[n+5] = byte(e.RequestBody), byte(e.ResponseBody), byte(e.Credentials)
	n = put(b, n+6, uint64(e.Observed))
	n = put(b, n, uint64(e.Status))
	n = putText(b, n, e.Bytes(e.Method))
	n = putText(b, n, e.Bytes(e.Host))
	if m&hasSeq != 0 {
		n = put(b, n, e.Seq)
	}
	if m&hasSite != 0 {
		n = putText(b, n, e.Site)
	}
	if m&hasNode != 0 {
		n = putText(b, n, e.Node)
	}
	if m&hasKnowledge != 0 {
		n = put(b, n, e.Knowledge)
	}
	if m&hasEndpoint != 0 {
		n = put(b, n, uint64(e.Endpoint))
	}
	if m&hasTemplate != 0 {
		n = putText(b, n, e.Bytes(e.Template))
	}
	if m&hasUserAgent != 0 {
		n = putText(b, n, e.Bytes(e.UserAgent))
	}
	if m&hasLatency != 0 {
		n = put(b, n, zigzag(e.Latency))
	}
	if m&hasBytes != 0 {
		n = put(b, n, zigzag(e.RequestBytes))
		n = put(b, n, zigzag(e.ResponseBytes))
	}
	if m&hasClient != 0 {
		n = putAddr(b, n, e.Client)
	}
	if m&hasPlace != 0 {
		b[n], b[n+1] = e.Place.Country[0], e.Place.Country[1]
		n = put(b, n+2, uint64(e.Place.ASN))
	}
	if m&hasFingerprint != 0 {
		n = put64(b, n, uint64(e.Fingerprint))
	}
	if m&hasPrincipal != 0 {
		n = put64(b, n, e.Principal.Token)
		b[n], b[n+1] = byte(e.Principal.Strength), byte(e.Principal.Carrier)
		n += 2
	}
	if m&hasPrincipalName != 0 {
		n = putText(b, n, e.Bytes(e.PrincipalName))
	}
	if m&hasSession != 0 {
		n = put64(b, n, e.Session.Token)
		b[n] = bit(e.Session.Issued)
		n++
	}
	if m&hasActor != 0 {
		n = putActor(b, n, e.Actor)
	}
	if m&hasLink != 0 {
		n = putActor(b, n, e.Link.Before)
		n = putActor(b, n, e.Link.After)
	}
	if m&hasAnomalies != 0 {
		n = put(b, n, uint64(e.Anomalies))
	}
	if m&hasVerdict != 0 {
		v := &e.Verdict
		b[n] = bit(v.Enforced)
		n = putText(b, n+1, v.Action)
		n = putText(b, n, v.Would)
		n = putText(b, n, v.Rule)
		n = put(b, n, uint64(v.Status))
	}
	if m&hasFindings != 0 {
		n = putFindings(b, n, e.Findings)
	}
	if m&hasJA4 != 0 {
		n = putText(b, n, e.Bytes(e.JA4))
	}
	if m&hasHTTP2 != 0 {
		n = put64(b, n, uint64(e.HTTP2))
	}
	if m&hasRPC != 0 {
		b[n], b[n+1], b[n+2] = byte(e.RPC.Protocol), bit(e.RPC.Known), e.RPC.Status
		n = put(b, n+3, uint64(e.RPC.Requests))
		n = put(b, n, uint64(e.RPC.Responses))
	}
	return n
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func putActor(b []byte, n int, a identity.Actor) int {
	b[n] = byte(a.Kind)
	return put64(b, n+1, a.Token)
}

// putAddr writes an address without its zone, which means nothing outside the host that saw it.
func putAddr(b []byte, n int, a netip.Addr) int {
	if a.Is4() {
		ip := a.As4()
		b[n] = 4
		return n + 1 + copy(b[n+1:], ip[:])
	}
	ip := a.As16()
	b[n] = 16
	return n + 1 + copy(b[n+1:], ip[:])
}

func putFindings(b []byte, n int, all []finding.Finding) int {
	n = put(b, n, uint64(len(all)))
	for i := range all {
		f := &all[i]
		b[n], b[n+1] = byte(f.Stage), byte(f.Severity)
		n = put64(b, n+2, math.Float64bits(f.Score))
		n = putText(b, n, f.ID)
		n = putText(b, n, f.Where)
		n = putText(b, n, f.Evidence)
		n = putText(b, n, f.Why)
		n = put(b, n, uint64(len(f.Classes)))
		for _, c := range f.Classes {
			n = putText(b, n, c)
		}
	}
	return n
}

func newerOrDamaged(b []byte) error {
	if len(b) > 1 && b[0] == codecKind && b[1] > codecVersion {
		return ErrNewer
	}
	return fmt.Errorf("%w: not an event", ErrDamaged)
}
