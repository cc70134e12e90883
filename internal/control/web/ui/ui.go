// Package ui is what every room of the dashboard shares: the page and its frame, parts, formats, charts and forms.
//
// It knows no room. A room takes Options, returns its Routes and answers each with a Handler; package web puts the guard
// before them. Text from traffic reaches a page only through templ, which escapes it.
package ui

import (
	"bytes"
	"log/slog"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
)

// Options is everything the rooms are made from.
type Options struct {
	Admin *admin.Admin
	Log   *slog.Logger
}

// Page is what every page needs to know.
type Page struct {
	Title  string
	Active string // the entry of the navigation: overview, inventory, activity, policy or people
	Caller admin.Caller
	CSRF   string // the proof that forms carry back
	Notice string // what was just done
	Error  string // why it was not
	Status admin.Status
	Now    time.Time
	Theme  string  // light, dark, or "" for what the browser prefers
	Here   string  // path and query of this page, for forms of the frame that come back
	Nav    []Place // every place there is; those that the caller may not see are left out when shown
	Assets string  // where the assets live, with a slash at its end
	// Scripts are the modules of this page beside merlon.js, by name: "live.js".
	Scripts []string
	// Tour is the stop of the guided tour that is told on this page; nil for none.
	Tour *Tour
	// Wide lets the page take the whole width of the window.
	Wide bool
}

// Asset is the address of an asset by its name.
func (p *Page) Asset(name string) string { return p.Assets + name }

// Handler answers one route. An error becomes a page that says what it means; nothing may have been written by then.
type Handler func(w http.ResponseWriter, r *http.Request, p *Page) error

// Route is one page or form of the dashboard, with the permission that it needs.
type Route struct {
	Method, Path string
	Needs        account.Permission
	Handle       Handler
}

// Show renders a page whole before anything is sent, so that an error is still an error.
func Show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader has gone
	return nil
}
