package policy

import (
	"cmp"
	"fmt"
	"strings"

	"merlon/internal/model/bundle"
)

// Mistake is one thing that is wrong with a policy, where it stands and what would be right.
type Mistake struct {
	Source string
	bundle.Position
	Key string
	// Message says what is wrong, Hint what would be right.
	Message, Hint string
	// Notice marks what is understood but not carried out by this version; it does not stop the policy from being used.
	Notice bool
}

// String is one line for people: file:line:column: key: what is wrong (what would be right).
func (m Mistake) String() string {
	var b strings.Builder
	b.WriteString(m.Source)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", m.Line, max(m.Column, 1))
	}
	b.WriteString(": ")
	if m.Key != "" {
		b.WriteString(m.Key + ": ")
	}
	b.WriteString(m.Message)
	if m.Hint != "" {
		b.WriteString(" (" + m.Hint + ")")
	}
	return b.String()
}

// Faults are the mistakes that are not mere notices.
func Faults(all []Mistake) []Mistake {
	var out []Mistake
	for _, m := range all {
		if !m.Notice {
			out = append(out, m)
		}
	}
	return out
}

// Compare orders mistakes by place: source, line, column, then what is said.
func (m Mistake) Compare(o Mistake) int {
	return cmp.Or(strings.Compare(m.Source, o.Source), cmp.Compare(m.Line, o.Line), cmp.Compare(m.Column, o.Column),
		strings.Compare(m.Key, o.Key), strings.Compare(m.Message, o.Message))
}
