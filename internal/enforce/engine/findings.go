package engine

import (
	"slices"

	"merlon/internal/inspect/payload"
)

// The findings that are made by the engine itself.
const (
	findingUnknownHost = "identify.unknown-host"
	findingPanic       = "engine.panic"
)

// Findings lists the ids of all findings that this version can make on an exchange, for checking what policies name. The
// stages access, contract and behaviour make none yet.
func Findings() []string {
	all := []string{findingUnknownHost, findingPanic}
	for _, r := range payload.All().Rules() {
		all = append(all, r.ID)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
