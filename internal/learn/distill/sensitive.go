package distill

import (
	"cmp"
	"slices"
	"strings"

	"merlon/internal/learn/summary"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
	"merlon/internal/model/inventory"
	"merlon/internal/model/schema"
)

// A field is of a sensitive class when most of many different values are: twenty of twenty random numbers
// pass for a card with probability 1e-20, one of one with 1 in 10.
const (
	sensitiveShare  = 0.6
	sensitiveValues = 20
	// candidateShare is asked of classes whose form also arises by chance.
	candidateShare = 0.9
	// secretHits is enough for classes that do not arise by chance (a signed token, a key with its issuer's prefix), whose
	// values are not tokenised and so cannot be told apart.
	secretHits = 5
)

// sensitiveField is a location that holds sensitive values.
type sensitiveField struct {
	class dataclass.Class
	where string
	part  exchange.Part
}

// findSensitive judges the fields in which sensitive recognisers hit.
func (v *view) findSensitive() []sensitiveField {
	if v.leaf.Detail == nil || v.leaf.Detail.Sensitive.Fields.Len() == 0 {
		return nil
	}
	hit := map[uint64]summary.SensitiveField{}
	for _, e := range v.leaf.Detail.Sensitive.Fields.Entries() {
		hit[e.V.Loc] = e.V
	}
	var out []sensitiveField
	judge := func(where string, loc, count uint64, p exchange.Part) {
		f, ok := hit[loc]
		if !ok {
			return
		}
		for c, rest, ok := dataclass.Set(dataclass.SensitiveSet).First(); ok; c, rest, ok = rest.First() {
			if (p == exchange.InHeader || p == exchange.InCookie) && c.Set().Secret() {
				continue // that is where credentials belong
			}
			if isSensitive(f, c, count) {
				out = append(out, sensitiveField{c, where, p})
			}
		}
	}
	for i, s := range v.shapes {
		slot := summary.Slot(i)
		if s == nil || slot == summary.SlotResponseClientError || slot == summary.SlotResponseServerError || slot == summary.SlotPath {
			continue
		}
		p := partOf(slot)
		fields(s, p.String(), exchange.RootLoc(p), 0, func(where string, loc uint64, s *schema.Shape) { judge(where, loc, s.Count, p) })
	}
	for i, p := range v.n.template {
		if p.Param {
			judge("path."+p.Name, exchange.SegmentLoc(i), v.leaf.Traffic.Successes, exchange.InPath)
		}
	}
	slices.SortFunc(out, func(a, b sensitiveField) int {
		return cmp.Or(strings.Compare(a.where, b.where), cmp.Compare(a.class, b.class))
	})
	return slices.Compact(out)
}

func isSensitive(f summary.SensitiveField, c dataclass.Class, count uint64) bool {
	hits := f.Of(c)
	least := sensitiveShare
	if c.Candidate() {
		least = candidateShare
	}
	if float64(hits) < least*float64(count) {
		return false
	}
	if dataclass.SecretSet.Has(c) {
		return hits >= secretHits
	}
	return f.Different() >= sensitiveValues
}

func (v *view) sensitiveNames() []inventory.Sensitive {
	out := []inventory.Sensitive{}
	for _, s := range v.sensitive {
		out = append(out, inventory.Sensitive{Class: s.class.Name(), Where: s.where})
	}
	return out
}
