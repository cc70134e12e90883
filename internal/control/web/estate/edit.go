package estate

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"merlon/internal/control/admin"
	index "merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/identity"
)

// editView is the form that changes many endpoints, and what it would do.
type editView struct {
	IDs     []string // what was picked; none for all that the query selects
	Query   string   // of the address
	Back    string
	Preview admin.BulkPreview
	Said    bool // the form says something
	Form    url.Values
}

// about is how much the form is about.
func (v *editView) about() string { return ui.Plural(v.Preview.Total, "endpoint", "endpoints") }

// edit shows the form: what it is about stands in the address.
func (s *room) edit(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	v, sel, err := s.editOf(r.URL.Query(), r.URL.Query())
	if err == nil {
		v.Preview, err = s.Admin.PreviewEdits(r.Context(), p.Caller, sel, admin.EndpointChange{})
	}
	if err != nil {
		return err
	}
	return showEdit(w, r, p, http.StatusOK, v)
}

func showEdit(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, v editView) error {
	p.Title, p.Active = "Edit "+v.about(), "inventory"
	return ui.Show(w, r, status, editPage(p, v))
}

// editOf reads what an edit is about, out of the address of the form or the fields that keep it.
func (s *room) editOf(address, form url.Values) (v editView, sel admin.Selection, err error) {
	v = editView{Back: "/inventory?view=all", Form: form}
	if back := address.Get("back"); strings.HasPrefix(back, "/inventory") && ui.Within(back) == back {
		v.Back = back
	}
	if address.Get("all") == "" {
		v.IDs = address["id"]
		if len(v.IDs) == 0 {
			return v, sel, &admin.InputError{Field: "endpoints", Err: errors.New("pick one at least")}
		}
		for _, text := range v.IDs {
			id, err := strconv.ParseUint(text, 10, 32)
			if err != nil || id == 0 {
				return v, sel, &admin.InputError{Field: "endpoints", Err: errors.New("one of them has no id of an endpoint")}
			}
			sel.IDs = append(sel.IDs, identity.EndpointID(id))
		}
		return v, sel, nil
	}
	q, err := index.Parse(address)
	if err != nil {
		return v, sel, mistake(err)
	}
	sel.Query = q
	v.Query = q.Values().Encode()
	return v, sel, nil
}

// changeOf is what the form says.
func changeOf(form url.Values) (ch admin.EndpointChange) {
	switch owner, set := form.Get("owner"), form.Get("set-owner"); {
	case set == "clear":
		none := ""
		ch.Owner = &none
	case set == "set" || owner != "": // who writes a name means it
		ch.Owner = &owner
	}
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	}
	ch.AddLabels, ch.RemoveLabels = split(form.Get("add")), split(form.Get("remove"))
	switch form.Get("ignore") {
	case "yes":
		yes := true
		ch.Ignored = &yes
	case "no":
		no := false
		ch.Ignored = &no
	}
	return ch
}

// apply shows what the form would do, and does it when that was seen.
func (s *room) apply(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	in := r.PostForm
	address, err := url.ParseQuery(in.Get("query"))
	if err != nil {
		return &admin.InputError{Field: "query", Err: errors.New("it is not well formed")}
	}
	address.Set("back", in.Get("back"))
	if ids := in["id"]; len(ids) > 0 {
		address["id"] = ids
		address.Del("all")
	} else {
		address.Set("all", "1")
	}
	v, sel, err := s.editOf(address, in)
	if err != nil {
		return err
	}
	ch := changeOf(in)
	v.Said = ch.Says()
	if in.Get("do") == "apply" {
		expect, _ := strconv.Atoi(in.Get("expect"))
		b, err := s.Admin.ApplyEdits(r.Context(), p.Caller, sel, ch, expect)
		if err == nil {
			http.Redirect(w, r, withParam(v.Back, "batch", b.ID), http.StatusSeeOther)
			return nil
		}
		if errors.Is(err, admin.ErrChanged) {
			p.Error = ui.Sentence(err)
		} else if _, ok := ui.Refused(w, p, err); !ok {
			return err
		}
	}
	status := http.StatusOK
	if v.Preview, err = s.Admin.PreviewEdits(r.Context(), p.Caller, sel, ch); err != nil {
		refused, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		status, v.Said = refused, false
		if v.Preview, err = s.Admin.PreviewEdits(r.Context(), p.Caller, sel, admin.EndpointChange{}); err != nil {
			return err
		}
	}
	return showEdit(w, r, p, status, v)
}

// withParam adds a parameter to an address of this UI.
func withParam(path, name, value string) string {
	u, err := url.Parse(path)
	if err != nil {
		return "/inventory"
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// batch is a change that was just made, for the notice that can take it back; nil when it was taken back.
func (s *room) batch(r *http.Request, p *ui.Page, id string) (*admin.EditBatch, error) {
	all, err := s.Admin.EditBatches(r.Context(), p.Caller)
	for i := range all {
		if all[i].ID == id && !all[i].Undone {
			return &all[i], err
		}
	}
	return nil, err
}

// changesView is the list of changes that can be taken back.
type changesView struct{ Batches []admin.EditBatch }

func (s *room) changes(w http.ResponseWriter, r *http.Request, p *ui.Page) (err error) {
	p.Title, p.Active = "Changes", "inventory"
	if n, err := strconv.Atoi(r.URL.Query().Get("undone")); err == nil {
		p.Notice = ui.Plural(n, "endpoint is", "endpoints are") + " as before."
		if left, err := strconv.Atoi(r.URL.Query().Get("left")); err == nil && left > 0 {
			p.Notice += " " + ui.Plural(left, "was", "were") + " edited since, and left alone."
		}
	}
	v := changesView{}
	if v.Batches, err = s.Admin.EditBatches(r.Context(), p.Caller); err != nil {
		return err
	}
	return ui.Show(w, r, http.StatusOK, changesPage(p, v))
}

func (s *room) undo(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	undone, left, err := s.Admin.UndoEdits(r.Context(), p.Caller, r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/inventory/changes?undone="+itoa(undone)+"&left="+itoa(left), http.StatusSeeOther)
	return nil
}
