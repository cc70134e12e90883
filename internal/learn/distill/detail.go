package distill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"merlon/internal/learn/summary"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
	"merlon/internal/model/schema"
	"merlon/internal/model/sketch"
)

// topCallers is how many countries, networks and clients are listed.
const topCallers = 10

// detail is what `inventory show` adds to an endpoint; lists are never nil, so that their JSON is [].
func (v *view) detail() *inventory.Detail {
	l := v.leaf
	d := &inventory.Detail{
		Support: inventory.Support{
			Principals: v.backing.principals, Networks: v.backing.networks + v.backing.ownNetworks, Buckets: v.backing.hours, Missing: v.missing,
		},
		Statuses: []inventory.StatusCount{}, Parameters: v.parameters(), Schemas: v.bodies(),
		Countries: []inventory.Count{}, Networks: []inventory.Count{}, Clients: []inventory.Count{}, Writers: []inventory.Writer{},
		Postures:                v.postures,
		SuccessesWithCredential: l.Credentials.With, SuccessesWithoutCredential: l.Credentials.Without,
	}
	if d.Postures == nil {
		d.Postures = []finding.Posture{}
	}
	for _, s := range l.Traffic.Statuses {
		d.Statuses = append(d.Statuses, inventory.StatusCount{Status: s.Code, Count: s.Count})
	}
	if l.Detail == nil {
		return d
	}
	sp, c := &l.Detail.Speed, &l.Detail.Callers
	d.Latency, d.RequestSize, d.AnswerSize = distribution(&sp.Latency), distribution(&sp.RequestSize), distribution(&sp.AnswerSize)
	d.Countries = top(&c.Countries, func(k uint64) string { return string([]byte{byte(k >> 8), byte(k)}) })
	d.Networks = top(&c.Systems, func(k uint64) string { return "AS" + strconv.FormatUint(k, 10) })
	d.Clients = top(&c.Clients, v.d.in.State.Names.Of)
	d.Writers = v.writers()
	return d
}

func distribution(q *sketch.Quantile) inventory.Distribution {
	n := q.Count()
	if n == 0 {
		return inventory.Distribution{}
	}
	return inventory.Distribution{Count: n, P50: round(q.Quantile(.5)), P95: round(q.Quantile(.95)), P99: round(q.Quantile(.99)), Max: round(q.Max())}
}

// round keeps three digits: the sketch knows no more.
func round(x float64) float64 {
	if x == 0 {
		return 0
	}
	p := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*p) / p
}

func top(h *sketch.HeavyHitters, name func(uint64) string) []inventory.Count {
	out := []inventory.Count{}
	for _, k := range h.Top(topCallers) {
		n := name(k.Key)
		if n == "" {
			n = "other"
		}
		out = append(out, inventory.Count{Name: n, Count: k.Count})
	}
	return out
}

// parameters lists path parameters by position and the others by name.
func (v *view) parameters() []inventory.Parameter {
	out := []inventory.Parameter{}
	path := v.shapes[summary.SlotPath]
	for i, p := range v.n.template {
		if !p.Param {
			continue
		}
		q := inventory.Parameter{In: "path", Name: p.Name, Required: true, Seen: v.leaf.Traffic.Successes, State: v.state, Classes: classNames(p.Classes)}
		if s := pathShape(path, i); s != nil {
			q.Schema = withoutDialect(s)
		} else if s := segmentSchema(p.Classes); s != nil {
			q.Schema = s
		}
		out = append(out, q)
	}
	for _, slot := range []summary.Slot{summary.SlotQuery, summary.SlotHeader, summary.SlotCookie} {
		s := v.shapes[slot]
		if s == nil {
			continue
		}
		if s.Map { // so many names that they are data
			out = append(out, inventory.Parameter{In: partOf(slot).String(), Name: "*", Seen: s.Count, State: inventory.Candidate, Schema: withoutDialect(s.Additional)})
			continue
		}
		for _, p := range s.Properties {
			q := inventory.Parameter{In: partOf(slot).String(), Name: p.Name, Required: p.Required, Seen: p.Present, State: inventory.Candidate, Schema: withoutDialect(p.Shape)}
			if p.Confirmed {
				q.State = inventory.Confirmed
			}
			for _, c := range p.Classes {
				q.Classes = append(q.Classes, c.Class.Name())
			}
			out = append(out, q)
		}
	}
	return out
}

// pathShape is what is known of the parameter at the i-th segment.
func pathShape(path *schema.Shape, i int) *schema.Shape {
	if path == nil {
		return nil
	}
	return path.Property(fmt.Sprintf("%02d", i))
}

func classNames(set uint32) (out []string) {
	for c := range dataclass.SegmentClass(dataclass.SegmentCount) {
		if set>>c&1 != 0 {
			out = append(out, c.String())
		}
	}
	return out
}

// segmentSchema is the type that all classes seen at a position agree on.
func segmentSchema(set uint32) json.RawMessage {
	typ, format, some := "", "", false
	for c := range dataclass.SegmentClass(dataclass.SegmentCount) {
		if set>>c&1 == 0 {
			continue
		}
		t, f := c.Schema()
		if some && (t != typ || f != format) {
			return json.RawMessage(`{"type":"string"}`)
		}
		typ, format, some = t, f, true
	}
	switch {
	case !some:
		return json.RawMessage(`{"type":"string"}`)
	case format == "":
		return json.RawMessage(`{"type":"` + typ + `"}`)
	}
	return json.RawMessage(`{"type":"` + typ + `","format":"` + format + `"}`)
}

// withoutDialect leaves "$schema" out of a schema that stands inside another document.
func withoutDialect(s *schema.Shape) json.RawMessage {
	if s == nil {
		return nil
	}
	b := s.JSONSchema()
	lead := []byte(`{"$schema":"` + schema.Dialect + `"`)
	if rest, ok := bytes.CutPrefix(b, lead); ok {
		rest = bytes.TrimPrefix(rest, []byte(","))
		return append(json.RawMessage("{"), rest...)
	}
	return b
}

// bodySlots are the slots that are bodies, with what they are called.
var bodySlots = [...]struct {
	slot                   summary.Slot
	message, status, media string
}{
	{summary.SlotRequestJSON, "request", "", "application/json"},
	{summary.SlotRequestForm, "request", "", "application/x-www-form-urlencoded"},
	{summary.SlotRequestMultipart, "request", "", "multipart/form-data"},
	{summary.SlotRequestOther, "request", "", "application/octet-stream"},
	{summary.SlotResponse, "response", "2xx", "application/json"},
	{summary.SlotResponseClientError, "response", "4xx", "application/json"},
	{summary.SlotResponseServerError, "response", "5xx", "application/json"},
}

// bodies lists the learned body schemas.
func (v *view) bodies() []inventory.Schema {
	out := []inventory.Schema{}
	for _, b := range bodySlots {
		if s := v.shapes[b.slot]; s != nil {
			out = append(out, inventory.Schema{
				Message: b.message, Status: b.status, MediaType: b.media,
				Samples: v.leaf.Detail.Schemas.Trees[b.slot].Messages(), Schema: s.JSONSchema(),
			})
		}
	}
	return out
}
