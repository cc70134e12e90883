package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// MaxPage is the longest page of a list.
const MaxPage = 500

// maxSearch bounds the text of a search, in bytes.
const maxSearch = 256

// InventoryQuery selects endpoints. Zero fields select everything.
type InventoryQuery struct {
	Site, Host, Method, Purpose string
	State                       inventory.State
	Auth                        inventory.Authentication
	Access                      inventory.Access
	Lifecycle                   string // one of the endpoint's badges
	Sensitive                   bool   // only those with sensitive data
	Search                      string // words, all of which stand somewhere in method, template, host, owner, labels
	// Sort is one of Sorts, "id" when empty.
	Sort string
	// After is the id after which a page begins, in the order asked for; Skip leaves endpoints out from there.
	After identity.EndpointID
	Skip  int
	// Limit is at most MaxPage, which is also the default.
	Limit int
}

// Sorts are the orders of a list; all but id and template begin with the largest.
func Sorts() []string {
	return []string{"id", "template", "risk", "requests", "callers", "last_seen", "first_seen"}
}

func compare(order string) func(a, b *entry) int {
	var by func(a, b *entry) int
	switch order {
	case "", "id":
		by = func(*entry, *entry) int { return 0 }
	case "template":
		by = func(a, b *entry) int {
			return cmp.Or(strings.Compare(a.Site, b.Site), strings.Compare(a.Host, b.Host), strings.Compare(a.Template, b.Template), strings.Compare(a.Method, b.Method))
		}
	case "risk":
		by = func(a, b *entry) int {
			return cmp.Or(cmp.Compare(b.Risk.Score, a.Risk.Score), cmp.Compare(b.Requests, a.Requests))
		}
	case "requests":
		by = func(a, b *entry) int { return cmp.Compare(b.Requests, a.Requests) }
	case "callers":
		by = func(a, b *entry) int { return cmp.Compare(b.Callers, a.Callers) }
	case "last_seen":
		by = func(a, b *entry) int { return b.LastSeen.Compare(a.LastSeen) }
	case "first_seen":
		by = func(a, b *entry) int { return b.FirstSeen.Compare(a.FirstSeen) }
	default:
		return nil
	}
	return func(a, b *entry) int { return cmp.Or(by(a, b), cmp.Compare(a.ID, b.ID)) }
}

// InventoryPage is a part of a list.
type InventoryPage struct {
	Version uint64
	At      time.Time // event time of the newest evidence
	// Endpoints are without Detail.
	Endpoints []inventory.Endpoint
	// Total counts all that the query selects, All those there are.
	Total, All int
	// More: the list goes on after the last endpoint.
	More bool
	// Choices are the values that filters can take, in the whole inventory.
	Choices Choices
}

// Choices are what there is to choose from.
type Choices struct{ Sites, Hosts, Methods, Lifecycles []string }

// Inventory lists endpoints.
func (a *Admin) Inventory(_ context.Context, c Caller, q InventoryQuery) (InventoryPage, error) {
	if err := c.Need(account.SeeInventory); err != nil {
		return InventoryPage{}, err
	}
	order := compare(q.Sort)
	switch {
	case order == nil:
		return InventoryPage{}, wrong("sort", "use one of %s", strings.Join(Sorts(), ", "))
	case len(q.Search) > maxSearch:
		return InventoryPage{}, wrong("q", "use at most %d bytes", maxSearch)
	case q.Limit < 0 || q.Limit > MaxPage:
		return InventoryPage{}, wrong("limit", "use 1 to %d", MaxPage)
	case q.Skip < 0:
		return InventoryPage{}, wrong("skip", "use 0 or more")
	}
	if q.Limit == 0 {
		q.Limit = MaxPage
	}
	x := a.current()
	page := InventoryPage{Endpoints: []inventory.Endpoint{}}
	if x == nil {
		return page, nil
	}
	page.Version, page.At, page.All, page.Choices = x.of.Version, x.of.At, len(x.entries), x.choices()
	found := x.search(q)
	slices.SortFunc(found, order)
	page.Total = len(found)
	if q.After != 0 {
		var err error
		if found, err = x.after(found, q, order); err != nil {
			return page, err
		}
	}
	found = found[min(q.Skip, len(found)):]
	page.More = len(found) > q.Limit
	for _, e := range found[:min(q.Limit, len(found))] {
		endpoint := e.Endpoint
		endpoint.Detail = nil
		page.Endpoints = append(page.Endpoints, endpoint)
	}
	return page, nil
}

// after leaves out what stands up to q.After, which may have left the selection meanwhile but not the inventory.
func (x *index) after(found []*entry, q InventoryQuery, order func(a, b *entry) int) ([]*entry, error) {
	mark, ok := x.find(q.After)
	if !ok {
		if q.Sort != "" && q.Sort != "id" {
			return nil, wrong("cursor", "that endpoint is gone: begin again without a cursor")
		}
		mark = &entry{Endpoint: inventory.Endpoint{ID: q.After}}
	}
	from, exact := slices.BinarySearchFunc(found, mark, order)
	if exact {
		from++
	}
	return found[from:], nil
}

func (x *index) search(q InventoryQuery) []*entry {
	words := strings.Fields(strings.ToLower(q.Search))
	out := make([]*entry, 0, len(x.entries))
next:
	for i := range x.entries {
		e := &x.entries[i]
		if q.Site != "" && e.Site != q.Site || q.Host != "" && e.Host != q.Host || q.Method != "" && e.Method != q.Method ||
			q.Purpose != "" && e.Purpose != q.Purpose || q.State != "" && e.State != q.State || q.Auth != "" && e.Auth != q.Auth ||
			q.Access != "" && e.Access != q.Access || q.Sensitive && len(e.Sensitive) == 0 ||
			q.Lifecycle != "" && !slices.Contains(e.Lifecycle, q.Lifecycle) {
			continue
		}
		for _, w := range words {
			if !strings.Contains(e.text, w) {
				continue next
			}
		}
		out = append(out, e)
	}
	return out
}

// maxChoices bounds how many values a filter offers; search finds the others.
const maxChoices = 100

func (x *index) choices() Choices {
	var c Choices
	add := func(to *[]string, s string) {
		if at, ok := slices.BinarySearch(*to, s); s != "" && !ok && len(*to) < maxChoices {
			*to = slices.Insert(*to, at, s)
		}
	}
	for i := range x.entries {
		e := &x.entries[i]
		add(&c.Sites, e.Site)
		add(&c.Hosts, e.Host)
		add(&c.Methods, e.Method)
		for _, l := range e.Lifecycle {
			add(&c.Lifecycles, l)
		}
	}
	return c
}

// Endpoint shows one endpoint with all that is known of it, by any id it ever had.
func (a *Admin) Endpoint(_ context.Context, c Caller, id identity.EndpointID) (inventory.Endpoint, error) {
	if err := c.Need(account.SeeInventory); err != nil {
		return inventory.Endpoint{}, err
	}
	e, ok := a.current().find(id)
	if !ok {
		return inventory.Endpoint{}, ErrNotFound
	}
	return e.Endpoint, nil
}
