package admin

import (
	"context"
	"slices"

	"merlon/internal/model/account"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// Tour is what the guided tour tells: the write that nobody described, who used it, and whether they had written before.
type Tour struct {
	Endpoint inventory.Endpoint
	// Writer is the principal that the tour follows; nil when none is known.
	Writer *inventory.Writer
	// Events are the latest of the endpoint by that principal (by anybody without one), Addresses and Countries of how many
	// clients they came, as far as the list of events goes. All are zero for callers that may not see events.
	Events               []Event
	Addresses, Countries int
}

// toured bounds the events that a tour counts over, weighed the endpoints that it is chosen from.
const (
	toured  = 500
	weighed = 20
)

// Undescribed is the write that the tour is about: of those that nobody described the one with the highest risk, first of
// all one by a principal that had only read before. It reports false where there is none: the tour is about real findings, and
// works on any estate.
func (a *Admin) Undescribed(ctx context.Context, c Caller) (inventory.Endpoint, bool, error) {
	page, err := a.Inventory(ctx, c, InventoryQuery{Access: inventory.Write, Lifecycle: "shadow", Sort: "risk", Limit: weighed})
	if err != nil || len(page.Endpoints) == 0 {
		return inventory.Endpoint{}, false, err
	}
	var best inventory.Endpoint
	for i := range page.Endpoints { // by risk
		e, err := a.Endpoint(ctx, c, page.Endpoints[i].ID)
		switch {
		case err != nil:
			return inventory.Endpoint{}, false, err
		case hasFirstWrite(&e):
			return e, true, nil
		case i == 0:
			best = e
		}
	}
	return best, true, nil
}

// Tour finds what the tour tells. It reports false where nothing is there to be told.
func (a *Admin) Tour(ctx context.Context, c Caller) (Tour, bool, error) {
	e, ok, err := a.Undescribed(ctx, c)
	if err != nil || !ok {
		return Tour{}, false, err
	}
	t := Tour{Endpoint: e}
	if d := e.Detail; d != nil {
		for i := range d.Writers {
			if t.Writer == nil || d.Writers[i].NeverBefore && !t.Writer.NeverBefore {
				t.Writer = &d.Writers[i]
			}
		}
	}
	if c.NeedAt(account.SeeEvents, e.Site) != nil {
		return t, true, nil
	}
	q := EventQuery{Site: e.Site, Endpoint: e.ID, Limit: toured}
	if t.Writer != nil {
		q.Principal = t.Writer.Principal
	}
	if t.Events, err = a.Events(ctx, c, q); err != nil {
		return Tour{}, false, err
	}
	addresses, countries := map[string]bool{}, map[string]bool{}
	for i := range t.Events {
		addresses[t.Events[i].Address] = true
		if at := t.Events[i].Country; at != "" {
			countries[at] = true
		}
	}
	t.Addresses, t.Countries = len(addresses), len(countries)
	return t, true, nil
}

// hasFirstWrite tells whether a principal was told of that had only read before.
func hasFirstWrite(e *inventory.Endpoint) bool {
	return e.Detail != nil && slices.ContainsFunc(e.Detail.Postures, func(p finding.Posture) bool { return p.ID == "posture.first-write" })
}
