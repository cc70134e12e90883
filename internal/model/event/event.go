// Package event is the redacted record of one decision as observations, and the bounded queue that carries it.
//
// An Event is what crosses from the fast side to the slow side. It owns its memory (one arena and a few flat slices, all
// pooled), so nothing in it points into the exchange. It never holds a body, a credential or a long string: values travel
// as class, length, character classes and keyed token.
package event

import (
	"net/netip"
	"time"

	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// Span is a piece of the event's arena.
type Span struct{ Off, Len uint32 }

// Phase tells which part of a transaction an event reports. Everything but long streams publishes exactly one Complete.
type Phase uint8

const (
	Complete Phase = iota
	Open
	Progress
	Close
)

// Outcome says how the exchange ended, apart from its status.
type Outcome uint8

const (
	OutcomeAnswered     Outcome = iota // the upstream's answer was passed on
	OutcomeRefused                     // Merlon answered: policy, or a message that cannot be forwarded
	OutcomeUpstream                    // no usable answer from the upstream
	OutcomeClientGone                  // the client went away
	OutcomeNotForwarded                // judged out of band: nothing was forwarded
	OutcomePanic                       // a stage failed on it
)

// Observation is one leaf as it may leave the request.
type Observation struct {
	Loc     uint64
	Token   uint64 // keyed by the site's learning key; 0 for containers and secrets
	Number  float64
	Classes uint64
	Parent  int32
	Len     uint32
	Name    Span // the member's name
	Literal Span // only with exchange.LeafLiteral
	Chars   uint16
	Part    exchange.Part
	Kind    exchange.Kind
	Flags   exchange.LeafFlag
	// Same is how far back the last observation of the same Loc stands, whose Name this one has too; 0 when there is none, or
	// it is not known. What is kept by location can be found through it without a look-up.
	Same uint16
}

// Use is how an object reference appears.
type Use uint8

const (
	Requested Use = iota // named by the request
	Issued               // handed out by the response
	Created              // handed out by the response to a successful creation (201, or POST answered with a new id)
)

// Object is an identifier-like value that the exchange requested or was given.
type Object struct {
	Loc   uint64
	Token uint64
	Use   Use
}

// Link joins the actor before a response issued a session or credential to the actor after it.
type Link struct{ Before, After identity.Actor }

// Event is the record of one decision.
type Event struct {
	ID ID
	// Seq is the journal's sequence number, 0 until journaled.
	Seq uint64
	// At is event time, Arrived the arrival at this process: Unix nanoseconds.
	At, Arrived int64

	Site, Node string
	Source     exchange.Source
	Observed   exchange.Observed
	Phase      Phase
	Outcome    Outcome

	Method Span
	Host   Span
	// Template is the matched endpoint's template, empty when none matched.
	Template Span
	// UserAgent stays literal under its own retention, at most 256 bytes.
	UserAgent Span
	Endpoint  identity.EndpointID
	// Knowledge is the version of the knowledge the matcher used.
	Knowledge uint64

	Status                      uint16
	Latency                     int64 // nanoseconds
	Added                       int64 // nanoseconds, see Exchange.Added; not journaled
	RequestBytes, ResponseBytes int64 // bodies, as sent
	RequestBody, ResponseBody   exchange.BodyKind
	// RequestWalked and ResponseWalked: the body was walked to its end, so that absence of a member is absence.
	RequestWalked, ResponseWalked bool

	RPC exchange.RPC

	Client      netip.Addr
	Place       identity.Place
	Fingerprint identity.Fingerprint
	// JA4 and HTTP2 are the connection's fingerprints; empty and 0 where the source could not see them.
	JA4       Span
	HTTP2     identity.Fingerprint
	Principal identity.Principal
	// PrincipalName is a displayable claim's value, only where the site names one; otherwise empty.
	PrincipalName Span
	Session       identity.Session
	Credentials   identity.Credentials
	Actor         identity.Actor
	Link          Link // zero when nothing was issued

	Anomalies exchange.Anomalies
	Verdict   Verdict
	Findings  []finding.Finding

	// Observations are in the order of the walk; those with Part InPath, one a segment, come first.
	Observations []Observation
	Objects      []Object

	arena []byte
}

// Verdict is what policy decided and what was done.
type Verdict struct {
	// Enforced tells whether the deciding entry's mode was enforce; otherwise Would may differ from Action.
	Enforced bool
	Action   string // allow, tag, block ...: what was done
	Would    string // what enforcement would have done; empty when the same
	Rule     string // name of the deciding rule, list or finding
	Status   uint16 // the status answered by Merlon, 0 when the upstream's was passed on
}

// Time is the event's time in UTC.
func (e *Event) Time() time.Time { return time.Unix(0, e.At).UTC() }

// Append copies b into the arena.
func (e *Event) Append(b []byte) Span {
	if len(b) == 0 {
		return Span{}
	}
	s := Span{uint32(len(e.arena)), uint32(len(b))}
	e.arena = append(e.arena, b...)
	return s
}

// AppendString copies s into the arena.
func (e *Event) AppendString(s string) Span {
	if s == "" {
		return Span{}
	}
	at := Span{uint32(len(e.arena)), uint32(len(s))}
	e.arena = append(e.arena, s...)
	return at
}

// Bytes returns the piece of the arena; it is valid until the event is released. A span that does not fit (an event
// decoded from a damaged record) yields nothing.
func (e *Event) Bytes(s Span) []byte {
	end := uint64(s.Off) + uint64(s.Len)
	if end > uint64(len(e.arena)) {
		return nil
	}
	return e.arena[s.Off:end:end]
}

// Text is Bytes as a string of its own.
func (e *Event) Text(s Span) string { return string(e.Bytes(s)) }

// Succeeded tells whether the upstream answered 2xx, or 101 to a WebSocket handshake: what learning counts as evidence.
func (e *Event) Succeeded() bool {
	return e.Outcome <= OutcomeNotForwarded && e.Outcome != OutcomeRefused && (e.Status >= 200 && e.Status < 300 || e.Status == 101)
}

// Reset empties e and keeps its capacity.
func (e *Event) Reset() {
	*e = Event{Findings: e.Findings[:0], Observations: e.Observations[:0], Objects: e.Objects[:0], arena: e.arena[:0]}
}
