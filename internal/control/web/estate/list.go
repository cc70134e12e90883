// Package estate is the inventory of the dashboard: every endpoint, found, narrowed and taken along.
package estate

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
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
		{Method: "GET", Path: "/inventory", Needs: account.SeeInventory, Handle: s.inventory},
	}
}

// perPage is how many endpoints a page lists.
const perPage = 100

// inventoryView is the list of endpoints as shown.
type inventoryView struct {
	Query   url.Values // what the page was asked for
	Found   admin.InventoryPage
	Choices choices
	Page    int
	Now     time.Time
	Listen  string // where to send a first request
}

func (s *room) inventory(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active = "Inventory", "inventory"
	in := r.URL.Query()
	q := admin.InventoryQuery{
		Site: in.Get("site"), Method: in.Get("method"), Lifecycle: in.Get("lifecycle"), Search: in.Get("q"),
		State: inventory.State(in.Get("state")), Auth: inventory.Authentication(in.Get("auth")), Access: inventory.Access(in.Get("access")),
		Sensitive: in.Get("sensitive") != "", Sort: in.Get("sort"), Limit: perPage, Facets: true,
	}
	if q.Sort == "" {
		q.Sort = "template"
	}
	v := inventoryView{Query: in, Now: s.Admin.Now(), Listen: ui.Listen(p.Status), Page: 1}
	if n, err := strconv.Atoi(in.Get("page")); err == nil && n > 1 && n < 1_000_000 {
		v.Page = n
	}
	q.Skip = (v.Page - 1) * perPage
	var err error
	if v.Found, err = s.Admin.Inventory(r.Context(), p.Caller, q); err != nil {
		var input *admin.InputError
		if !errors.As(err, &input) {
			return err
		}
		p.Error = ui.Sentence(err)
	}
	v.Choices = choicesOf(v.Found)
	return ui.Show(w, r, http.StatusOK, inventoryList(p, v))
}

// choices are the values that filters can take.
type choices struct{ Sites, Hosts, Methods, Lifecycles []string }

func choicesOf(found admin.InventoryPage) (c choices) {
	for _, f := range found.Facets {
		for _, v := range f.Values {
			switch f.By.String() {
			case "site":
				c.Sites = append(c.Sites, v.Value)
			case "host":
				c.Hosts = append(c.Hosts, v.Value)
			case "method":
				c.Methods = append(c.Methods, v.Value)
			case "lifecycle":
				c.Lifecycles = append(c.Lifecycles, v.Value)
			}
		}
	}
	return c
}

// with is the address of this list with one thing changed; what is empty is left out, and pages begin anew.
func (v inventoryView) with(key, value string) string {
	q := url.Values{}
	for k, all := range v.Query {
		if len(all) > 0 && all[0] != "" && k != "page" && k != "done" {
			q.Set(k, all[0])
		}
	}
	q.Del(key)
	if value != "" {
		q.Set(key, value)
	}
	if len(q) == 0 {
		return "/inventory"
	}
	return "/inventory?" + q.Encode()
}

func (v inventoryView) pageLink(n int) string { return v.with("page", strconv.Itoa(n)) }

func (v inventoryView) sorted(key string) bool {
	got := v.Query.Get("sort")
	return got == key || got == "" && key == "template"
}

// filtered tells whether anything narrows the list.
func (v inventoryView) filtered() bool {
	for _, k := range []string{"site", "method", "lifecycle", "q", "state", "auth", "access", "sensitive"} {
		if v.Query.Get(k) != "" {
			return true
		}
	}
	return false
}

func (v inventoryView) pages() int { return (v.Found.Total + perPage - 1) / perPage }

func (v inventoryView) span() string {
	from := (v.Page-1)*perPage + 1
	return ui.Count(uint64(from)) + "–" + ui.Count(uint64(from+len(v.Found.Endpoints)-1)) + " of " + ui.Count(uint64(v.Found.Total))
}

// columns of the list; those with a Sort can be sorted by.
type column struct{ Name, Sort, Class, About string }

func columns() []column {
	return []column{
		{"Endpoint", "template", "", "Method and path template"},
		{"State", "", "", "Confirmed by enough independent callers, a candidate, or described and never seen"},
		{"Auth", "", "", "Whether it answered callers without a credential"},
		{"Sensitive", "", "", "Classes of personal or secret data in requests and answers"},
		{"Risk", "risk", "", "0 to 100; the terms stand on the endpoint's page"},
		{"Requests", "requests", "num", "All that came, refused ones too"},
		{"Callers", "callers", "num", "Different callers, estimated: proved principals, and the networks (/24, /48) of everybody else"},
		{"Last seen", "last_seen", "num", "When the last request came"},
	}
}
