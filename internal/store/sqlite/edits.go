package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// PutEndpointEdit stores what people said of an endpoint; an edit that says nothing removes it.
func (c *Change) PutEndpointEdit(e store.EndpointEdit) error {
	if !e.Says() {
		_, err := c.t.exec(`DELETE FROM endpoint_edits WHERE site = ? AND endpoint = ?`, e.Site, e.Endpoint)
		return err
	}
	_, err := c.t.exec(`INSERT INTO endpoint_edits (site, endpoint, node, owner, labels, ignored, template, by, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET owner = excluded.owner, labels = excluded.labels, ignored = excluded.ignored, template = excluded.template,
		by = excluded.by, at = excluded.at`,
		e.Site, e.Endpoint, c.node, e.Owner, words(e.Labels), e.Ignored, e.Template, e.By, c.at.UnixNano())
	return err
}

// EndpointEdits lists all edits by site and endpoint.
func (d *DB) EndpointEdits(ctx context.Context) (out []store.EndpointEdit, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		var e store.EndpointEdit
		var endpoint uint32
		var labels string
		var at int64
		if err := r.Scan(&e.Site, &endpoint, &e.Owner, &labels, &e.Ignored, &e.Template, &e.By, &at); err != nil {
			return err
		}
		e.Endpoint, e.At = identity.EndpointID(endpoint), when(at)
		if e.Labels, err = parseWords(labels); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	}, `SELECT site, endpoint, owner, labels, ignored, template, by, at FROM endpoint_edits ORDER BY site, endpoint`)
	return out, err
}

// keptBatches is how many changes of many endpoints can be taken back.
const keptBatches = 20

// PutEditBatch stores the edits of many endpoints and what they replaced, and forgets the oldest batches. The batch's At is
// filled in here.
func (c *Change) PutEditBatch(b store.EditBatch, edits []store.EndpointEdit) error {
	for i := range edits {
		if err := c.PutEndpointEdit(edits[i]); err != nil {
			return fmt.Errorf("edit of endpoint %d: %w", edits[i].Endpoint, err)
		}
	}
	raw, err := json.Marshal(b.Before)
	if err != nil {
		return err
	}
	if _, err := c.t.exec(`INSERT INTO edit_batches (id, node, at, by, what, count, undone, blob) VALUES (?, ?, ?, ?, ?, ?, 0, ?)`,
		b.ID, c.node, c.at.UnixNano(), b.By, b.What, b.Count, c.packer.pack(raw)); err != nil {
		return err
	}
	_, err = c.t.exec(`DELETE FROM edit_batches WHERE id NOT IN (SELECT id FROM edit_batches ORDER BY at DESC, id DESC LIMIT ?)`, keptBatches)
	return err
}

// UndoEditBatch stores edits in place of what a batch did, once; store.ErrNotFound when it is gone or was taken back.
func (c *Change) UndoEditBatch(id string, edits []store.EndpointEdit) error {
	if err := c.t.affect(`UPDATE edit_batches SET undone = 1 WHERE id = ? AND NOT undone`, id); err != nil {
		return fmt.Errorf("change %q: %w", id, err)
	}
	for i := range edits {
		if err := c.PutEndpointEdit(edits[i]); err != nil {
			return fmt.Errorf("edit of endpoint %d: %w", edits[i].Endpoint, err)
		}
	}
	return nil
}

// EditBatches lists the changes that can be taken back, or were, the latest first.
func (d *DB) EditBatches(ctx context.Context) (out []store.EditBatch, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		var b store.EditBatch
		var at int64
		err := r.Scan(&b.ID, &at, &b.By, &b.What, &b.Count, &b.Undone)
		b.At = when(at)
		out = append(out, b)
		return err
	}, `SELECT id, at, by, what, count, undone FROM edit_batches ORDER BY at DESC, id DESC`)
	return out, err
}

// EditBatch is one of them with what it replaced; store.ErrNotFound when it is gone.
func (d *DB) EditBatch(ctx context.Context, id string) (b store.EditBatch, err error) {
	var at int64
	var blob []byte
	err = diskError(d.readers.QueryRowContext(ctx, `SELECT id, at, by, what, count, undone, blob FROM edit_batches WHERE id = ?`, id).
		Scan(&b.ID, &at, &b.By, &b.What, &b.Count, &b.Undone, &blob))
	if err != nil {
		return b, fmt.Errorf("change %q: %w", id, err)
	}
	b.At = when(at)
	raw, err := d.packer.unpack(blob)
	if err != nil {
		return b, fmt.Errorf("change %q: %w", id, err)
	}
	if err := json.Unmarshal(raw, &b.Before); err != nil {
		return b, fmt.Errorf("change %q: %w: %w", id, store.ErrDamaged, err)
	}
	return b, nil
}
