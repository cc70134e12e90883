package admin

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"merlon/internal/control/admin/estate"
	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Bounds of what people say of an endpoint.
const (
	maxOwner    = 128
	maxLabels   = 16
	maxLabel    = 64
	maxTemplate = 1024
)

// EndpointChange is what somebody says of endpoints; what is nil or empty stays.
type EndpointChange struct {
	Owner *string
	// Labels replaces all; AddLabels and RemoveLabels change some.
	Labels                  *[]string
	AddLabels, RemoveLabels []string
	// Ignored hides from lists and posture, or shows again.
	Ignored *bool
	// Template is the name that the path is shown by, "" for the learned one. Of many endpoints at a time it cannot be said.
	Template *string
	// If, unless nil, has to agree with the endpoint as it is: ErrChanged otherwise. It is no part of what is said.
	If func(*inventory.Endpoint) bool
}

// Says tells whether the change says anything.
func (ch *EndpointChange) Says() bool {
	return ch.Owner != nil || ch.Labels != nil || len(ch.AddLabels) > 0 || len(ch.RemoveLabels) > 0 || ch.Ignored != nil || ch.Template != nil
}

// String says it in words, for the audit log.
func (ch *EndpointChange) String() string {
	var out []string
	if ch.Owner != nil {
		out = append(out, "owner "+*ch.Owner)
	}
	if ch.Labels != nil {
		out = append(out, "labels "+strings.Join(*ch.Labels, " "))
	}
	if len(ch.AddLabels) > 0 {
		out = append(out, "labels added: "+strings.Join(ch.AddLabels, " "))
	}
	if len(ch.RemoveLabels) > 0 {
		out = append(out, "labels removed: "+strings.Join(ch.RemoveLabels, " "))
	}
	if ch.Ignored != nil && *ch.Ignored {
		out = append(out, "ignored")
	} else if ch.Ignored != nil {
		out = append(out, "no longer ignored")
	}
	if ch.Template != nil {
		out = append(out, "shown as "+*ch.Template)
	}
	return strings.Join(out, ", ")
}

// clean checks and orders what was written.
func (ch EndpointChange) clean() (EndpointChange, error) {
	if ch.Owner != nil {
		owner, err := plain("owner", *ch.Owner, maxOwner)
		if err != nil {
			return ch, err
		}
		ch.Owner = &owner
	}
	if ch.Labels != nil {
		labels, err := cleanLabels(*ch.Labels)
		if err != nil {
			return ch, err
		}
		ch.Labels = &labels
	}
	var err error
	if ch.AddLabels, err = cleanLabels(ch.AddLabels); err != nil {
		return ch, err
	}
	if ch.RemoveLabels, err = cleanLabels(ch.RemoveLabels); err != nil {
		return ch, err
	}
	if ch.Template != nil {
		template, err := plain("template", *ch.Template, maxTemplate)
		if err == nil && template != "" && (template[0] != '/' || strings.ContainsAny(template, " ?#")) {
			err = wrong("template", "write a path such as /orders/{id}, or nothing for the learned one")
		}
		if err != nil {
			return ch, err
		}
		ch.Template = &template
	}
	return ch, nil
}

// over is the edit of an endpoint after the change.
func (ch *EndpointChange) over(e *inventory.Endpoint) (store.EndpointEdit, error) {
	edit := store.EndpointEdit{Site: e.Site, Endpoint: e.ID, Owner: e.Owner, Labels: e.Labels, Ignored: e.Ignored}
	learned := e.Template
	if e.Learned != "" {
		learned, edit.Template = e.Learned, e.Template
	}
	if ch.Owner != nil {
		edit.Owner = *ch.Owner
	}
	if ch.Labels != nil {
		edit.Labels = *ch.Labels
	}
	if len(ch.AddLabels)+len(ch.RemoveLabels) > 0 {
		edit.Labels = slices.Concat(edit.Labels, ch.AddLabels)
		slices.Sort(edit.Labels)
		edit.Labels = slices.DeleteFunc(slices.Compact(edit.Labels), func(l string) bool { return slices.Contains(ch.RemoveLabels, l) })
		if len(edit.Labels) > maxLabels {
			return edit, wrong("labels", "%s %s would have more than %d", e.Method, e.Template, maxLabels)
		}
	}
	if ch.Ignored != nil {
		edit.Ignored = *ch.Ignored
	}
	if ch.Template != nil {
		if edit.Template = *ch.Template; edit.Template == learned {
			edit.Template = ""
		}
	}
	return edit, nil
}

// EditEndpoint says whose an endpoint is and how it is labelled; both replace what was said before.
func (a *Admin) EditEndpoint(ctx context.Context, c Caller, id identity.EndpointID, owner string, labels []string) (inventory.Endpoint, error) {
	return a.ChangeEndpoint(ctx, c, id, EndpointChange{Owner: &owner, Labels: &labels})
}

// ChangeEndpoint says something of one endpoint, and returns it as it is then.
func (a *Admin) ChangeEndpoint(ctx context.Context, c Caller, id identity.EndpointID, ch EndpointChange) (inventory.Endpoint, error) {
	if err := c.Admit(account.EditInventory); err != nil {
		return inventory.Endpoint{}, err
	}
	ch, err := ch.clean()
	if err != nil {
		return inventory.Endpoint{}, err
	}
	a.editing.Lock() // over reading and writing, so that what is shown is what was stored last
	defer a.editing.Unlock()
	e, ok := a.current().Endpoint(id)
	if !ok || c.NeedAt(account.EditInventory, e.Site) != nil {
		return inventory.Endpoint{}, ErrNotFound
	}
	if ch.If != nil && !ch.If(e) {
		return inventory.Endpoint{}, ErrChanged
	}
	edit, err := ch.over(e)
	if err != nil {
		return inventory.Endpoint{}, err
	}
	edit.By, edit.At = c.Name, a.o.Now()
	entry := c.Entry("endpoint.edit", e.Method+" "+e.Template, ch.String())
	if err := a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.PutEndpointEdit(edit) }); err != nil {
		return inventory.Endpoint{}, err
	}
	a.lay([]store.EndpointEdit{edit})
	if e, ok = a.current().Endpoint(id); !ok {
		return inventory.Endpoint{}, ErrNotFound
	}
	return *e, nil
}

// lay puts stored edits over the inventory.
func (a *Admin) lay(edits []store.EndpointEdit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range edits {
		a.edits[estate.Edited{Site: e.Site, ID: e.Endpoint}] = e
	}
	a.stale = true
}

func cleanLabels(labels []string) ([]string, error) {
	var out []string
	for _, l := range labels {
		l, err := plain("labels", l, maxLabel)
		if err != nil {
			return nil, err
		}
		if strings.ContainsFunc(l, unicode.IsSpace) || strings.Contains(l, ",") || l == estate.None {
			return nil, wrong("labels", "write each label without spaces and commas")
		}
		if l != "" && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	if len(out) > maxLabels {
		return nil, wrong("labels", "use at most %d", maxLabels)
	}
	slices.Sort(out)
	return out, nil
}

// plain is one line of text as people write it: trimmed, bounded, without control characters.
func plain(field, s string, limit int) (string, error) {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
	if len(s) > limit {
		return "", wrong(field, "use at most %d bytes", limit)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
		return "", wrong(field, "write one line of plain text")
	}
	return s, nil
}
