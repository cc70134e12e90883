// Package policy is the room for what is let through: policy in force, the rules made here, and the blocks that people set.
package policy

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/policy", Needs: account.SeePolicy, Handle: s.force},
		{Method: "GET", Path: "/policy/rules", Needs: account.SeePolicy, Handle: s.rules},
		{Method: "GET", Path: "/policy/new", Needs: account.EditPolicy, Handle: s.newRule},
		{Method: "POST", Path: "/policy/rules", Needs: account.EditPolicy, Handle: s.saveRule},
		{Method: "GET", Path: "/policy/rules/{id}", Needs: account.SeePolicy, Handle: s.oldRule},
		{Method: "POST", Path: "/policy/rules/{id}", Needs: account.EditPolicy, Handle: s.saveRule},
		{Method: "POST", Path: "/policy/rules/{id}/alter", Needs: account.EditPolicy, Handle: s.alterRule},
		{Method: "GET", Path: "/blocks", Needs: account.SeeStanding, Handle: s.blocks},
		{Method: "POST", Path: "/blocks", Needs: account.EditStanding, Handle: s.block},
		{Method: "POST", Path: "/blocks/{id}/remove", Needs: account.EditStanding, Handle: s.unblock},
	}
}

// blockRow is a block as shown; endpoints by their template where the id is known.
type blockRow struct {
	bundle.Entry
	Endpoint *inventory.Endpoint
}

func (s *room) blocks(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.showBlocks(w, r, p, http.StatusOK, url.Values{})
}

func (s *room) showBlocks(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, typed url.Values) error {
	p.Title, p.Active = "Blocks", "policy"
	all, err := s.Admin.Standing(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	rows := make([]blockRow, 0, len(all))
	for _, e := range all {
		row := blockRow{Entry: e}
		if id, err := strconv.ParseUint(e.Value, 10, 32); err == nil && e.Kind == bundle.ListEndpoint {
			if known, err := s.Admin.Endpoint(r.Context(), p.Caller, identity.EndpointID(id)); err == nil {
				row.Endpoint = &known
			}
		}
		rows = append(rows, row)
	}
	return ui.Show(w, r, status, blocksPage(p, rows, typed, s.Admin.Now()))
}

func (s *room) block(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f := r.PostForm
	b := admin.Block{Kind: bundle.ListKind(f.Get("kind")), Value: f.Get("value"), Mode: bundle.Mode(f.Get("mode")), Why: f.Get("why")}
	if d, err := time.ParseDuration(f.Get("for")); err == nil && d > 0 && d <= 366*24*time.Hour {
		b.Until = s.Admin.Now().Add(d)
	}
	if _, err := s.Admin.Block(r.Context(), p.Caller, b); err != nil {
		if status, ok := ui.Refused(w, p, err); ok {
			return s.showBlocks(w, r, p, status, f)
		}
		return err
	}
	http.Redirect(w, r, ui.Back(f.Get("back"), "blocked"), http.StatusSeeOther)
	return nil
}

func (s *room) unblock(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	if err := s.Admin.Unblock(r.Context(), p.Caller, r.PathValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, ui.Back(r.PostForm.Get("back"), "unblocked"), http.StatusSeeOther)
	return nil
}
