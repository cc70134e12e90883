// Package overview is the first page of the dashboard: what changed, how it fares and what to do next.
package overview

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/overview"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/{$}", Needs: account.SeeStatus, Handle: s.page},
		{Method: "POST", Path: "/looked", Needs: account.Self, Handle: s.looked},
	}
}

// view is the first page.
type view struct {
	Span     ui.Span
	Chart    ui.Chart
	Numbers  []number
	News     *news
	Posture  overview.Posture
	Lists    []list
	Steps    []overview.Step // open ones first
	Done     int
	Status   admin.Status
	SeesRoom bool // of the inventory
	Now      time.Time
	Listen   string
}

// Fresh tells whether nothing has passed yet: then only what to do about that stands there.
func (v *view) Fresh() bool {
	return v.SeesRoom && v.Posture.Endpoints == 0 && v.Chart.Empty && v.Status.Events == 0
}

// list is a short list of endpoints that leads to the whole one.
type list struct {
	Title, None, Href string
	Verb              string // before the time
	Total             int
	Endpoints         []inventory.Endpoint
	At                func(*inventory.Endpoint) time.Time
}

const (
	// shown is how many endpoints a short list has.
	shown = 5
	// stepsShown is how many open steps stand there at a time: more at once are none.
	stepsShown = 4
)

func (s *room) page(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active = "Overview", "overview"
	p.Scripts = append(p.Scripts, "series.js")
	v := view{Status: p.Status, Now: p.Now, Listen: ui.Listen(p.Status), Span: ui.SpanOf(r.URL.Query().Get("span"))}
	if r.URL.Query().Get("span") == "" {
		v.Span = ui.Spans()[1]
	}
	ctx := r.Context()
	if err := s.traffic(ctx, p, &v); err != nil {
		return err
	}
	if p.Caller.Admit(account.SeeInventory) == nil {
		v.SeesRoom = true
		if err := s.estate(ctx, p, &v); err != nil {
			return err
		}
	}
	return ui.Show(w, r, http.StatusOK, overviewPage(p, &v))
}

// estate fills in everything that is said of endpoints.
func (s *room) estate(ctx context.Context, p *ui.Page, v *view) error {
	state, posture, err := overview.Look(ctx, s.Admin, p.Caller)
	if err != nil {
		return err
	}
	v.Posture = posture
	var done []overview.Step
	for _, step := range state.Steps() {
		if step.Done {
			done = append(done, step)
		} else {
			v.Steps = append(v.Steps, step)
		}
	}
	v.Done = len(done)
	v.Steps = append(v.Steps, done...)
	if v.News, err = s.news(ctx, p); err != nil {
		return err
	}
	first := func(e *inventory.Endpoint) time.Time { return e.FirstSeen }
	last := func(e *inventory.Endpoint) time.Time { return e.LastSeen }
	for _, l := range []struct {
		list
		q admin.InventoryQuery
	}{
		{
			list{Title: "Highest risk", None: "No endpoint carries a risk.", Href: "/inventory?sort=risk&risk=1", Verb: "seen", At: last},
			admin.InventoryQuery{Risk: 1, Sort: "risk"},
		},
		{
			list{Title: "New", None: "Nothing was first seen in the last 7 days.", Href: "/inventory?first=7d&sort=first_seen", Verb: "first seen", At: first},
			admin.InventoryQuery{First: "7d", Sort: "first_seen"},
		},
		{
			list{Title: "Shadow", None: "Everything in use stands in a description, or there is no description yet.", Href: "/inventory?lifecycle=shadow&sort=risk", Verb: "seen", At: last},
			admin.InventoryQuery{Lifecycle: "shadow", Sort: "risk"},
		},
		{
			list{Title: "Without authentication", None: "No endpoint is known to answer everybody.", Href: "/inventory?auth=none&sort=risk", Verb: "seen", At: last},
			admin.InventoryQuery{Auth: inventory.AuthNone, Sort: "risk"},
		},
	} {
		l.q.Limit = shown
		found, err := s.Admin.Inventory(ctx, p.Caller, l.q)
		if err != nil {
			return err
		}
		l.Endpoints, l.Total = found.Endpoints, found.Total
		v.Lists = append(v.Lists, l.list)
	}
	return nil
}

// looked is the button "Mark as read".
func (s *room) looked(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	ns, err := strconv.ParseInt(r.PostForm.Get("at"), 10, 64)
	at := time.Time{}
	if err == nil && ns > 0 {
		at = time.Unix(0, ns)
	}
	if err := s.Admin.MarkLooked(r.Context(), p.Caller, at); err != nil {
		return err
	}
	http.Redirect(w, r, "/?done=looked", http.StatusSeeOther)
	return nil
}
