package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// View is a query of a room that somebody keeps under a name.
type View struct {
	ID      string    `json:"id"`
	Account string    `json:"account"` // whose it is
	Room    string    `json:"room"`    // one of Rooms
	Name    string    `json:"name"`
	Query   string    `json:"query"` // of the room's address, without "?"
	Shared  bool      `json:"shared"`
	At      time.Time `json:"at"`
	Default bool      `json:"default"` // the room opens with it, for the caller
	Own     bool      `json:"own"`     // the caller's: may be renamed and removed
}

// Rooms are those that have views.
func Rooms() []string { return []string{"inventory", "activity"} }

// Bounds of views.
const (
	maxViews     = 100 // of one account, in all rooms
	maxViewName  = 64
	maxViewQuery = 2048
)

func viewOf(c Caller, v store.View) View {
	return View{v.ID, v.Account, v.Room, v.Name, v.Query, v.Shared, v.At, v.Default, v.Account == viewer(c)}
}

// viewer is the name that a caller's views stand under; a token's name is no account's.
func viewer(c Caller) string {
	if c.Machine {
		return "token:" + c.Name
	}
	return c.Name
}

// Views lists the caller's views of a room and those that others share, the caller's own first.
func (a *Admin) Views(ctx context.Context, c Caller, room string) ([]View, error) {
	if err := c.Need(account.EditViews); err != nil {
		return nil, err
	}
	rows, err := a.o.Store.Views(ctx, viewer(c), room)
	out := make([]View, 0, len(rows))
	for _, v := range rows {
		out = append(out, viewOf(c, v))
	}
	return out, err
}

// SaveView keeps a query under a name. With an id it changes name, query and sharing of that view of the caller's; an
// empty query then leaves the query as it is.
func (a *Admin) SaveView(ctx context.Context, c Caller, v View) (View, error) {
	if err := c.Need(account.EditViews); err != nil {
		return View{}, err
	}
	row := store.View{ID: v.ID, Account: viewer(c), Room: v.Room, Name: v.Name, Query: v.Query, Shared: v.Shared, At: a.o.Now()}
	action := "view.save"
	if v.ID != "" {
		old, err := a.ownView(ctx, c, v.ID)
		if err != nil {
			return View{}, err
		}
		if row.Room, row.Account, row.Default, action = old.Room, old.Account, old.Default, "view.edit"; row.Query == "" {
			row.Query = old.Query
		}
	}
	if err := cleanView(&row); err != nil {
		return View{}, err
	}
	if v.ID == "" {
		all, err := a.o.Store.Views(ctx, row.Account, row.Room)
		if err != nil {
			return View{}, err
		}
		if n := len(slices.DeleteFunc(all, func(v store.View) bool { return v.Account != row.Account })); n >= maxViews {
			return View{}, wrong("name", "you have %d views: remove one first", n)
		}
		if row.ID, err = a.newID(row.At); err != nil {
			return View{}, err
		}
	}
	entry := c.Entry(action, row.Room+" "+row.Name, row.Query)
	err := a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.PutView(row) })
	if errors.Is(err, store.ErrExists) {
		return View{}, wrong("name", "you have a view of that name: choose another")
	}
	return viewOf(c, row), err
}

func cleanView(v *store.View) (err error) {
	if v.Name, err = plain("name", v.Name, maxViewName); err != nil {
		return err
	}
	if v.Name == "" {
		return wrong("name", "write a name")
	}
	if !slices.Contains(Rooms(), v.Room) {
		return wrong("room", "use one of %v", Rooms())
	}
	values, err := url.ParseQuery(v.Query)
	if err != nil || len(v.Query) > maxViewQuery {
		return wrong("query", "write the part of the address after the question mark, at most %d bytes", maxViewQuery)
	}
	v.Query = values.Encode()
	return nil
}

// ownView is a view of the caller's. Another's is as if it were not there, unless the caller decides over people.
func (a *Admin) ownView(ctx context.Context, c Caller, id string) (store.View, error) {
	v, err := a.o.Store.View(ctx, viewer(c), id)
	if err != nil {
		return v, found(err)
	}
	if v.Account == viewer(c) || v.Shared && c.May(account.EditPeople) {
		return v, nil
	}
	return v, ErrNotFound
}

// RemoveView removes a view of the caller's, or a shared one if the caller decides over people.
func (a *Admin) RemoveView(ctx context.Context, c Caller, id string) error {
	if err := c.Need(account.EditViews); err != nil {
		return err
	}
	v, err := a.ownView(ctx, c, id)
	if err != nil {
		return err
	}
	return found(a.o.Store.Change(ctx, c.Entry("view.remove", v.Room+" "+v.Name, v.Query), func(ch *sqlite.Change) error { return ch.RemoveView(id) }))
}

// OpenWith makes a room open with a view for the caller; with id "" it opens with everything.
func (a *Admin) OpenWith(ctx context.Context, c Caller, room, id string) error {
	if err := c.Need(account.EditViews); err != nil {
		return err
	}
	name := "everything"
	if id != "" {
		v, err := a.o.Store.View(ctx, viewer(c), id)
		if err != nil {
			return found(err)
		}
		if v.Account != viewer(c) && !v.Shared || v.Room != room {
			return ErrNotFound
		}
		name = v.Name
	} else if !slices.Contains(Rooms(), room) {
		return wrong("room", "use one of %v", Rooms())
	}
	entry := c.Entry("view.default", room, name)
	return found(a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.PutDefaultView(viewer(c), room, id) }))
}

// newID is an id that sorts by time.
func (a *Admin) newID(now time.Time) (string, error) {
	random := make([]byte, 5)
	if _, err := io.ReadFull(a.o.Random, random); err != nil {
		return "", fmt.Errorf("random numbers: %w", err)
	}
	return fmt.Sprintf("%011x%s", now.UnixMilli(), hex.EncodeToString(random)), nil
}
