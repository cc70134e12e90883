// Package walk: One pass over each body: leaves with location, kind, data class, object references; feeds contract, payload, behaviour and observations, so that no body is parsed twice.
//
// How a message is walked:
//
//  1. Request lists the path's segments, the query, the selected headers and the cookies, then the body.
//  2. The body's content coding is undone (bounded in bytes and in ratio), its kind is told by the declared type and by
//     its first bytes, and one reader for that kind appends its leaves: containers before their members.
//  3. Response appends the same for the answer, with the same code.
//  4. Observe turns the leaves into what may leave the request: observations and object references.
//
// A reader never guesses: what is not valid for its kind ends the walk there, is reported as an Issue, and leaves the
// leaves found so far for the detectors.
package walk

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// Limits bound what one walk looks at. What lies beyond is counted in Report.Skipped and clears Message.Walked.
type Limits struct {
	Segments int // path segments
	Params   int // query parameters, and members of a form body
	Headers  int // header leaves a message
	Cookies  int // cookie leaves
	Leaves   int // leaves a message
	Depth    int // containers inside each other; deeper is malformed, since parsers recurse
	Members  int // members of one object
	Elements int // elements of one array; the others are checked and counted only
	Parts    int // parts of a multipart body
	Text     int // bytes of an opaque text or file that a leaf's Value shows
	Decoded  int // bytes of a body after its content coding is undone
	Ratio    int // decoded bytes for each coded byte, past the first 64 KiB
}

// Defaults are the limits of a site that sets none. A leaf costs about 100 bytes here and in its event, so 512 leaves
// bound a message at 100 KiB; depth 64 is what common parsers accept at least; gzip of real text stays under 30:1.
func Defaults() Limits {
	return Limits{
		Segments: 32, Params: 128, Headers: 24, Cookies: 32, Leaves: 512, Depth: 64, Members: 256, Elements: 16,
		Parts: 64, Text: 1024, Decoded: 256 << 10, Ratio: 100,
	}
}

// Report says what a walk noticed beside the leaves.
type Report struct {
	Issues Issues
	// Skipped counts the values beyond the limits.
	Skipped int
	// At is the offset in the decoded body where it stopped being valid; 0 without IssueMalformed.
	At int
}

// Walker walks exchanges one after the other and owns the memory that decoded values stand in. It is not safe for
// concurrent use; a transaction keeps one from its first phase to its close, since leaves point into it.
type Walker struct {
	shared *Shared
	lim    Limits

	leaves []exchange.Leaf
	base   int // where this message's leaves begin
	part   exchange.Part
	report Report

	arena   []byte // unescaped strings and percent-decoded values
	decoded []byte // the body without its content coding
	stack   []frame
	*recall // borrowed while a message is walked
}

// maxKept bounds the scratch memory that a walker keeps between exchanges.
const maxKept = 64 << 10

// New makes a walker.
func New(shared *Shared) *Walker {
	return &Walker{shared: shared, arena: make([]byte, 0, 1024), stack: make([]frame, 0, 16)}
}

// Reset forgets the last exchange; its leaves become invalid.
func (w *Walker) Reset() {
	w.arena, w.decoded = w.arena[:0], w.decoded[:0]
	if cap(w.arena) > maxKept {
		w.arena = make([]byte, 0, 1024)
	}
	if cap(w.decoded) > maxKept {
		w.decoded = nil
	}
	w.leaves = nil
}

// Request replaces x.Leaves by those of the request and sets BodyKind and Walked of x.Request.
func (w *Walker) Request(x *exchange.Exchange, lim Limits) Report {
	w.begin(x.Leaves[:0], lim)
	if x.Observed.Has(exchange.SawRequestLine) {
		w.path(x.Path)
		w.part = exchange.InQuery
		w.form(x.RawQuery, false)
	}
	if x.Observed.Has(exchange.SawRequestHeaders) {
		w.headers(x.Request.Fields, exchange.InHeader)
	}
	w.part = exchange.InBody
	w.body(&x.Request, x.Observed.Has(exchange.SawRequestBody))
	return w.end(x)
}

// Response appends the leaves of the response to x.Leaves and sets BodyKind and Walked of x.Response.
func (w *Walker) Response(x *exchange.Exchange, lim Limits) Report {
	w.begin(x.Leaves, lim)
	if x.Observed.Has(exchange.SawResponseHeaders) {
		w.headers(x.Response.Fields, exchange.InResponseHeader)
	}
	w.part = exchange.InResponseBody
	w.body(&x.Response, x.Observed.Has(exchange.SawResponseBody))
	return w.end(x)
}

func (w *Walker) begin(leaves []exchange.Leaf, lim Limits) {
	w.lim, w.leaves, w.base, w.report = lim, leaves, len(leaves), Report{}
	w.recall = w.shared.recall()
}

// end gives back what the message borrowed, and the leaves to the exchange. A walk that panicked keeps it: it is lost.
func (w *Walker) end(x *exchange.Exchange) Report {
	w.shared.recalls.Put(w.recall)
	x.Leaves, w.leaves, w.recall = w.leaves, nil, nil
	return w.report
}

// full tells whether the message has all the leaves it may; the caller then counts the value as skipped.
func (w *Walker) full() bool { return len(w.leaves)-w.base >= w.lim.Leaves }

// skip counts a value that makes no leaf.
func (w *Walker) skip() {
	w.report.Skipped++
	if w.full() {
		w.report.Issues.add(IssueTooMany)
	}
}

// grow appends a leaf without value. The pointer is good until the next grow.
func (w *Walker) grow(loc uint64, parent int32, name []byte, f exchange.LeafFlag, same uint16) *exchange.Leaf {
	n := len(w.leaves)
	if n == cap(w.leaves) {
		w.leaves = append(w.leaves, exchange.Leaf{})
	} else {
		w.leaves = w.leaves[:n+1]
	}
	// Field by field: clearing the leaf first would write it twice.
	l := &w.leaves[n]
	l.Loc, l.Parent, l.Name, l.Part, l.Flags, l.Same = loc, parent, name, w.part, f, same
	l.Kind, l.Len, l.Value, l.Number, l.Classes, l.Chars = exchange.KindNull, 0, nil, 0, 0, 0
	return l
}

// path lists the segments of a decoded path. Empty segments (doubled or trailing slashes) are not segments: the matcher
// takes them out alike, so that /a//b/ is judged as /a/b whatever the server makes of it.
func (w *Walker) path(p []byte) {
	w.part = exchange.InPath
	for i := 0; len(p) > 0; {
		end := bytes.IndexByte(p, '/')
		seg := p
		if end >= 0 {
			seg, p = p[:end], p[end+1:]
		} else {
			p = nil
		}
		if len(seg) == 0 {
			continue
		}
		if i >= w.lim.Segments || w.full() {
			w.report.Skipped++
			continue
		}
		segmentLeaf(w.grow(exchange.SegmentLoc(i), -1, nil, 0, 0), seg)
		i++
	}
}
