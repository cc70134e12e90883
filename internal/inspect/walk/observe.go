package walk

import (
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// maxObjects bounds the object references of one event: a list of 16 objects with a few references each.
const maxObjects = 128

// observedElements is how many elements of one array become observations. Elements of an array are alike, which is what
// makes it an array: three show what is optional and what varies, the number of all is in the array's length, and the
// object references of all are kept. Encoding, journaling and learning cost by observation; lists are most of what APIs
// answer.
const observedElements = 3

// maxTokenText is the longest free text that gets a token: longer ones hardly repeat, and hashing them costs more than
// everything else about them.
const maxTokenText = 128

// Observe writes the leaves of x to e as what may leave the request: observations in the order of the leaves, one a leaf
// but for the later elements of arrays (observedElements), and object references. params has bit i set when the matched template has a parameter at path segment i; no literal is
// kept there.
//
// What travels of a value: its class, length, characters, number and keyed token. A secret has no token and no number, a
// long free text no token, and what looks like a card or a person's number no number. A literal travels only from a
// LeafLiteral. A name travels as it is, cut at 64 bytes (then LeafTruncated is set); a name that is itself a value
// travels as its class in braces, such as {uuid}.
func (s *Shared) Observe(e *event.Event, x *exchange.Exchange, key dataclass.Key, params uint64) {
	created := x.Status == 201
	posted := string(x.Method) == "POST" && x.Status >= 200 && x.Status < 300
	n := len(e.Observations)
	if need := n + len(x.Leaves); need <= cap(e.Observations) {
		e.Observations = e.Observations[:need]
	} else {
		e.Observations = append(e.Observations, make([]event.Observation, len(x.Leaves))...)
	}
	p, _ := s.places.Get().(*places)
	if p == nil {
		p = new(places)
	}
	defer s.places.Put(p)
	out := e.Observations[n:]
	next := 0
	for i := range x.Leaves {
		l := &x.Leaves[i]
		if !p.place(x.Leaves, i, next) {
			if l.Flags&exchange.LeafIdentifier != 0 && l.Flags&exchange.LeafSecretName == 0 && len(e.Objects) < maxObjects {
				e.Objects = append(e.Objects, event.Object{Loc: l.Loc, Token: key.Token(l.Value), Use: use(x, l, created, posted)})
			}
			continue
		}
		o := &out[next]
		// Field by field: clearing the observation first would write it twice.
		o.Loc, o.Classes, o.Len, o.Chars = l.Loc, l.Classes, l.Len, l.Chars
		o.Part, o.Kind, o.Flags = l.Part, l.Kind, l.Flags&^exchange.LeafTypedName
		o.Token, o.Number, o.Literal = 0, 0, event.Span{}
		o.Parent = -1
		if l.Parent >= 0 {
			o.Parent = int32(n) + p.of(l.Parent)
		}
		back := p.back(i, l.Same)
		if o.Same = uint16(back); back > 0 && len(l.Name) <= maxName {
			o.Name = out[next-back].Name // equal locations have equal names
		} else if o.Name = (event.Span{}); len(l.Name) > 0 {
			appendName(e, o, l)
		}
		next++
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
	e.Observations = e.Observations[:n+next]
	if posted && !created {
		settleCreated(e)
	}
}

// maxPlaced is how many leaves can become observations: those of a request and its response at the default limits.
const maxPlaced = 1024 + 64

// places maps leaves to observations while some leaves are left out. What stands there from an earlier exchange is
// overwritten before it is read, since leaves are placed in their order and look back only.
type places struct {
	at      [maxPlaced]int16  // 1 + the leaf's observation among those of this exchange; 0 when it has none
	ordinal [maxPlaced]uint16 // an element's number in its array, from 1
}

// place decides whether leaf i becomes the observation next.
func (p *places) place(leaves []exchange.Leaf, i, next int) bool {
	if i >= maxPlaced {
		return false
	}
	l := &leaves[i]
	p.at[i], p.ordinal[i] = 0, 0
	if up := l.Parent; up >= 0 {
		if p.at[up] == 0 {
			return false
		}
		if leaves[up].Kind == exchange.KindArray {
			n := uint16(1)
			if same := i - int(l.Same); l.Same > 0 && leaves[same].Parent == up {
				n = p.ordinal[same] + 1
			}
			if p.ordinal[i] = n; n > observedElements {
				return false
			}
		}
	}
	p.at[i] = int16(next + 1)
	return true
}

// of is the observation of leaf i, which has one.
func (p *places) of(i int32) int32 { return int32(p.at[i]) - 1 }

// back is the distance from leaf i's observation back to the one of the leaf that many leaves before it, 0 when unknown.
func (p *places) back(i int, same uint16) int {
	if same == 0 || p.at[i-int(same)] == 0 {
		return 0
	}
	return int(p.at[i]) - int(p.at[i-int(same)])
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
