package admin

import (
	"context"
	"errors"
	"io"

	"merlon/internal/control/admin/estate"
	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// MaxPage is the longest page of a list.
const MaxPage = estate.MaxPage

// What people ask of the inventory, and what they get.
type (
	InventoryQuery = estate.Query
	InventoryPage  = estate.Page
	TreeQuery      = estate.TreeQuery
	Format         = estate.Format
)

// The formats of an export.
const (
	FormatJSON    = estate.JSON
	FormatCSV     = estate.CSV
	FormatOpenAPI = estate.OpenAPI
)

// Formats lists them.
func Formats() []Format { return estate.Formats() }

// Sorts are the orders of a list; all but id and template begin with the largest.
func Sorts() []string { return estate.Sorts() }

// current is the index over the latest inventory; nil before the first distillation. It is made anew only when the
// inventory or an edit changed, and never changed itself.
func (a *Admin) current() *estate.Index {
	v := a.o.Inventory()
	if v == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.index == nil || a.index.Of() != v || a.stale {
		a.index, a.stale = estate.New(v, a.edits, a.index), false
	}
	return a.index
}

// input makes a query's mistake a mistake of the caller's.
func input(err error) error {
	var w *estate.Wrong
	if errors.As(err, &w) {
		return &InputError{Field: w.Field, Err: w.Err}
	}
	return err
}

// look lets a caller ask for endpoints, and leaves out the sites that are none of theirs.
func look(c Caller, q *InventoryQuery) error {
	q.Within = c.Sites // beside a site, too: what counts the other choices leaves that filter out
	if q.Site != "" {
		return c.NeedAt(account.SeeInventory, q.Site)
	}
	return c.Admit(account.SeeInventory)
}

// Inventory lists endpoints.
func (a *Admin) Inventory(_ context.Context, c Caller, q InventoryQuery) (InventoryPage, error) {
	if err := look(c, &q); err != nil {
		return InventoryPage{}, err
	}
	page, err := a.current().List(q, a.o.Now())
	return page, input(err)
}

// Groups sums endpoints up by a property: estate.GroupDims.
func (a *Admin) Groups(_ context.Context, c Caller, q InventoryQuery, by estate.Dim) (estate.Groups, error) {
	if err := look(c, &q); err != nil {
		return estate.Groups{}, err
	}
	groups, err := a.current().Groups(q, by, a.o.Now())
	return groups, input(err)
}

// Tree draws endpoints as a tree over their paths.
func (a *Admin) Tree(_ context.Context, c Caller, q TreeQuery) (estate.Tree, error) {
	if err := look(c, &q.Query); err != nil {
		return estate.Tree{}, err
	}
	tree, err := a.current().Tree(q, a.o.Now())
	return tree, input(err)
}

// Endpoint shows one endpoint with all that is known of it, by any id it ever had.
func (a *Admin) Endpoint(_ context.Context, c Caller, id identity.EndpointID) (inventory.Endpoint, error) {
	if err := c.Admit(account.SeeInventory); err != nil {
		return inventory.Endpoint{}, err
	}
	e, ok := a.current().Endpoint(id)
	if !ok || c.NeedAt(account.SeeInventory, e.Site) != nil {
		return inventory.Endpoint{}, ErrNotFound
	}
	return *e, nil
}

// ExportInventory is all endpoints of a site that are not ignored, with all that is known of each; site may be "" where it
// does not matter (csv, json), or where there is one site.
func (a *Admin) ExportInventory(ctx context.Context, c Caller, f Format, site string) (inventory.Inventory, error) {
	return a.ExportFound(ctx, c, f, InventoryQuery{Site: site})
}

// ExportFound is the endpoints that a query selects, with all that is known of each. An OpenAPI document describes one site.
func (a *Admin) ExportFound(_ context.Context, c Caller, f Format, q InventoryQuery) (inventory.Inventory, error) {
	if err := look(c, &q); err != nil {
		return inventory.Inventory{}, err
	}
	x := a.current()
	if x == nil {
		return inventory.Inventory{}, ErrNotFound
	}
	v, err := x.Export(f, q, a.o.Now())
	return v, input(err)
}

// Export writes an inventory. An OpenAPI document is made of its first site; callers choose one.
func Export(w io.Writer, f Format, v inventory.Inventory) error {
	if f == FormatOpenAPI && len(v.Sites) == 0 {
		return ErrNotFound
	}
	return estate.Write(w, f, v)
}
