package estate

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"merlon/internal/control/admin"
	index "merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

const (
	// perPage is how many endpoints, or groups, a page lists; perGroup how many an open group shows.
	perPage  = 100
	perGroup = 25
)

// listView is the list as shown.
type listView struct {
	scene
	Found  admin.InventoryPage // of the open group, where endpoints are grouped
	Groups index.Groups
	Facets []index.Facet
	// Total counts what is selected, All those there are, Rows the rows of all pages: endpoints or groups.
	Total, All, Rows int
	More             bool
	Sites            []string
	Views            []admin.View
	MayEdit, MaySave bool
	Batch            *admin.EditBatch // a change that was just made
	Now              time.Time
	Listen           string // where to send a first request
	Partial          bool   // only the region of results is sent
}

func (s *room) inventory(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active, p.Wide, p.Scripts = "Inventory", "inventory", true, []string{"estate.js"}
	done(p, r)
	if r.URL.RawQuery == "" {
		if to, err := s.opening(r, p); err != nil || to != "" {
			if err == nil {
				http.Redirect(w, r, to, http.StatusSeeOther)
			}
			return err
		}
	}
	sc, mistake := sceneOf("/inventory", r.URL.Query())
	v := listView{
		scene: sc, Now: s.Admin.Now(), Listen: ui.Listen(p.Status),
		MayEdit: p.Caller.May(account.EditInventory), MaySave: p.Caller.Need(account.EditViews) == nil,
	}
	err := mistake
	if err == nil {
		err = s.look(r, p, &v)
	}
	if err != nil {
		var input *admin.InputError
		var wrong *index.Wrong
		if !errors.As(err, &input) && !errors.As(err, &wrong) {
			return err
		}
		// What was typed stays in the address; the list is that of everything.
		p.Error = ui.Sentence(err)
		v.Q = index.Query{}
		if err := s.look(r, p, &v); err != nil {
			return err
		}
	}
	w.Header().Add("Vary", "HX-Request, HX-Target")
	if partial(r) {
		v.Partial = true
		w.Header().Set("HX-Push-Url", string(v.with(v.pageAndOpen()...)))
		return ui.Show(w, r, http.StatusOK, results(p, v))
	}
	if v.MaySave {
		if v.Views, err = s.Admin.Views(r.Context(), p.Caller, "inventory"); err != nil {
			return err
		}
	}
	if id := r.URL.Query().Get("batch"); id != "" && v.MayEdit {
		if v.Batch, err = s.batch(r, p, id); err != nil {
			return err
		}
	}
	return ui.Show(w, r, http.StatusOK, inventoryPage(p, v))
}

// look runs the query of the page.
func (s *room) look(r *http.Request, p *ui.Page, v *listView) (err error) {
	q := v.Q
	q.Limit, q.Skip, q.Facets = perPage, (v.Page-1)*perPage, true
	if v.Group == "" {
		if q.Sort == "" {
			q.Sort = "template"
		}
		if v.Found, err = s.Admin.Inventory(r.Context(), p.Caller, q); err != nil {
			return err
		}
		v.Facets, v.Total, v.All, v.Rows, v.More, v.Sites = v.Found.Facets, v.Found.Total, v.Found.All, v.Found.Total, v.Found.More, v.Found.Sites
		v.bound()
		return nil
	}
	by, _ := index.ParseDim(v.Group) // checked when it was read
	if v.Groups, err = s.Admin.Groups(r.Context(), p.Caller, q, by); err != nil {
		return err
	}
	v.Facets, v.Total, v.All, v.Rows, v.More, v.Sites = v.Groups.Facets, v.Groups.Endpoints, v.Groups.All, v.Groups.Total, v.Groups.More, v.Groups.Sites
	if v.Open == "" {
		return nil
	}
	inner := v.Q
	set := inner.Values()
	set.Set(v.Group, v.Open)
	if inner, err = index.Parse(set); err != nil {
		return err
	}
	inner.Sort, inner.Limit = "risk", perGroup
	v.Found, err = s.Admin.Inventory(r.Context(), p.Caller, inner)
	v.bound()
	return err
}

// bound cuts long texts, in the page's own copies.
func (v *listView) bound() {
	for i := range v.Found.Endpoints {
		e := &v.Found.Endpoints[i]
		e.Method, e.Template, e.Host, e.Owner = cut(e.Method, 24), shown(e.Template), shown(e.Host), shown(e.Owner)
		words := make([]string, 0, len(e.Lifecycle))
		for _, w := range e.Lifecycle {
			words = append(words, cut(w, 40))
		}
		e.Lifecycle = words
	}
}

// pageAndOpen are the parameters that a scene's values leave out.
func (v *listView) pageAndOpen() []string {
	out := []string{"open", v.Open, "page", ""}
	if v.Page > 1 {
		out[3] = itoa(v.Page)
	}
	return out
}

func (v *listView) pages() int { return (v.Rows + perPage - 1) / perPage }

func (v *listView) sorted(key string) bool {
	return v.Q.Sort == key || v.Q.Sort == "" && key == "template"
}

// span says which rows a page shows.
func (v *listView) span(rows int) string {
	if rows == 0 {
		return "none of " + ui.Count(uint64(v.Rows))
	}
	from := (v.Page-1)*perPage + 1
	return ui.Count(uint64(from)) + "–" + ui.Count(uint64(from+rows-1)) + " of " + ui.Count(uint64(v.Rows))
}

// count says how much of the inventory is selected.
func (v *listView) count() string {
	if v.Total == v.All {
		return ui.Plural(v.All, "endpoint", "endpoints")
	}
	return ui.Count(uint64(v.Total)) + " of " + ui.Plural(v.All, "endpoint", "endpoints")
}

// here is this very page, for forms that come back to it.
func (v *listView) here() string { return string(v.with(v.pageAndOpen()...)) }

// column is one of the list; those with a Sort can be sorted by.
type column struct{ Name, Sort, Class, About string }

func columns() []column {
	return []column{
		{"Endpoint", "template", "", "Method and path template"},
		{"Auth", "", "", "Whether it answered callers without a credential"},
		{"Sensitive", "", "c-sensitive", "Classes of personal or secret data in requests and answers"},
		{"Risk", "risk", "", "0 to 100; the terms stand on the endpoint's page"},
		{"Requests", "requests", "num", "All that came, refused ones too"},
		{"Callers", "callers", "num c-callers", "Different callers, estimated: proved principals, and the networks (/24, /48) of everybody else"},
		{"Last seen", "last_seen", "num", "When the last request came"},
	}
}

// groupColumns are those of the list of groups.
func groupColumns(name string) []column {
	return []column{
		{name, "", "", ""},
		{"Endpoints", "template", "num", "How many there are"},
		{"Top risk", "risk", "", "The highest of them"},
		{"Requests", "requests", "num", "All that came, refused ones too"},
		{"Open", "", "num", "Endpoints that answer callers without a credential"},
		{"Sensitive", "", "num", "Endpoints with personal or secret data"},
		{"Last seen", "last_seen", "num", "When the last request came"},
	}
}

// notes are the small words under an endpoint.
func notes(e *inventory.Endpoint, hosts bool) string {
	host := ""
	if hosts {
		host = e.Host
	}
	return strings.TrimSpace(ui.Joined(host, e.Owner))
}

// plainState tells whether the state is worth a badge: confirmed is what one expects.
func plainState(e *inventory.Endpoint) bool { return e.State == inventory.Confirmed }

// groupName is what endpoints are grouped by, in words; groupTitle one of the groups.
func groupName(by string) string {
	d, _ := index.ParseDim(by)
	return dimName(d)
}

func groupTitle(by, value string) string {
	d, _ := index.ParseDim(by)
	if value == index.None && d != index.Segment {
		return "No " + strings.ToLower(dimName(d))
	}
	return shown(valueName(d, value))
}

// pageNumber is a page as addresses have it: the first is not mentioned.
func pageNumber(n int) string {
	if n <= 1 {
		return ""
	}
	return itoa(n)
}
