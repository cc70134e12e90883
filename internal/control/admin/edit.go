package admin

import (
	"context"
	"slices"
	"strings"

	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Bounds of what people say of an endpoint.
const (
	maxOwner  = 128
	maxLabels = 16
	maxLabel  = 64
)

// EditEndpoint says whose an endpoint is and how it is labelled; both replace what was said before.
func (a *Admin) EditEndpoint(ctx context.Context, c Caller, id identity.EndpointID, owner string, labels []string) (inventory.Endpoint, error) {
	if err := c.Need(account.EditInventory); err != nil {
		return inventory.Endpoint{}, err
	}
	owner, err := plain("owner", owner, maxOwner)
	if err != nil {
		return inventory.Endpoint{}, err
	}
	if labels, err = cleanLabels(labels); err != nil {
		return inventory.Endpoint{}, err
	}
	e, ok := a.current().find(id)
	if !ok {
		return inventory.Endpoint{}, ErrNotFound
	}
	edit := store.EndpointEdit{Site: e.Site, Endpoint: e.ID, Owner: owner, Labels: labels, By: c.Name, At: a.o.Now()}
	entry := c.audit("endpoint.edit", e.Method+" "+e.Template, "owner "+owner+", labels "+strings.Join(labels, " "))
	// The lock is held over both, so that what is shown is what was stored last.
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.PutEndpointEdit(edit) }); err != nil {
		return inventory.Endpoint{}, err
	}
	a.edits[edited{e.Site, e.ID}] = edit
	a.index = nil
	out := e.Endpoint
	out.Owner, out.Labels = owner, labels
	return out, nil
}

func cleanLabels(labels []string) ([]string, error) {
	var out []string
	for _, l := range labels {
		l, err := plain("labels", l, maxLabel)
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(l, " ,") {
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
