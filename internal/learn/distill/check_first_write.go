package distill

import (
	"fmt"
	"slices"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// What makes a principal one that only reads: for how long and how often it did so before its first write.
const (
	readerHours = 3 // different hours of reading before it wrote
	readerSpan  = 12 * time.Hour
)

// checkFirstWrite: OWASP API5:2023, CWE-285. A principal that had only read on the whole site writes to an operation that no
// description has: either the description is behind, or a grant is too wide and somebody has found out. Silent for described
// operations, where everybody writes for the first time once, and for principals too new to have habits.
func checkFirstWrite(v *view) (finding.Posture, bool) {
	w, ok := v.firstWrite()
	if !ok {
		return finding.Posture{}, false
	}
	return finding.Posture{
		ID: "posture.first-write", Classes: []string{"API5:2023", "API9:2023", "CWE-285"}, Severity: finding.High,
		Confirmed: v.state == inventory.Confirmed || w.Proved,
		Why:       w.words(),
		Mend:      "Ask the owner of that principal whether it is meant to write. If not, take the right away in the service, or block the operation for it.",
	}, true
}

type writer inventory.Writer

func (w writer) words() string {
	return fmt.Sprintf("principal %s read %d times since %s and never wrote, until it wrote here on %s",
		w.Principal, w.Reads, w.Since.Format("2006-01-02 15:04"), w.First.Format("2006-01-02 15:04 MST"))
}

// firstWrite is the earliest writer here that had only read before, where no description has the operation.
func (v *view) firstWrite() (writer, bool) {
	if !v.shadow || v.access != inventory.Write {
		return writer{}, false
	}
	for _, w := range v.writers() {
		if w.NeverBefore {
			return writer(w), true
		}
	}
	return writer{}, false
}

// writers are the principals that have written here, the first one first.
func (v *view) writers() []inventory.Writer {
	out := []inventory.Writer{}
	if v.leaf.Detail == nil {
		return out
	}
	for _, e := range v.leaf.Detail.Writers.Sample.Entries() {
		w := inventory.Writer{Principal: event.TokenText(e.Hash), First: time.Unix(0, e.V.First).UTC(), Count: uint64(e.V.Count)}
		if p := v.d.in.State.Principals.Of(e.Hash); p != nil {
			w.Proved, w.Reads, w.Since = p.Proved, uint64(p.Reads), time.Unix(0, p.First).UTC()
			w.NeverBefore = p.FirstWrite == e.V.First && e.V.First-p.First >= int64(readerSpan) && p.ReadBefore(e.V.First) >= readerHours
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b inventory.Writer) int { return a.First.Compare(b.First) })
	return out
}
