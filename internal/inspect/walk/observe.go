package walk

import (
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// maxObjects bounds the object references of one event: a list of 16 objects with a few references each.
const maxObjects = 128

// maxTokenText is the longest free text that gets a token: longer ones hardly repeat, and hashing them costs more than
// everything else about them.
const maxTokenText = 128

// Observe writes the leaves of x to e as what may leave the request: observations, one a leaf and in the same order, and
// object references. params has bit i set when the matched template has a parameter at path segment i; no literal is
// kept there.
//
// What travels of a value: its class, length, characters, number and keyed token. A secret has no token and no number, a
// long free text no token, and what looks like a card or a person's number no number. A literal travels only from a
// LeafLiteral. A name travels as it is, cut at 64 bytes (then LeafTruncated is set); a name that is itself a value
// travels as its class in braces, such as {uuid}.
func Observe(e *event.Event, x *exchange.Exchange, key dataclass.Key, params uint64) {
	created := x.Status == 201
	posted := string(x.Method) == "POST" && x.Status >= 200 && x.Status < 300
	n := len(e.Observations)
	if need := n + len(x.Leaves); need <= cap(e.Observations) {
		e.Observations = e.Observations[:need]
	} else {
		e.Observations = append(e.Observations, make([]event.Observation, len(x.Leaves))...)
	}
	out := e.Observations[n:]
	for i := range out {
		l, o := &x.Leaves[i], &out[i]
		// Field by field: clearing the observation first would write it twice.
		o.Loc, o.Classes, o.Len, o.Chars = l.Loc, l.Classes, l.Len, l.Chars
		o.Part, o.Kind, o.Flags, o.Same = l.Part, l.Kind, l.Flags&^exchange.LeafTypedName, l.Same
		o.Token, o.Number, o.Literal = 0, 0, event.Span{}
		if o.Parent = l.Parent; n > 0 && l.Parent >= 0 {
			o.Parent += int32(n)
		}
		if back := int(l.Same); back > 0 && len(l.Name) <= maxName {
			o.Name = out[i-back].Name // equal locations have equal names
		} else if o.Name = (event.Span{}); len(l.Name) > 0 {
			appendName(e, o, l)
		}
		if l.Flags&exchange.LeafSecretName != 0 || l.Kind >= exchange.KindObject || len(l.Value) == 0 {
			continue
		}
		if l.Kind <= exchange.KindBool {
			o.Number = l.Number
			continue
		}
		if l.Len <= maxTokenText || dataclass.Set(l.Classes)&(1<<dataclass.Text|1<<dataclass.Binary) == 0 {
			o.Token = key.Token(l.Value)
		}
		if dataclass.Set(l.Classes)&dataclass.SensitiveSet == 0 {
			o.Number = l.Number
		}
		if l.Flags&exchange.LeafLiteral != 0 {
			if l.Part == exchange.InPath && i < 64 && params>>i&1 != 0 {
				o.Flags &^= exchange.LeafLiteral
			} else {
				o.Literal = e.Append(l.Value)
			}
		}
		if l.Flags&exchange.LeafIdentifier != 0 && len(e.Objects) < maxObjects {
			e.Objects = append(e.Objects, event.Object{Loc: l.Loc, Token: o.Token, Use: use(x, l, created, posted)})
		}
	}
	if posted && !created {
		settleCreated(e)
	}
}

// use tells how the object at l appears. For a POST answered with 2xx other than 201 an identifier at the response's
// root is taken for created until settleCreated knows what was requested.
func use(x *exchange.Exchange, l *exchange.Leaf, created, posted bool) event.Use {
	switch {
	case l.Part < exchange.InResponseHeader:
		return event.Requested
	case !created && !posted || l.Part != exchange.InResponseBody:
		return event.Issued
	}
	if p := l.Parent; p >= 0 && x.Leaves[p].Parent < 0 && x.Leaves[p].Kind == exchange.KindObject {
		return event.Created
	}
	return event.Issued
}

// settleCreated takes back what the request itself named: answering a POST with the id it gave creates nothing.
func settleCreated(e *event.Event) {
	for i := range e.Objects {
		if e.Objects[i].Use != event.Created {
			continue
		}
		for j := range e.Objects {
			if e.Objects[j].Use == event.Requested && e.Objects[j].Token == e.Objects[i].Token {
				e.Objects[i].Use = event.Issued
				break
			}
		}
	}
}

// appendName puts a name into the event's arena, as much of it as may leave the request.
func appendName(e *event.Event, o *event.Observation, l *exchange.Leaf) {
	name := l.Name
	if l.Flags&exchange.LeafTypedName != 0 {
		class, _ := typedName(name)
		o.Name = e.Append(typedLabels[class])
		return
	}
	if len(name) > maxName {
		name = name[:maxName]
		o.Flags |= exchange.LeafTruncated
	}
	o.Name = e.Append(name)
}

// typedLabels stand for names that are values. They are constant.
var typedLabels = func() (t [dataclass.SegmentCount][]byte) {
	for c := range t {
		t[c] = []byte("{" + dataclass.SegmentClass(c).String() + "}")
	}
	return t
}()
