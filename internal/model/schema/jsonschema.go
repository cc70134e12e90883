package schema

import (
	"encoding/json"
	"strconv"
	"strings"

	"merlon/internal/model/dataclass"
)

// Dialect is the "$schema" of what JSONSchema writes.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// JSONSchema writes the shape as JSON Schema 2020-12: the same bytes for the
// same shape. What is not confirmed carries "x-merlon-state": "candidate".
// Bounds are advisory and written only where there were enough values to state
// them; an enum only when the literals of all its values may be shown.
func (s *Shape) JSONSchema() json.RawMessage {
	var w writer
	w.shape(s)
	return w.b
}

// writer appends JSON members in a fixed order.
type writer struct{ b []byte }

func (w *writer) key(k string) {
	if c := w.b[len(w.b)-1]; c != '{' {
		w.b = append(w.b, ',')
	}
	w.string(k)
	w.b = append(w.b, ':')
}

func (w *writer) string(v string) {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte(`""`)
	}
	w.b = append(w.b, b...)
}

func (w *writer) uint(k string, v *uint64) {
	if v != nil {
		w.key(k)
		w.b = strconv.AppendUint(w.b, *v, 10)
	}
}

func (w *writer) float(k string, v *float64) {
	if v == nil {
		return
	}
	if b, err := json.Marshal(*v); err == nil {
		w.key(k)
		w.b = append(w.b, b...)
	}
}

func (w *writer) shape(s *Shape) {
	w.b = append(w.b, '{')
	w.types(s.Types)
	if s.Format != "" {
		w.key("format")
		w.string(s.Format)
	}
	w.enum(s)
	if p := pattern(s); p != "" {
		w.key("pattern")
		w.string(p)
	}
	w.uint("minLength", s.MinLength)
	w.uint("maxLength", s.MaxLength)
	w.float("minimum", s.Minimum)
	w.float("maximum", s.Maximum)
	w.properties(s)
	switch {
	case s.Additional != nil:
		w.key("additionalProperties")
		w.shape(s.Additional)
	case s.Closed:
		w.key("additionalProperties")
		w.b = append(w.b, "false"...)
	}
	if s.Items != nil {
		w.key("items")
		w.shape(s.Items)
	}
	w.uint("minItems", s.MinItems)
	w.uint("maxItems", s.MaxItems)
	if s.Count > 0 {
		if !s.Confirmed {
			w.key("x-merlon-state")
			w.string("candidate")
		}
		w.key("x-merlon-seen")
		w.b = strconv.AppendUint(w.b, s.Count, 10)
		w.classes(s)
	}
	w.b = append(w.b, '}')
}

func (w *writer) types(t Types) {
	kinds := t.Kinds()
	if len(kinds) == 0 || t == anyType {
		return
	}
	w.key("type")
	if len(kinds) == 1 {
		w.string(kinds[0].String())
		return
	}
	w.b = append(w.b, '[')
	for i, k := range kinds {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.string(k.String())
	}
	w.b = append(w.b, ']')
}

func (w *writer) enum(s *Shape) {
	if s.Enum == nil || len(s.Enum.Values) == 0 {
		return
	}
	for _, v := range s.Enum.Values {
		if v.Literal == "" {
			return
		}
	}
	w.key("enum")
	w.b = append(w.b, '[')
	for i, v := range s.Enum.Values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, v.Literal...)
	}
	if s.Nullable() { // JSON Schema's enum covers every type
		w.b = append(w.b, ",null"...)
	}
	w.b = append(w.b, ']')
}

func (w *writer) properties(s *Shape) {
	if len(s.Properties) == 0 {
		return
	}
	w.key("properties")
	w.b = append(w.b, '{')
	required := 0
	for _, p := range s.Properties {
		w.key(p.Name)
		w.shape(p.Shape)
		if p.Required {
			required++
		}
	}
	w.b = append(w.b, '}')
	if required == 0 {
		return
	}
	w.key("required")
	w.b = append(w.b, '[')
	for _, p := range s.Properties {
		if p.Required {
			if required < 0 {
				w.b = append(w.b, ',')
			}
			required = -1
			w.string(p.Name)
		}
	}
	w.b = append(w.b, ']')
}

// classes names the sensitive data classes found.
func (w *writer) classes(s *Shape) {
	first := true
	for _, c := range s.Classes {
		if !c.Class.Sensitive() || c.Share < formatShare {
			continue
		}
		if first {
			w.key("x-merlon-classes")
			w.b = append(w.b, '[')
		} else {
			w.b = append(w.b, ',')
		}
		first = false
		w.string(c.Class.Name())
	}
	if !first {
		w.b = append(w.b, ']')
	}
}

// patternAt is how many strings must have kept to few characters before a pattern states it.
const patternAt = 1000

// pattern states that strings keep to letters, digits and harmless marks; empty when they do not.
func pattern(s *Shape) string {
	const harmless = dataclass.CharDigit | dataclass.CharLower | dataclass.CharUpper |
		dataclass.CharDash | dataclass.CharUnderscore | dataclass.CharDot | dataclass.CharColon
	c := dataclass.Chars(s.Chars)
	if c == 0 || c&^harmless != 0 || s.Count < patternAt || s.Format != "" || s.Enum != nil || !s.Types.Has(KindString) {
		return ""
	}
	var b strings.Builder
	b.WriteString("^[")
	for _, x := range []struct {
		bit  dataclass.Chars
		text string
	}{
		{dataclass.CharDigit, "0-9"},
		{dataclass.CharUpper, "A-Z"},
		{dataclass.CharLower, "a-z"},
		{dataclass.CharUnderscore, "_"},
		{dataclass.CharDot, "."},
		{dataclass.CharColon, ":"},
		{dataclass.CharDash, "-"},
	} {
		if c&x.bit != 0 {
			b.WriteString(x.text)
		}
	}
	b.WriteString("]*$")
	return b.String()
}
