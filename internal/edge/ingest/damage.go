package ingest

import (
	"fmt"

	"merlon/internal/edge/ingest/record"
)

// Cause says why a line is damaged.
type Cause = record.Cause

// NumCauses is one more than the highest cause.
const NumCauses = record.NumCauses

// Damage is one damaged line.
type Damage struct {
	Input string
	// Line is its number, from 1; in a HAR document the number of the entry.
	Line  int
	Cause Cause
}

// String is the damage as compilers report mistakes.
func (d Damage) String() string { return fmt.Sprintf("%s:%d: %s", d.Input, d.Line, d.Cause) }
