package client

import (
	"context"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// ListEndpoints walks the endpoints that a filter selects. The filter's members are the query parameters of
// GET /v1/inventory, such as site, owner, lifecycle, q and sort; nil selects all that are not ignored.
func (c *Client) ListEndpoints(ctx context.Context, filter url.Values) iter.Seq2[Endpoint, error] {
	return all[Endpoint](ctx, c, "/v1/inventory", filter)
}

// CountEndpoints is how many endpoints a filter selects, with what each value of each other filter would leave.
func (c *Client) CountEndpoints(ctx context.Context, filter url.Values) (total int, facets []Facet, err error) {
	q := url.Values{}
	maps.Copy(q, filter)
	q.Set("limit", "1")
	q.Set("facets", "true")
	out, err := get[struct {
		Total  int     `json:"total"`
		Facets []Facet `json:"facets"`
	}](ctx, c, "/v1/inventory", q)
	return out.Total, out.Facets, err
}

// Endpoint is one endpoint with all that is known of it. Its Tag goes into EditEndpoint.
func (c *Client) Endpoint(ctx context.Context, id uint64) (Endpoint, error) {
	var e Endpoint
	tag, err := c.tagged(ctx, request{method: http.MethodGet, path: "/v1/inventory/" + number(id)}, &e)
	e.Tag = tag
	return e, err
}

// EditEndpoint says something of an endpoint. With the Tag of the endpoint as it was read it fails with ErrChanged when
// somebody else said something meanwhile; with "" it does not ask.
func (c *Client) EditEndpoint(ctx context.Context, id uint64, tag string, edit EndpointEdit) (Endpoint, error) {
	header := http.Header{}
	if tag != "" {
		header.Set("If-Match", tag)
	}
	var e Endpoint
	tag, err := c.tagged(ctx, request{method: http.MethodPatch, path: "/v1/inventory/" + number(id), in: edit, header: header}, &e)
	e.Tag = tag
	return e, err
}

// GroupEndpoints sums endpoints up by site, host, owner, purpose, segment, label or class.
func (c *Client) GroupEndpoints(ctx context.Context, by string, filter url.Values) iter.Seq2[Group, error] {
	q := url.Values{}
	maps.Copy(q, filter)
	q.Set("by", by)
	return all[Group](ctx, c, "/v1/inventory/groups", q)
}

// EndpointTree is endpoints as a tree over their paths; filter may also have size, lines and depth.
func (c *Client) EndpointTree(ctx context.Context, filter url.Values) (Tree, error) {
	return get[Tree](ctx, c, "/v1/inventory/tree", filter)
}

// ExportInventory is what a filter selects as json, csv or openapi. The caller closes it.
func (c *Client) ExportInventory(ctx context.Context, format string, filter url.Values) (io.ReadCloser, error) {
	q := url.Values{}
	maps.Copy(q, filter)
	q.Set("format", format)
	return c.stream(ctx, "/v1/inventory/export", q)
}

// ListEdits walks the latest changes of many endpoints.
func (c *Client) ListEdits(ctx context.Context) iter.Seq2[EditBatch, error] {
	return all[EditBatch](ctx, c, "/v1/inventory/edits", nil)
}

// PreviewEdit tells what a change of many endpoints would do.
func (c *Client) PreviewEdit(ctx context.Context, edit BulkEdit) (EditPreview, error) {
	return post[EditPreview](ctx, c, "/v1/inventory/edits/preview", edit)
}

// ApplyEdit changes many endpoints, all of them or none: edit.Expect is the preview's Total.
func (c *Client) ApplyEdit(ctx context.Context, edit BulkEdit) (EditBatch, error) {
	return post[EditBatch](ctx, c, "/v1/inventory/edits", edit)
}

// UndoEdit takes a change of many endpoints back; left counts those that somebody has edited since.
func (c *Client) UndoEdit(ctx context.Context, id string) (undone, left int, err error) {
	out, err := post[struct{ Undone, Left int }](ctx, c, "/v1/inventory/edits/"+url.PathEscape(id)+"/undo", nil)
	return out.Undone, out.Left, err
}

// Overview is how exposed the estate is, and what to do next.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	return get[Overview](ctx, c, "/v1/overview", nil)
}

// Changes is what happened to endpoints since a time; the zero time stands for a day ago.
func (c *Client) Changes(ctx context.Context, since time.Time) (Changes, error) {
	q := url.Values{}
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339))
	}
	return get[Changes](ctx, c, "/v1/changes", q)
}

// ListViews walks the filters that are kept under a name; room is inventory, activity or "" for both.
func (c *Client) ListViews(ctx context.Context, room string) iter.Seq2[View, error] {
	q := url.Values{}
	if room != "" {
		q.Set("room", room)
	}
	return all[View](ctx, c, "/v1/views", q)
}

// CreateView keeps a filter under a name.
func (c *Client) CreateView(ctx context.Context, v ViewEdit) (View, error) {
	return post[View](ctx, c, "/v1/views", v)
}

// ChangeView changes a filter's name, query or sharing.
func (c *Client) ChangeView(ctx context.Context, id string, v ViewEdit) (View, error) {
	var out View
	err := c.call(ctx, request{method: http.MethodPut, path: "/v1/views/" + url.PathEscape(id), in: v}, &out)
	return out, err
}

// SetDefaultView says what a room opens with; view is "" for everything.
func (c *Client) SetDefaultView(ctx context.Context, room, view string) error {
	in := map[string]string{"room": room, "view": view}
	return c.call(ctx, request{method: http.MethodPut, path: "/v1/views/default", in: in}, nil)
}

// RemoveView removes a filter.
func (c *Client) RemoveView(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/views/"+url.PathEscape(id))
}
