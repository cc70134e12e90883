package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"merlon/internal/control/admin/estate"
	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// ErrChanged: what would be changed is not what was looked at.
var ErrChanged = errors.New("the selection has changed since you looked: look at it again")

// Selection is the endpoints with these ids, or, where there are none, all that a query selects.
type Selection struct {
	IDs   []identity.EndpointID
	Query InventoryQuery
}

// maxIDs bounds the ids of a selection.
const maxIDs = 2 * MaxPage

// BulkPreview is what a change would do.
type BulkPreview struct {
	// Total counts the endpoints selected, Changed those that would be other than they are.
	Total, Changed int
	// Sample are the first that would change, as they would be, without Detail.
	Sample []inventory.Endpoint
	What   string // in words
}

// EditBatch is a change of many endpoints that was made.
type EditBatch struct {
	ID   string    `json:"id"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	What string    `json:"what"`
	// Count is how many endpoints it changed. Undone: it was taken back.
	Count  int  `json:"count"`
	Undone bool `json:"undone"`
}

const sampleSize = 8

// PreviewEdits tells what a change would do to a selection. A change that says nothing is no mistake here.
func (a *Admin) PreviewEdits(_ context.Context, c Caller, s Selection, ch EndpointChange) (BulkPreview, error) {
	edits, _, p, err := a.bulk(c, s, ch)
	p.Changed = len(edits)
	return p, err
}

// bulk works a change out: the edits after it, those before it, and what is told of it.
func (a *Admin) bulk(c Caller, s Selection, ch EndpointChange) (after, before []store.EndpointEdit, p BulkPreview, err error) {
	if err = c.Admit(account.EditInventory); err != nil {
		return nil, nil, p, err
	}
	if ch, err = ch.clean(); err != nil {
		return nil, nil, p, err
	}
	if ch.Template != nil {
		return nil, nil, p, wrong("template", "name one endpoint at a time")
	}
	p.What = ch.String()
	visit := func(e *inventory.Endpoint) error {
		p.Total++
		if !ch.Says() {
			return nil
		}
		edit, err := ch.over(e)
		if err != nil || edit.Owner == e.Owner && edit.Ignored == e.Ignored && slices.Equal(edit.Labels, e.Labels) {
			return err
		}
		if len(p.Sample) < sampleSize {
			shown := *e
			shown.Owner, shown.Labels, shown.Ignored, shown.Detail = edit.Owner, edit.Labels, edit.Ignored, nil
			p.Sample = append(p.Sample, shown)
		}
		edit.By = c.Name
		after = append(after, edit)
		before = append(before, store.EndpointEdit{Site: e.Site, Endpoint: e.ID})
		return nil
	}
	if len(s.IDs) == 0 {
		if err = look(c, &s.Query); err == nil {
			err = input(a.current().Each(s.Query, a.o.Now(), visit))
		}
		return after, before, p, err
	}
	if len(s.IDs) > maxIDs {
		return nil, nil, p, wrong("id", "name at most %d endpoints, or all that a filter leaves", maxIDs)
	}
	x, seen := a.current(), make(map[identity.EndpointID]bool, len(s.IDs))
	for _, id := range s.IDs {
		e, ok := x.Endpoint(id)
		if !ok || c.NeedAt(account.EditInventory, e.Site) != nil || seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		if err = visit(e); err != nil {
			return nil, nil, p, err
		}
	}
	return after, before, p, nil
}

// ApplyEdits makes a change of a selection, all of it or nothing. expect is the Total that was looked at: ErrChanged when
// it is another by now.
func (a *Admin) ApplyEdits(ctx context.Context, c Caller, s Selection, ch EndpointChange, expect int) (EditBatch, error) {
	if err := c.Admit(account.EditInventory); err != nil {
		return EditBatch{}, err
	}
	if !ch.Says() {
		return EditBatch{}, wrong("change", "say what should change")
	}
	a.editing.Lock()
	defer a.editing.Unlock()
	after, before, p, err := a.bulk(c, s, ch)
	switch {
	case err != nil:
		return EditBatch{}, err
	case p.Total != expect:
		return EditBatch{}, ErrChanged
	case len(after) == 0:
		return EditBatch{}, wrong("change", "nothing would change: all of them are that way already")
	}
	now := a.o.Now()
	a.mu.Lock()
	for i := range after {
		after[i].At = now
		if was, ok := a.edits[estate.Edited{Site: before[i].Site, ID: before[i].Endpoint}]; ok {
			before[i] = was
		}
	}
	a.mu.Unlock()
	id, err := a.newID(now)
	if err != nil {
		return EditBatch{}, err
	}
	b := store.EditBatch{ID: id, By: c.Name, What: p.What, Count: len(after), Before: before}
	entry := c.Entry("endpoints.edit", countOf(len(after)), p.What+"; change "+id)
	if err := a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.PutEditBatch(b, after) }); err != nil {
		return EditBatch{}, err
	}
	a.lay(after)
	return EditBatch{ID: id, By: c.Name, At: now, What: p.What, Count: len(after)}, nil
}

// UndoEdits takes a change back: each endpoint gets what was said of it before, but for those that somebody edited since,
// which are counted in left.
func (a *Admin) UndoEdits(ctx context.Context, c Caller, id string) (undone, left int, err error) {
	if err := c.Need(account.EditInventory); err != nil {
		return 0, 0, err
	}
	a.editing.Lock()
	defer a.editing.Unlock()
	b, err := a.o.Store.EditBatch(ctx, id)
	if err != nil {
		return 0, 0, found(err)
	}
	if b.Undone {
		return 0, 0, ErrNotFound
	}
	back := make([]store.EndpointEdit, 0, len(b.Before))
	a.mu.Lock()
	for _, e := range b.Before {
		if now, ok := a.edits[estate.Edited{Site: e.Site, ID: e.Endpoint}]; ok && now.At.After(b.At) {
			left++
			continue
		}
		back = append(back, e)
	}
	a.mu.Unlock()
	entry := c.Entry("endpoints.undo", countOf(len(back)), fmt.Sprintf("change %s of %s: %s", b.ID, b.By, b.What))
	if err := a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.UndoEditBatch(id, back) }); err != nil {
		return 0, 0, found(err)
	}
	for i := range back {
		back[i].At = a.o.Now()
	}
	a.lay(back)
	return len(back), left, nil
}

// EditBatches lists the latest changes of many endpoints, the newest first.
func (a *Admin) EditBatches(ctx context.Context, c Caller) ([]EditBatch, error) {
	if err := c.Need(account.EditInventory); err != nil {
		return nil, err
	}
	rows, err := a.o.Store.EditBatches(ctx)
	out := make([]EditBatch, 0, len(rows))
	for _, b := range rows {
		out = append(out, EditBatch{b.ID, b.By, b.At, b.What, b.Count, b.Undone})
	}
	return out, err
}

func countOf(n int) string {
	if n == 1 {
		return "1 endpoint"
	}
	return fmt.Sprintf("%d endpoints", n)
}
