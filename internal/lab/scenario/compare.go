package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// Differs lists in what two outcomes differ. Ids are left out, since they are given in the order of distillation. Otherwise
// equal means equal JSON: templates, states, schemas and statistics alike.
//
// taught compares what exists, and leaves out what depends on when templates were published: names of path parameters,
// which stay as they were published; who stands behind an endpoint, since callers prove themselves where an endpoint is
// known to refuse others; and what is kept of failures, which is more under a known template.
func Differs(a, b *Result, taught bool) (out []string) {
	x, y := byKey(a, taught), byKey(b, taught)
	for _, k := range sortedKeys(x) {
		switch other, ok := y[k]; {
		case !ok:
			out = append(out, k+" is missing")
		case !bytes.Equal(x[k], other):
			out = append(out, fmt.Sprintf("%s differs: %s", k, around(x[k], other)))
		}
	}
	for _, k := range sortedKeys(y) {
		if _, ok := x[k]; !ok {
			out = append(out, k+" is there in addition")
		}
	}
	if p, q := a.Output.Site.CatchAll, b.Output.Site.CatchAll; !slices.Equal(p, q) {
		out = append(out, fmt.Sprintf("hosts that answer everything alike: %v and %v", p, q))
	}
	return out
}

// byKey prints every endpoint without its id.
func byKey(r *Result, taught bool) map[string][]byte {
	out := map[string][]byte{}
	for _, e := range r.Output.Site.Endpoints {
		e.ID = 0
		d := *e.Detail
		d.Postures = slices.Clone(d.Postures)
		for i := range d.Postures {
			d.Postures[i].Endpoint = 0
		}
		e.Detail = &d
		if taught {
			existence(&e)
		}
		b, err := json.Marshal(e)
		if err != nil {
			b = []byte(err.Error())
		}
		out[e.Method+" "+e.Host+e.Template] = b
	}
	return out
}

// existence leaves what an endpoint is.
func existence(e *inventory.Endpoint) {
	e.State, e.Confidence, e.Callers, e.Risk.Confirmed = "", 0, 0, false
	e.Template = nameless(e.Template)
	e.Lifecycle = slices.DeleteFunc(slices.Clone(e.Lifecycle), func(w string) bool { return w == "changed" })
	d := e.Detail
	d.Support, d.History = inventory.Support{}, nil
	d.Latency, d.RequestSize, d.AnswerSize = inventory.Distribution{}, inventory.Distribution{}, inventory.Distribution{}
	d.Countries, d.Networks, d.Clients = nil, nil, nil
	d.Writers = slices.Clone(d.Writers)
	for i := range d.Writers {
		d.Writers[i].Proved = false
	}
	for i := range d.Postures {
		d.Postures[i] = finding.Posture{ID: d.Postures[i].ID, Severity: d.Postures[i].Severity}
	}
	d.Parameters = slices.DeleteFunc(slices.Clone(d.Parameters), func(p inventory.Parameter) bool { return p.In == "path" })
	for i := range d.Parameters {
		d.Parameters[i].State = ""
		d.Parameters[i].Schema = ungated(d.Parameters[i].Schema)
	}
	d.Schemas = slices.DeleteFunc(slices.Clone(d.Schemas), func(s inventory.Schema) bool { return s.Status == "4xx" || s.Status == "5xx" })
	for i := range d.Schemas {
		d.Schemas[i].Schema = ungated(d.Schemas[i].Schema)
	}
}

// nameless takes the names out of a template.
func nameless(t string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(t, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, t, _ = strings.Cut(rest, "}")
		b.WriteString("{}")
	}
}

// ungated takes the gate's marks out of a schema.
func ungated(schema json.RawMessage) json.RawMessage {
	var v any
	if len(schema) == 0 || json.Unmarshal(schema, &v) != nil {
		return schema
	}
	unmark(v)
	b, err := json.Marshal(v)
	if err != nil {
		return schema
	}
	return b
}

func unmark(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "x-merlon-state")
		for _, inner := range v {
			unmark(inner)
		}
	case []any:
		for _, inner := range v {
			unmark(inner)
		}
	}
}

// around shows where two texts part.
func around(a, b []byte) string {
	i := differsAt(a, b)
	from := max(i-120, 0)
	return fmt.Sprintf("...%s and ...%s", a[from:min(i+60, len(a))], b[from:min(i+60, len(b))])
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
