// Package activity is the traffic of the dashboard: events as they come and as they were, each with its verdict.
package activity

import (
	"net/http"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

type room struct{ ui.Options }

// Routes is what this room answers. /events are the addresses of earlier versions.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/activity", Needs: account.SeeEvents, Handle: s.list},
		{Method: "GET", Path: "/activity/live", Needs: account.SeeEvents, Handle: s.live},
		{Method: "GET", Path: "/activity/export", Needs: account.SeeEvents, Handle: s.export},
		{Method: "POST", Path: "/activity/views", Needs: account.EditViews, Handle: s.views},
		{Method: "GET", Path: "/activity/{id}", Needs: account.SeeEvents, Handle: s.event},
		{Method: "GET", Path: "/activity/{id}/exchange", Needs: account.SeeEvents, Handle: s.exchange},
		{Method: "GET", Path: "/events", Needs: account.SeeEvents, Handle: s.moved},
		{Method: "GET", Path: "/events/{id}", Needs: account.SeeEvents, Handle: s.moved},
	}
}

// views saves what the list shows under a name, or forgets such a name.
func (s *room) views(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	in, to := r.PostForm, "/activity"
	if id := in.Get("remove"); id != "" {
		if err := s.Admin.RemoveView(r.Context(), p.Caller, id); err != nil {
			return err
		}
	} else {
		view, err := s.Admin.SaveView(r.Context(), p.Caller, admin.View{Room: "activity", Name: in.Get("name"), Query: in.Get("query"), Shared: in.Get("shared") != ""})
		if err != nil {
			return err
		}
		if view.Query != "" {
			to += "?" + view.Query
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (s *room) moved(w http.ResponseWriter, r *http.Request, _ *ui.Page) error {
	to := "/activity"
	if id := r.PathValue("id"); id != "" {
		to += "/" + id
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// exchange hands an event over as an exchange line.
func (s *room) exchange(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	line, err := s.Admin.ExchangeLine(r.Context(), p.Caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+r.PathValue("id")+`.json"`)
	_, _ = w.Write(append(line, '\n'))
	return nil
}
