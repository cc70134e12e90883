package estate

import (
	"errors"
	"net/http"
	"net/url"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
)

// opening is where an address without a query leads: the view that the caller chose for that, or nowhere.
func (s *room) opening(r *http.Request, p *ui.Page) (string, error) {
	all, err := s.Admin.Views(r.Context(), p.Caller, "inventory")
	if err != nil {
		if errors.Is(err, admin.ErrForbidden) || errors.Is(err, admin.ErrSite) {
			return "", nil // a token without views has none to open with
		}
		return "", err
	}
	for _, v := range all {
		if v.Default {
			return viewLink(v), nil
		}
	}
	return "", nil
}

// viewLink is the address of a view.
func viewLink(v admin.View) string {
	q, err := url.ParseQuery(v.Query)
	if err != nil {
		q = url.Values{}
	}
	q.Set("view", v.ID)
	return "/inventory?" + q.Encode()
}

// viewQuery is the query that a view of this page keeps.
func (v *listView) viewQuery() string {
	q := v.values()
	q.Del("view")
	if v.Open != "" {
		q.Set("open", v.Open)
	}
	return q.Encode()
}

// viewsView is the page of views.
type viewsView struct {
	Views []admin.View
	// Wrong is the view whose form was refused, Typed what was written there.
	Wrong, Typed string
}

func (s *room) views(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	done(p, r)
	return s.showViews(w, r, p, http.StatusOK, viewsView{})
}

func (s *room) showViews(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, v viewsView) (err error) {
	p.Title, p.Active = "Views", "inventory"
	if v.Views, err = s.Admin.Views(r.Context(), p.Caller, "inventory"); err != nil {
		return err
	}
	return ui.Show(w, r, status, viewsPage(p, v))
}

// saveView carries out the forms of views: save, edit, remove, open.
func (s *room) saveView(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	in, ctx := r.PostForm, r.Context()
	v := admin.View{ID: in.Get("id"), Room: "inventory", Name: in.Get("name"), Query: in.Get("query"), Shared: in.Get("shared") != ""}
	to, err := "/inventory/views?done=view-saved", error(nil)
	switch in.Get("do") {
	case "remove":
		to, err = "/inventory/views?done=view-removed", s.Admin.RemoveView(ctx, p.Caller, v.ID)
	case "open":
		to, err = "/inventory/views?done=view-opens", s.Admin.OpenWith(ctx, p.Caller, v.Room, v.ID)
		if v.ID == "" {
			to = "/inventory/views?done=view-opens-all"
		}
	default:
		isNew := v.ID == ""
		if v, err = s.Admin.SaveView(ctx, p.Caller, v); err == nil && isNew {
			to = viewLink(v) + "&done=view-saved"
			if in.Get("open") != "" {
				err = s.Admin.OpenWith(ctx, p.Caller, v.Room, v.ID)
			}
		}
	}
	if err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return s.showViews(w, r, p, status, viewsView{Wrong: in.Get("id"), Typed: in.Get("name")})
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// viewName is the name of the view that was opened, "" for none.
func (v *listView) viewName() string {
	for _, view := range v.Views {
		if view.ID == v.View {
			return view.Name
		}
	}
	return ""
}

func anyDefault(all []admin.View) bool {
	for _, v := range all {
		if v.Default {
			return true
		}
	}
	return false
}

// orEverything is a query as people read it.
func orEverything(query string) string {
	if query == "" {
		return "everything"
	}
	if plain, err := url.QueryUnescape(query); err == nil {
		query = plain
	}
	return shown(query)
}
