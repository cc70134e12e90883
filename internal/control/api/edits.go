package api

import (
	"net/http"
	"net/url"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/control/api/query"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// bulkEdit is a change of many endpoints: those with these ids, or, where there are none, all that a filter selects.
type bulkEdit struct {
	IDs []identity.EndpointID `json:"ids,omitempty"`
	// Filter is a filter of GET /v1/inventory as the query of an address; "" selects everything that is not ignored.
	Filter string       `json:"filter,omitempty"`
	Change endpointEdit `json:"change"`
	// Expect is the total that the preview told; making the change fails when it is another by now.
	Expect int `json:"expect,omitempty"`
}

func (b *bulkEdit) selection() (admin.Selection, error) {
	out := admin.Selection{IDs: b.IDs}
	values, err := url.ParseQuery(b.Filter)
	q := &query.Query{Values: values}
	if err != nil {
		q.Wrong("filter", "write it as the query of an address, such as owner=-&state=confirmed")
	}
	for name, all := range values {
		if !estate.Known(name) || len(all) > 1 || len(b.IDs) > 0 {
			q.Wrong("filter", "use each parameter of GET /v1/inventory once, and no ids beside it")
		}
	}
	out.Query = q.Filter()
	return out, q.Err
}

// editPreview is what a change would do.
type editPreview struct {
	Total   int                  `json:"total"`   // endpoints selected
	Changed int                  `json:"changed"` // that would be other than they are
	Sample  []inventory.Endpoint `json:"sample"`  // the first that would change, as they would be
	What    string               `json:"what"`
}

func (s *server) previewEdits(w http.ResponseWriter, r *ask) error {
	var in bulkEdit
	if err := read(r, &in); err != nil {
		return err
	}
	which, err := in.selection()
	if err != nil {
		return err
	}
	p, err := s.Admin.PreviewEdits(r.Context(), r.caller, which, in.Change.change())
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, editPreview{p.Total, p.Changed, each(p.Sample, func(e inventory.Endpoint) inventory.Endpoint { return e }), p.What})
}

func (s *server) applyEdits(w http.ResponseWriter, r *ask) error {
	var in bulkEdit
	if err := read(r, &in); err != nil {
		return err
	}
	which, err := in.selection()
	if err != nil {
		return err
	}
	b, err := s.Admin.ApplyEdits(r.Context(), r.caller, which, in.Change.change(), in.Expect)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusCreated, b)
}

func (s *server) edits(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.EditBatches(r.Context(), r.caller)
	if err != nil {
		return err
	}
	out, err := pageOf(r.query, all, func(b *admin.EditBatch) string { return b.ID }, same)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

// undone is what taking a change back did.
type undone struct {
	Undone int `json:"undone"`
	Left   int `json:"left"` // that somebody has edited since
}

func (s *server) undoEdits(w http.ResponseWriter, r *ask) error {
	n, left, err := s.Admin.UndoEdits(r.Context(), r.caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, undone{n, left})
}

// viewEdit is a filter that is kept under a name.
type viewEdit struct {
	Room   string `json:"room,omitempty"` // inventory or activity
	Name   string `json:"name"`
	Query  string `json:"query"` // of the room's address
	Shared bool   `json:"shared,omitempty"`
}

func (s *server) views(w http.ResponseWriter, r *ask) error {
	room := r.query.Word("room", admin.Rooms()...)
	var all []admin.View
	for _, known := range admin.Rooms() {
		if room != "" && room != known {
			continue
		}
		views, err := s.Admin.Views(r.Context(), r.caller, known)
		if err != nil {
			return err
		}
		all = append(all, views...)
	}
	out, err := pageOf(r.query, all, func(v *admin.View) string { return v.ID }, same)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

func (s *server) createView(w http.ResponseWriter, r *ask) error {
	return s.saveView(w, r, "", http.StatusCreated)
}

func (s *server) changeView(w http.ResponseWriter, r *ask) error {
	return s.saveView(w, r, r.PathValue("id"), http.StatusOK)
}

func (s *server) saveView(w http.ResponseWriter, r *ask, id string, status int) error {
	var in viewEdit
	if err := read(r, &in); err != nil {
		return err
	}
	v, err := s.Admin.SaveView(r.Context(), r.caller, admin.View{ID: id, Room: in.Room, Name: in.Name, Query: in.Query, Shared: in.Shared})
	if err != nil {
		return err
	}
	return write(w, r, status, v)
}

func (s *server) removeView(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.RemoveView(r.Context(), r.caller, r.PathValue("id")))
}

// openWith says what a room opens with.
type openWith struct {
	Room string `json:"room"`
	View string `json:"view"` // "" for everything
}

func (s *server) openWith(w http.ResponseWriter, r *ask) error {
	var in openWith
	if err := read(r, &in); err != nil {
		return err
	}
	return done(w, s.Admin.OpenWith(r.Context(), r.caller, in.Room, in.View))
}
