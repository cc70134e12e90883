package summary

import (
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/schema"
)

// Slot names one tree of a leaf: a part of the parameters, a request body of one media kind, a response of one class.
type Slot uint8

// The slots; their order is part of the encoding. What a successful exchange shows is a claim about the contract; the
// error slots are only shown.
const (
	SlotPath Slot = iota // parameters of a known template, named by their two-digit position
	SlotQuery
	SlotHeader
	SlotCookie
	SlotRequestJSON
	SlotRequestForm
	SlotRequestMultipart
	SlotRequestOther
	SlotResponse
	SlotResponseClientError
	SlotResponseServerError
	Slots
)

// Schemas is the shapes of what was sent and answered.
type Schemas struct {
	Trees  [Slots]*schema.Tree
	seed   uint64
	flat   []schema.Leaf // scratch
	digits []byte        // positions
}

func (s *Schemas) fold(f *fold) {
	e := f.e
	by := schema.Support{Principal: e.Principal.Token, Network: f.token, Bucket: f.hour, Strong: f.proved}
	all := e.Observations
	if f.success {
		// Every success is a message of each part that was visible, with or without parameters: that is what makes a
		// parameter required or optional.
		i := 0
		i = s.path(e, by)
		i = s.part(SlotQuery, e, i, exchange.InQuery, by, e.Observed.Has(exchange.SawRequestLine))
		i = s.part(SlotHeader, e, i, exchange.InHeader, by, e.Observed.Has(exchange.SawRequestHeaders))
		i = s.part(SlotCookie, e, i, exchange.InCookie, by, e.Observed.Has(exchange.SawRequestHeaders|exchange.SawCredentials))
		by.Partial = !e.RequestWalked
		s.part(requestSlot(e.RequestBody), e, i, exchange.InBody, by, e.RequestBody != exchange.BodyNone && e.Observed.Has(exchange.SawRequestBody))
	}
	if f.own || e.ResponseBody != exchange.BodyJSON || !e.Observed.Has(exchange.SawResponseBody) {
		return
	}
	slot := SlotResponse
	switch {
	case f.success:
	case e.Status >= 400 && e.Status < 500:
		slot = SlotResponseClientError
	case e.Status >= 500 && e.Status < 600:
		slot = SlotResponseServerError
	default:
		return
	}
	i := 0
	for i < len(all) && all[i].Part != exchange.InResponseBody {
		i++
	}
	by.Partial = !e.ResponseWalked
	s.part(slot, e, i, exchange.InResponseBody, by, true)
}

func requestSlot(k exchange.BodyKind) Slot {
	switch k {
	case exchange.BodyJSON:
		return SlotRequestJSON
	case exchange.BodyForm:
		return SlotRequestForm
	case exchange.BodyMultipart:
		return SlotRequestMultipart
	default:
		return SlotRequestOther
	}
}

// positions are the names of path parameters: templates are renamed, positions are not.
const positions = "0001020304050607080910111213141516171819202122232425262728293031"

// path observes the segments at which the event's template has a parameter, and returns where the path ends.
func (s *Schemas) path(e *event.Event, by schema.Support) (end int) {
	all := e.Observations
	for end < len(all) && all[end].Part == exchange.InPath {
		end++
	}
	if e.Endpoint == 0 || e.Template.Len == 0 {
		return end
	}
	if s.digits == nil {
		s.digits = []byte(positions)
	}
	flat := s.flat[:0]
	rest := e.Bytes(e.Template)
	for i := range min(end, MaxSegments) {
		var seg []byte
		if seg, rest = nextSegment(rest); isParameter(seg) {
			flat = append(flat, leafOf(&all[i], -1))
			flat[len(flat)-1].NameOff, flat[len(flat)-1].NameLen = uint32(2*i), 2
		}
	}
	if s.flat = flat; len(flat) > 0 {
		s.tree(SlotPath).Observe(flat, s.digits, by)
	}
	return end
}

func (s *Schemas) tree(slot Slot) *schema.Tree {
	if s.Trees[slot] == nil {
		s.Trees[slot] = schema.New(s.seed)
	}
	return s.Trees[slot]
}

func leafOf(o *event.Observation, parent int32) schema.Leaf {
	return schema.Leaf{
		Loc: o.Loc, Token: o.Token, Classes: o.Classes, Num: o.Number, Parent: parent, Len: o.Len,
		NameOff: o.Name.Off, NameLen: o.Name.Len, Chars: o.Chars, Kind: schema.Kind(o.Kind),
		Dup: o.Flags&exchange.LeafDuplicate != 0,
	}
}

// part observes the run of observations of one part that begins at i, and returns where it ends.
func (s *Schemas) part(slot Slot, e *event.Event, i int, p exchange.Part, by schema.Support, visible bool) int {
	all, from := e.Observations, i
	for i < len(all) && all[i].Part == p {
		i++
	}
	if !visible {
		return i
	}
	flat, names := s.flat[:0], uint32(0)
	for k := from; k < i; k++ {
		o := &all[k]
		parent := int32(-1)
		if o.Parent >= int32(from) {
			parent = o.Parent - int32(from)
		}
		names = max(names, o.Name.Off+o.Name.Len)
		flat = append(flat, leafOf(o, parent))
	}
	s.flat = flat
	s.tree(slot).Observe(flat, e.Bytes(event.Span{Len: names}), by) // as much of the arena as holds all names
	return i
}

func (s *Schemas) merge(o learner) {
	for i, t := range o.(*Schemas).Trees {
		if t == nil {
			continue
		}
		s.tree(Slot(i)).Merge(t)
	}
}

func (s *Schemas) append(b []byte) []byte {
	used := uint64(0)
	for i, t := range s.Trees {
		if t != nil {
			used |= 1 << i
		}
	}
	b = appendUvarint(b, used)
	for _, t := range s.Trees {
		if t != nil {
			b = t.AppendBinary(b)
		}
	}
	return b
}

func (s *Schemas) read(r *reader) {
	used := r.uvarint()
	if used >= 1<<Slots {
		r.damage("schemas")
		return
	}
	for i := range s.Trees {
		if used>>i&1 == 0 || r.err != nil {
			continue
		}
		t, rest, err := schema.Decode(r.b, s.seed)
		r.b = rest
		if err != nil {
			r.fail(err)
			return
		}
		s.Trees[i] = t
	}
}
