package rules

import "merlon/internal/enforce/policy"

// Mistake is what is wrong with an entry, and where.
type Mistake = policy.Mistake

// Faults leaves notices out of mistakes.
func Faults(all []Mistake) []Mistake { return policy.Faults(all) }

// SourceOf is what a mistake names as its source for the entry with an id; "new" for one that has none yet.
func SourceOf(id string) string { return policy.SourceOf(id) }
