package replay

import (
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/store"
)

// Undecided is a stage that a replay cannot judge again, and why. Its findings are taken over from the record.
type Undecided struct {
	Stage string `json:"stage"`
	Why   string `json:"why"`
}

// Gaps are the stages that cannot be judged again from a record of e.
func Gaps(e *store.Event) (out []Undecided) {
	d := &e.Detail
	if !d.Known() {
		return []Undecided{{"identify", "this event was stored by an earlier version, without what its source could see"}, {"payload", "this event was stored by an earlier version, without its shape"}}
	}
	if !d.Observed.Has(exchange.SawCredentials) {
		out = append(out, Undecided{"identify", "the source cannot see credentials, so nothing proves who it was"})
	}
	switch {
	case !d.Observed.Has(exchange.SawRequestBody):
		out = append(out, Undecided{finding.StagePayload.String(), "the source cannot see bodies"})
	case d.RequestBody != exchange.BodyNone || d.ResponseBody != exchange.BodyNone:
		out = append(out, Undecided{finding.StagePayload.String(), "values are not kept, so a check of their content cannot be made again"})
	}
	return out
}

// Again tells whether a finding is made again by a replay; others are taken over.
func Again(id string) bool {
	if _, wire := exchange.ParseAnomaly(id); wire {
		return true
	}
	return id == "identify.unknown-host"
}
