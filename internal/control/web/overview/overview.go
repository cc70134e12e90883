// Package overview is the first page of the dashboard: what changed, how it fares and what to do next.
package overview

import (
	"net/http"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/{$}", Needs: account.SeeStatus, Handle: s.overview},
	}
}

// overviewView is the first page.
type overviewView struct {
	Status           admin.Status
	Chart            ui.Chart
	Span             ui.Span
	All              admin.InventoryPage
	Risky, Newest    []inventory.Endpoint
	Candidates, Open int
	Shadow, Personal int
	Blocks           int
	Now              time.Time
	Listen           string
	SeesBlocks       bool
}

// topRows is how many rows the short lists of the overview have.
const topRows = 6

func (s *room) overview(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active = "Overview", "overview"
	v := overviewView{Status: p.Status, Now: s.Admin.Now(), Listen: ui.Listen(p.Status), Span: ui.SpanOf(r.URL.Query().Get("span")), SeesBlocks: p.Caller.May(account.SeeStanding)}
	ctx := r.Context()
	var err error
	count := func(q admin.InventoryQuery) (n int) {
		if err != nil {
			return 0
		}
		q.Limit = 1
		var found admin.InventoryPage
		found, err = s.Admin.Inventory(ctx, p.Caller, q)
		return found.Total
	}
	v.Candidates = count(admin.InventoryQuery{State: inventory.Candidate})
	v.Open = count(admin.InventoryQuery{Auth: inventory.AuthNone})
	v.Shadow = count(admin.InventoryQuery{Lifecycle: "shadow"})
	v.Personal = count(admin.InventoryQuery{Sensitive: true})
	if err != nil {
		return err
	}
	if v.All, err = s.Admin.Inventory(ctx, p.Caller, admin.InventoryQuery{Sort: "risk", Limit: topRows}); err != nil {
		return err
	}
	for _, e := range v.All.Endpoints {
		if e.Risk.Score > 0 {
			v.Risky = append(v.Risky, e)
		}
	}
	newest, err := s.Admin.Inventory(ctx, p.Caller, admin.InventoryQuery{Sort: "first_seen", Limit: topRows})
	if err != nil {
		return err
	}
	v.Newest = newest.Endpoints
	if v.SeesBlocks {
		blocks, err := s.Admin.Standing(ctx, p.Caller)
		if err != nil {
			return err
		}
		v.Blocks = len(blocks)
	}
	points, err := s.Admin.Series(ctx, p.Caller, admin.SeriesQuery{From: v.Now.Add(-v.Span.Length), To: v.Now, Step: v.Span.Step})
	if err != nil {
		return err
	}
	v.Chart = ui.ChartAt(points, v.Now).Follow("", v.Span.Length)
	p.Scripts = append(p.Scripts, "series.js")
	return ui.Show(w, r, http.StatusOK, overviewPage(p, v))
}
