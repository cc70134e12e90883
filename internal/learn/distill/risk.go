package distill

import (
	"fmt"

	"merlon/internal/model/inventory"
)

// Term is one summand an endpoint's risk can have; docs/reference/risk.md prints them all.
type Term struct {
	Name  string
	Value float64
	// When says in words what adds it.
	When string
	// why gives the reason for one endpoint; empty when the term does not apply.
	why func(*view) string
}

// maxRisk is where the sum is cut.
const maxRisk = 100

// Terms is the table of risk terms, in the order in which they are shown.
func Terms() []Term {
	return []Term{
		{"write without authentication", 40, "writes succeed, none of them carried a credential, and no description says that this is meant", func(v *view) string {
			if v.access == inventory.Write && v.auth.label == inventory.AuthNone && !v.meantOpen() {
				return fmt.Sprintf("%d writes succeeded without a credential", v.leaf.Credentials.Without)
			}
			return ""
		}},
		{"read without authentication", 10, "reads succeed, and none of them carried a credential", func(v *view) string {
			if v.access == inventory.Read && v.auth.label == inventory.AuthNone {
				return fmt.Sprintf("%d reads succeeded without a credential", v.leaf.Credentials.Without)
			}
			return ""
		}},
		{"mixed authentication", 25, "some successes carried a credential, some did not, and no description says that this is meant", func(v *view) string {
			if v.auth.label == inventory.AuthMixed && !v.meantOpen() {
				return fmt.Sprintf("%d successes with and %d without a credential", v.leaf.Credentials.With, v.leaf.Credentials.Without)
			}
			return ""
		}},
		{"sensitive data", 10, "sensitive data is sent or answered", func(v *view) string {
			if len(v.sensitive) > 0 {
				return v.sensitive[0].class.Name() + " in " + v.sensitive[0].where
			}
			return ""
		}},
		{"sensitive data without authentication", 30, "sensitive data is answered where a credential is not needed", func(v *view) string {
			if s, ok := v.disclosed(); ok {
				return s.class.Name() + " in " + s.where
			}
			return ""
		}},
		{"sensitive data in the address", 15, "a path or query parameter holds sensitive data, which ends in logs", func(v *view) string {
			if s, ok := v.sensitiveInAddress(); ok {
				return s.class.Name() + " in " + s.where
			}
			return ""
		}},
		{"undocumented write", 20, "a write that no uploaded description has", func(v *view) string {
			if v.shadow && v.access == inventory.Write {
				return "no description has it"
			}
			return ""
		}},
		{"first write of a reader", 15, "a write that no description has, by a principal that had only read until then", func(v *view) string {
			if w, ok := v.firstWrite(); ok {
				return w.words()
			}
			return ""
		}},
		{"undocumented read", 10, "a read that no uploaded description has", func(v *view) string {
			if v.shadow && v.access == inventory.Read {
				return "no description has it"
			}
			return ""
		}},
		{"deprecated but used", 10, "the description deprecates it and it is called", func(v *view) string {
			if v.deprecated && v.leaf.Traffic.Successes > 0 {
				return fmt.Sprintf("%d successes", v.leaf.Traffic.Successes)
			}
			return ""
		}},
	}
}

// risk sums the terms. It is confirmed when the endpoint is, and the label that it leans on.
func (v *view) risk() inventory.Risk {
	r := inventory.Risk{Terms: []inventory.RiskTerm{}, Confirmed: v.state == inventory.Confirmed}
	for _, t := range Terms() {
		if why := t.why(v); why != "" {
			r.Terms = append(r.Terms, inventory.RiskTerm{Name: t.Name, Value: t.Value, Why: why})
			r.Score = min(r.Score+t.Value, maxRisk)
		}
	}
	if v.openToAll() && !v.auth.confirmed {
		r.Confirmed = false
	}
	return r
}

// openToAll tells whether success needs no credential.
func (v *view) openToAll() bool {
	return v.auth.label == inventory.AuthNone || v.auth.label == inventory.AuthMixed
}
