package engine

import (
	"merlon/internal/inspect/identify"
	"merlon/internal/model/finding"
)

// Recall is what a record of an exchange knows and the exchange rebuilt from it cannot show: who it was, which credentials
// proved, and what checks found whose subject was not kept.
type Recall struct {
	Who      identify.Who
	Findings []finding.Finding
}

// Recall makes the transaction believe a record, between Begin and Request. It is for judging a stored event again: policy
// is asked anew, with the identity of then. Nothing that comes from outside may be recalled.
func (t *Transaction) Recall(r *Recall) { t.recall = r }

// identify finds out who calls.
func (t *Transaction) identify() identify.Who {
	if t.recall != nil {
		return t.recall.Who
	}
	return t.site.identifier.Request(&t.Exchange)
}
