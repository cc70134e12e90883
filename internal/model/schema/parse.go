package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Limits of Parse. A description is written by people, but may be hostile all the same.
const (
	maxSchemaBytes = 4 << 20
	maxSchemaDepth = 64
	maxSchemaNodes = 100_000 // after following references
)

// Parse reads the subset of JSON Schema 2020-12 (and of OpenAPI 3's schema
// object) that Shape can express: type, nullable, format, enum, const, bounds,
// properties, required, additionalProperties, items, local $ref, allOf, oneOf
// and anyOf. A recursive reference and whatever else is met is read as
// "anything". The error says where the document is not a schema, or too large.
func Parse(doc []byte) (*Shape, error) {
	if len(doc) > maxSchemaBytes {
		return nil, fmt.Errorf("schema: document of %d bytes, the limit is %d", len(doc), maxSchemaBytes)
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var root any
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("schema: something follows the document")
	}
	p := parser{root: root}
	s := p.shape(root, 0)
	if p.nodes > maxSchemaNodes {
		return nil, fmt.Errorf("schema: more than %d sub-schemas", maxSchemaNodes)
	}
	if p.fault != "" {
		return nil, fmt.Errorf("schema: %s", p.fault)
	}
	return s, nil
}

type parser struct {
	root  any
	nodes int
	refs  []string // being followed
	fault string
}

func (p *parser) shape(v any, depth int) *Shape {
	p.nodes++
	if depth > maxSchemaDepth || p.nodes > maxSchemaNodes {
		return &Shape{Types: anyType}
	}
	switch v := v.(type) {
	case bool: // true allows anything, false nothing
		if v {
			return &Shape{Types: anyType}
		}
		return &Shape{}
	case map[string]any:
		return p.object(v, depth)
	}
	p.fault = cmp.Or(p.fault, "a sub-schema is neither object nor boolean")
	return &Shape{}
}

func (p *parser) object(m map[string]any, depth int) *Shape {
	s := &Shape{Types: p.types(m)}
	s.Format, _ = m["format"].(string)
	if s.Format != "" {
		s.FormatShare = 1
	}
	p.values(s, m)
	s.MinLength, s.MaxLength = bound(m["minLength"]), bound(m["maxLength"])
	s.MinItems, s.MaxItems = bound(m["minItems"]), bound(m["maxItems"])
	s.Minimum, s.Maximum = number(m["minimum"]), number(m["maximum"])
	if props, ok := m["properties"].(map[string]any); ok {
		for name, sub := range props {
			s.Properties = append(s.Properties, Property{name, p.shape(sub, depth+1)})
		}
		slices.SortFunc(s.Properties, func(a, b Property) int { return cmp.Compare(a.Name, b.Name) })
	}
	switch extra := m["additionalProperties"].(type) {
	case bool:
		s.Closed = !extra
	case map[string]any:
		s.Additional = p.shape(extra, depth+1)
		s.Map = len(s.Properties) == 0
	}
	if items, ok := m["items"]; ok {
		s.Items = p.shape(items, depth+1)
	}
	if list, ok := m["required"].([]any); ok {
		for _, r := range list {
			if name, ok := r.(string); ok {
				s.require(name)
			}
		}
	}
	return p.combine(s, m, depth)
}

// require marks a member, adding it as anything when it is not described.
func (s *Shape) require(name string) {
	i, ok := slices.BinarySearchFunc(s.Properties, name, func(p Property, n string) int { return cmp.Compare(p.Name, n) })
	if !ok {
		s.Properties = slices.Insert(s.Properties, i, Property{name, &Shape{Types: anyType}})
	}
	c := *s.Properties[i].Shape
	c.Required, c.RequiredLow = true, 1
	s.Properties[i].Shape = &c
}

// types reads "type" and OpenAPI 3.0's "nullable"; without a type the keywords present tell.
func (p *parser) types(m map[string]any) Types {
	var t Types
	add := func(v any) {
		name, _ := v.(string)
		for k := range kindCount {
			if kindNames[k] == name {
				t |= 1 << k
			}
		}
	}
	switch v := m["type"].(type) {
	case string:
		add(v)
	case []any:
		for _, x := range v {
			add(x)
		}
	default:
		switch {
		case m["properties"] != nil || m["additionalProperties"] != nil:
			t = 1 << KindObject
		case m["items"] != nil:
			t = 1 << KindArray
		default:
			return anyType
		}
	}
	if n, _ := m["nullable"].(bool); n {
		t |= 1 << KindNull
	}
	return t
}

func (p *parser) values(s *Shape, m map[string]any) {
	list, ok := m["enum"].([]any)
	if c, has := m["const"]; has {
		list, ok = []any{c}, true
	}
	if !ok || len(list) == 0 {
		return
	}
	e := &Enum{}
	var t Types
	for _, v := range list {
		b, err := json.Marshal(v)
		if err != nil {
			return
		}
		k := kindOf(v)
		t |= 1 << k
		if k != KindNull {
			e.Values = append(e.Values, EnumValue{Literal: string(b), Confirmed: true})
		}
	}
	if s.Types == anyType {
		s.Types = t
	}
	if len(e.Values) > 0 {
		s.Enum = e
	}
}

func kindOf(v any) Kind {
	switch v := v.(type) {
	case bool:
		return KindBool
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return KindInteger
		}
		return KindNumber
	case string:
		return KindString
	case map[string]any:
		return KindObject
	case []any:
		return KindArray
	}
	return KindNull
}

func bound(v any) *uint64 {
	f := number(v)
	if f == nil || *f < 0 || *f > 1<<53 {
		return nil
	}
	u := uint64(*f)
	return &u
}

func number(v any) *float64 {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// combine follows $ref, meets allOf and unites oneOf and anyOf.
func (p *parser) combine(s *Shape, m map[string]any, depth int) *Shape {
	if ref, ok := m["$ref"].(string); ok {
		s = meet(s, p.reference(ref, depth))
	}
	if list, ok := m["allOf"].([]any); ok {
		for _, v := range list {
			s = meet(s, p.shape(v, depth+1))
		}
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		list, ok := m[key].([]any)
		if !ok {
			continue
		}
		var u *Shape
		for _, v := range list {
			u = Union(u, p.shape(v, depth+1))
		}
		if u != nil {
			s = meet(s, u)
		}
	}
	return s
}

func (p *parser) reference(ref string, depth int) *Shape {
	if !strings.HasPrefix(ref, "#") || slices.Contains(p.refs, ref) {
		return &Shape{Types: anyType}
	}
	at := p.root
	for _, step := range strings.Split(strings.TrimPrefix(ref[1:], "/"), "/") {
		if step == "" {
			continue
		}
		m, ok := at.(map[string]any)
		if !ok {
			return &Shape{Types: anyType}
		}
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		if at, ok = m[step]; !ok {
			return &Shape{Types: anyType}
		}
	}
	p.refs = append(p.refs, ref)
	s := p.shape(at, depth+1)
	p.refs = p.refs[:len(p.refs)-1]
	return s
}
