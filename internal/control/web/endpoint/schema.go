package endpoint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Bounds of a schema as shown, whatever was learned.
const (
	maxSchemaDepth = 24
	maxSchemaNodes = 1500
)

// schemaNode is one place of a schema as a reader sees it.
type schemaNode struct {
	Name     string
	Type     string // "string (uuid)", "array of object"
	Notes    []string
	Classes  []string // sensitive
	Required bool
	Learning bool // not confirmed
	Children []schemaNode
}

// jsonSchema is the part of JSON Schema 2020-12 that learned schemas use.
type jsonSchema struct {
	Type       json.RawMessage            `json:"type"`
	Format     string                     `json:"format"`
	Enum       []json.RawMessage          `json:"enum"`
	Pattern    string                     `json:"pattern"`
	MinLength  *uint64                    `json:"minLength"`
	MaxLength  *uint64                    `json:"maxLength"`
	Minimum    *float64                   `json:"minimum"`
	Maximum    *float64                   `json:"maximum"`
	MinItems   *uint64                    `json:"minItems"`
	MaxItems   *uint64                    `json:"maxItems"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
	Items      json.RawMessage            `json:"items"`
	Additional json.RawMessage            `json:"additionalProperties"`
	State      string                     `json:"x-merlon-state"`
	Classes    []string                   `json:"x-merlon-classes"`
}

// newSchema reads a JSON Schema as a tree. What cannot be read is shown as such.
func newSchema(name string, raw json.RawMessage) schemaNode {
	budget := maxSchemaNodes
	return readSchema(name, raw, 0, &budget)
}

func readSchema(name string, raw json.RawMessage, depth int, budget *int) schemaNode {
	n := schemaNode{Name: name, Type: "any"}
	*budget--
	if depth > maxSchemaDepth || *budget < 0 {
		n.Notes = []string{"deeper than is shown"}
		return n
	}
	var s jsonSchema
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return n
	}
	n.Type, n.Notes, n.Classes, n.Learning = typeOf(&s), notes(&s), s.Classes, s.State == "candidate"
	names := make([]string, 0, len(s.Properties))
	for k := range s.Properties {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if *budget < 1 {
			n.Notes = append(n.Notes, "more than is shown")
			break
		}
		child := readSchema(k, s.Properties[k], depth+1, budget)
		child.Required = slices.Contains(s.Required, k)
		n.Children = append(n.Children, child)
	}
	if len(s.Additional) > 0 && s.Additional[0] == '{' {
		n.Children = append(n.Children, readSchema("[any key]", s.Additional, depth+1, budget))
	}
	if len(s.Items) > 0 && s.Items[0] == '{' {
		// The elements' members stand directly under the array.
		items := readSchema("[]", s.Items, depth+1, budget)
		n.Type = "array of " + items.Type
		n.Notes, n.Classes = append(n.Notes, items.Notes...), append(n.Classes, items.Classes...)
		n.Children = append(n.Children, items.Children...)
	}
	return n
}

func typeOf(s *jsonSchema) string {
	var one string
	var many []string
	switch {
	case json.Unmarshal(s.Type, &one) == nil:
	case json.Unmarshal(s.Type, &many) == nil:
		one = strings.Join(many, " or ")
	case len(s.Enum) > 0:
		one = "enum"
	default:
		one = "any"
	}
	if s.Format != "" {
		one += " (" + s.Format + ")"
	}
	return one
}

// maxValues is how many values of an enum are shown.
const maxValues = 8

func notes(s *jsonSchema) (out []string) {
	if n := len(s.Enum); n > 0 {
		var values []string
		for _, v := range s.Enum[:min(n, maxValues)] {
			values = append(values, string(v))
		}
		text := "one of " + strings.Join(values, ", ")
		if n > maxValues {
			text += fmt.Sprintf(" and %d more", n-maxValues)
		}
		out = append(out, text)
	}
	if r := bounds(s.MinLength, s.MaxLength); r != "" {
		out = append(out, r+" long")
	}
	if r := bounds(s.Minimum, s.Maximum); r != "" {
		out = append(out, r)
	}
	if r := bounds(s.MinItems, s.MaxItems); r != "" {
		out = append(out, r+" items")
	}
	if s.Pattern != "" {
		out = append(out, s.Pattern)
	}
	return out
}

func bounds[T uint64 | float64](low, high *T) string {
	switch {
	case low != nil && high != nil && *low == *high:
		return fmt.Sprint(*low)
	case low != nil && high != nil:
		return fmt.Sprintf("%v–%v", *low, *high)
	case low != nil:
		return fmt.Sprintf("≥ %v", *low)
	case high != nil:
		return fmt.Sprintf("≤ %v", *high)
	default:
		return ""
	}
}
