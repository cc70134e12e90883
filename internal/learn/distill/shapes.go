package distill

import (
	"merlon/internal/learn/summary"
	"merlon/internal/model/exchange"
	"merlon/internal/model/schema"
)

// shapes is what was derived of an endpoint's trees.
type shapes [summary.Slots]*schema.Shape

func (v *view) derive() (out shapes) {
	if v.leaf.Detail == nil {
		return out
	}
	for i, t := range v.leaf.Detail.Schemas.Trees {
		if t != nil && (t.Len() > 0 || summary.Slot(i) >= summary.SlotRequestJSON) {
			out[i] = t.Derive(schema.Options{Gate: v.gateField, Text: summary.Slot(i) < summary.SlotRequestJSON || summary.Slot(i) == summary.SlotRequestForm})
		}
	}
	return out
}

// gateField is the gate for parameters and members.
func (v *view) gateField(s *schema.Supporters) bool {
	c, _ := ClaimField.pass(v.d.judge.weighField(s))
	return c == 1
}

// partOf says in which part of the exchange a slot's values lie.
func partOf(s summary.Slot) exchange.Part {
	switch s {
	case summary.SlotPath:
		return exchange.InPath
	case summary.SlotQuery:
		return exchange.InQuery
	case summary.SlotHeader:
		return exchange.InHeader
	case summary.SlotCookie:
		return exchange.InCookie
	case summary.SlotRequestJSON, summary.SlotRequestForm, summary.SlotRequestMultipart, summary.SlotRequestOther:
		return exchange.InBody
	}
	return exchange.InResponseBody
}

// maxFieldDepth bounds the walk below; the trees themselves end at 40.
const maxFieldDepth = 64

// fields calls yield for every location of a shape with its place in words ("body.items[].name") and its hash.
func fields(s *schema.Shape, where string, loc uint64, depth int, yield func(where string, loc uint64, s *schema.Shape)) {
	if s == nil || depth > maxFieldDepth {
		return
	}
	yield(where, loc, s)
	for _, p := range s.Properties {
		fields(p.Shape, where+"."+p.Name, exchange.MemberLoc(loc, []byte(p.Name)), depth+1, yield)
	}
	if s.Items != nil {
		fields(s.Items, where+"[]", exchange.ElementLoc(loc), depth+1, yield)
	}
}
