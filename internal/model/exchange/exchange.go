// Package exchange is one request and its response: site, node, source, clock; wire view (header order, casing, anomaly codes), decoded view, leaves found by the walk; the observed mask says which parts its source could see at all.
//
// An Exchange is pooled. Byte slices in it point into buffers of whoever filled it (the proxy's connection, the ingest
// reader) and are valid until the transaction that owns it closes; nothing may keep them beyond that.
package exchange

import (
	"merlon/internal/model/identity"
)

// Observed says which parts of an exchange its source could see. What a source cannot see is unknown, not absent.
type Observed uint32

const (
	SawRequestLine Observed = 1 << iota
	SawRequestHeaders
	SawHeaderOrder // names in wire order and casing
	SawRequestBody
	SawStatus
	SawResponseHeaders
	SawResponseBody
	SawLatency
	SawClient
	SawCredentials // an Authorization header, cookie or key would have been visible
	SawWire        // framing and bytes as they were sent
	SawUserAgent

	// SawAll is what the proxy sees.
	SawAll = SawUserAgent<<1 - 1
)

// Has tells whether every part in want was observable.
func (o Observed) Has(want Observed) bool { return o&want == want }

// Source is the way in by which an exchange came.
type Source uint8

const (
	SourceProxy Source = iota
	SourceDecide
	SourceMirror
	SourceEntry
	SourceHAR
	SourceAccessLog
	SourceJournal
	SourcePcap
	SourceOTLP // live, too; the numbers are in journals, so it stands behind
	SourceMiddleware
)

var sourceNames = [...]string{"proxy", "decide", "mirror", "entry", "har", "access-log", "journal", "pcap", "otlp", "middleware"}

// String is the word used in verdict lines.
func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return "unknown"
}

// Live tells whether the source cannot be made to wait: it drops and counts when the queue is full, where files wait.
func (s Source) Live() bool { return s <= SourceMirror || s >= SourceOTLP }

// Field is one header field in wire order and casing.
type Field struct {
	Name, Value []byte
	// ID is the well-known header it is, or HeaderOther; found while parsing so that no stage compares names again.
	ID HeaderID
}

// Part is the part of an exchange in which a leaf was found.
type Part uint8

const (
	InPath Part = iota
	InQuery
	InHeader
	InCookie
	InBody
	InResponseHeader
	InResponseBody
	NumParts
)

var partNames = [...]string{"path", "query", "header", "cookie", "body", "response.header", "response.body"}

// String is the first word of a finding's `where`.
func (p Part) String() string {
	if int(p) < len(partNames) {
		return partNames[p]
	}
	return "unknown"
}

// Kind is a value's JSON kind. Query, path, header and form values are strings (KindString) whose classes say more.
type Kind uint8

const (
	KindNull Kind = iota
	KindBool
	KindInteger
	KindNumber
	KindString
	KindObject
	KindArray
	NumKinds
)

// LeafFlag marks what the walk noticed at a leaf.
type LeafFlag uint8

const (
	// LeafTruncated: the value was longer than the walk looks at; Value holds its beginning, Len its whole length.
	LeafTruncated LeafFlag = 1 << iota
	// LeafIdentifier: an identifier-like value (uuid, int in an id field, ulid, typed path segment): an object reference.
	LeafIdentifier
	// LeafSecretName: its name says that it is a credential; the value never leaves the request in any form.
	LeafSecretName
	// LeafDuplicate: a second member of the same name in one object.
	LeafDuplicate
	// LeafLiteral: a short value that no recogniser claims; its literal may travel to the bounded side table.
	LeafLiteral
	// LeafTypedName: the name is itself a value, as in a map keyed by id; only its class may leave the request.
	LeafTypedName
)

// Leaf is one value or container found by the walk. Containers precede their members; array elements share one Loc.
type Leaf struct {
	// Loc is a hash of part and path, array indices left out: equal for equal locations on every node and in every process.
	Loc uint64
	// Parent is the index of the containing leaf in the same list, -1 for a root (a parameter, or a body's root).
	Parent int32
	// Len is the length in bytes of a string, or the number of members of a container.
	Len uint32
	// Name is the member's or parameter's name; empty for array elements and body roots.
	Name []byte
	// Value is the decoded scalar as text; nil for containers.
	Value []byte
	// Number is the value of a number, or of a string that is a plain decimal integer of at most 15 digits.
	Number float64
	// Classes are the dataclass recognisers that hit (a dataclass.Set); Chars the character classes present.
	Classes uint64
	Chars   uint16
	Part    Part
	Kind    Kind
	Flags   LeafFlag
	// Same is how far back in the list the last leaf of the same Loc stands; 0 when there is none, or it is not known.
	Same uint16
}

// BodyKind is what a body was taken for.
type BodyKind uint8

const (
	BodyNone BodyKind = iota
	BodyJSON
	BodyForm
	BodyMultipart
	BodyText
	BodyBinary
	BodyXML
	BodyUndecodable // a content coding that the walk does not decode, or malformed for its declared type
)

var bodyKindNames = [...]string{"none", "json", "form", "multipart", "text", "binary", "xml", "undecodable"}

// String is the body kind's name.
func (k BodyKind) String() string {
	if int(k) < len(bodyKindNames) {
		return bodyKindNames[k]
	}
	return "unknown"
}

// Message is one direction of an exchange: what was received, before and after the walk.
type Message struct {
	Fields []Field
	// Body is the captured beginning of the decoded body (transfer coding removed), at most the inspection limit.
	Body []byte
	// BodySize is the whole size on the wire; larger than len(Body) when inspection was cut.
	BodySize int64
	BodyKind BodyKind
	// Walked tells that the whole body was walked; otherwise leaves are partial and absence proves nothing.
	Walked bool
}

// Field returns the first value of a well-known header.
func (m *Message) Field(id HeaderID) ([]byte, bool) {
	for i := range m.Fields {
		if m.Fields[i].ID == id {
			return m.Fields[i].Value, true
		}
	}
	return nil, false
}

// Exchange is one request and its response.
type Exchange struct {
	Site, Node string
	Source     Source
	Observed   Observed
	// At is the exchange's own time (event time) in Unix nanoseconds; Arrived is when this process received it.
	At, Arrived int64

	// The wire view.
	Anomalies Anomalies
	RawHead   []byte // the request head as it came, kept for evidence when there are anomalies

	// The decoded view.
	Method   []byte
	Host     []byte // lower case, without port
	Target   []byte // as sent
	Path     []byte // decoded once, dot segments resolved; what the matcher sees
	RawQuery []byte
	Request  Message
	Client   identity.Client

	// Status is 0 until the response head is there. For a remote procedure call it is what the call's own status means
	// (RPC.HTTPStatus).
	Status   int
	Response Message
	// Latency is from the request's last byte to the response's first, in nanoseconds; Duration to its last.
	Latency, Duration int64
	// Added is from the request's first byte to the response's last one passed on, without Latency, in nanoseconds; 0 when
	// the source cannot see it.
	Added int64
	// RPC is filled for gRPC and gRPC-Web.
	RPC RPC

	// Leaves are filled by the walk: path, query, headers, cookies and request body first, then the response's.
	Leaves []Leaf
}

// Reset empties x for reuse and keeps its capacity.
func (x *Exchange) Reset() {
	*x = Exchange{
		Request:  Message{Fields: x.Request.Fields[:0]},
		Response: Message{Fields: x.Response.Fields[:0]},
		Leaves:   x.Leaves[:0],
	}
}
