package admin

import (
	"cmp"
	"context"
	"slices"

	"merlon/internal/model/account"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// Walk is what the guided tour tells: the write that nobody described, who used it, and whether they had written before.
type Walk struct {
	Endpoint inventory.Endpoint
	// Writer is the principal that the tour follows; nil when none is known.
	Writer *inventory.Writer
	// Events are the latest of the endpoint by that principal (by anybody without one), Addresses and Countries of how many
	// clients they came, as far as the list of events goes. All are zero for callers that may not see events.
	Events               []Event
	Addresses, Countries int
}

// walked bounds the events that a walk counts over.
const walked = 500

// Walk finds what the tour tells. It reports false where nothing is there to be told: the tour is about real findings, and
// works on any estate.
func (a *Admin) Walk(ctx context.Context, c Caller) (Walk, bool, error) {
	if err := c.Admit(account.SeeInventory); err != nil {
		return Walk{}, false, err
	}
	page, err := a.Inventory(ctx, c, InventoryQuery{Access: inventory.Write, Lifecycle: "shadow", Sort: "risk", Limit: 20})
	if err != nil || len(page.Endpoints) == 0 {
		return Walk{}, false, err
	}
	var all []inventory.Endpoint
	for i := range page.Endpoints {
		e, err := a.Endpoint(ctx, c, page.Endpoints[i].ID)
		if err != nil {
			return Walk{}, false, err
		}
		all = append(all, e)
	}
	best := slices.MinFunc(all, func(x, y inventory.Endpoint) int {
		return cmp.Or(cmp.Compare(firstWriters(&y), firstWriters(&x)), cmp.Compare(y.Risk.Score, x.Risk.Score), cmp.Compare(x.ID, y.ID))
	})
	w := Walk{Endpoint: best}
	if d := best.Detail; d != nil {
		for i := range d.Writers {
			if w.Writer == nil || d.Writers[i].NeverBefore && !w.Writer.NeverBefore {
				w.Writer = &d.Writers[i]
			}
		}
	}
	if c.Need(account.SeeEvents) != nil { // events are not cut by site
		return w, true, nil
	}
	q := EventQuery{Site: best.Site, Endpoint: best.ID, Limit: walked}
	if w.Writer != nil {
		q.Principal = w.Writer.Principal
	}
	if w.Events, err = a.Events(ctx, c, q); err != nil {
		return Walk{}, false, err
	}
	addresses, countries := map[string]bool{}, map[string]bool{}
	for i := range w.Events {
		addresses[w.Events[i].Address] = true
		if at := w.Events[i].Country; at != "" {
			countries[at] = true
		}
	}
	w.Addresses, w.Countries = len(addresses), len(countries)
	return w, true, nil
}

// firstWriters is 1 where a principal was told of that had only read before.
func firstWriters(e *inventory.Endpoint) int {
	if e.Detail != nil && slices.ContainsFunc(e.Detail.Postures, func(p finding.Posture) bool { return p.ID == "posture.first-write" }) {
		return 1
	}
	return 0
}
