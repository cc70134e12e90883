// Package outline puts what is known of endpoints into lines for people: schemas, and what has changed between two inventories.
package outline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shape is what of a JSON Schema a person wants to read at a glance.
type shape struct {
	Type       any              `json:"type"`
	Format     string           `json:"format"`
	Enum       []any            `json:"enum"`
	Required   []string         `json:"required"`
	Properties map[string]shape `json:"properties"`
	Items      *shape           `json:"items"`
	Values     json.RawMessage  `json:"additionalProperties"`
}

// Word is a schema in a word: "integer", "string (uuid)", "array of object".
func Word(raw json.RawMessage) string {
	var s shape
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return "unknown"
	}
	return s.word()
}

func (s *shape) word() string {
	word := "anything"
	switch t := s.Type.(type) {
	case string:
		word = t
	case []any:
		var all []string
		for _, one := range t {
			all = append(all, fmt.Sprint(one))
		}
		word = strings.Join(all, " or ")
	}
	switch {
	case s.Items != nil:
		return word + " of " + s.Items.word()
	case s.Format != "":
		return word + " (" + s.Format + ")"
	case len(s.Enum) > 0:
		return fmt.Sprintf("%s, one of %d", word, len(s.Enum))
	}
	return word
}

// Tree is a schema as indented lines, at most maxTreeLines.
func Tree(raw json.RawMessage) []string {
	var s shape
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	lines := s.lines("  ", nil)
	if len(lines) > maxTreeLines {
		lines = append(lines[:maxTreeLines], fmt.Sprintf("  ... and %d more lines: see --format json", len(lines)-maxTreeLines))
	}
	return lines
}

const maxTreeLines = 100

func (s *shape) lines(indent string, out []string) []string {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		mark := ""
		if slices.Contains(s.Required, name) {
			mark = ", required"
		}
		out = append(out, indent+name+": "+p.word()+mark)
		out = p.lines(indent+"  ", out)
	}
	var values shape
	if len(s.Properties) == 0 && len(s.Values) > 0 && s.Values[0] == '{' && json.Unmarshal(s.Values, &values) == nil {
		out = append(out, indent+"{any name}: "+values.word())
		out = values.lines(indent+"  ", out)
	}
	if s.Items != nil {
		out = s.Items.lines(indent+"  ", out)
	}
	return out
}
