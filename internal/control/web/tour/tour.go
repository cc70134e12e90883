// Package tour walks people through the write that nobody described: when it appeared, who used it, and that they had only
// read before. It tells what was found on this estate, on the pages where it is always found, and goes away when asked to.
package tour

import (
	"net/http"
	"net/url"
	"strconv"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

// cookie keeps which stop somebody is at, or that they want no tour. It is not a secret.
const cookie = "merlon_tour"

// over is the cookie's value for who wants no tour.
const over = "over"

type room struct{ ui.Options }

// Routes are the tour's.
func Routes(o ui.Options) []ui.Route {
	s := room{o}
	return []ui.Route{{Method: "POST", Path: "/tour", Needs: account.SeeInventory, Handle: s.move}}
}

// move goes to a stop, or ends the tour where one stands.
func (s room) move(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	k := &http.Cookie{Name: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil, MaxAge: 365 * 24 * 3600, Value: over}
	n, err := strconv.Atoi(r.PostForm.Get("stop"))
	if err != nil {
		http.SetCookie(w, k)
		http.Redirect(w, r, ui.Within(r.PostForm.Get("back")), http.StatusSeeOther)
		return nil
	}
	t, ok, err := s.Admin.Tour(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	to := "/"
	if all := stops(&t); ok && n >= 1 && n <= len(all) {
		k.Value, to = strconv.Itoa(n), all[n-1].path
	}
	http.SetCookie(w, k)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// Of is what the tour says on the page of a request; nil for nothing. Who has never answered is asked, on the overview
// alone. Parts of pages, which htmx asks for, have no room for it.
func Of(r *http.Request, o ui.Options, c admin.Caller) (*ui.Tour, error) {
	if r.Method != http.MethodGet || r.Header.Get("HX-Request") != "" || !c.SignedIn() || c.Machine || c.Admit(account.SeeInventory) != nil {
		return nil, nil
	}
	at := ""
	if k, err := r.Cookie(cookie); err == nil {
		at = k.Value
	}
	n, err := strconv.Atoi(at)
	switch {
	case at == over, err != nil && r.URL.Path != "/":
		return nil, nil
	case err != nil:
		return offer(r, o, c)
	}
	told, ok, err := o.Admin.Tour(r.Context(), c)
	all := stops(&told)
	if err != nil || !ok || n < 1 || n > len(all) {
		return nil, err
	}
	s := all[n-1]
	t := &ui.Tour{Stop: n, Of: len(all), Title: s.title, Text: s.text, Away: s.path}
	if u, err := url.Parse(s.path); err == nil && u.Path == r.URL.Path {
		t.Away = ""
	}
	if n < len(all) {
		t.Next, t.Label = n+1, all[n].lead
	}
	return t, nil
}

// offer asks whether somebody wants the tour.
func offer(r *http.Request, o ui.Options, c admin.Caller) (*ui.Tour, error) {
	e, ok, err := o.Admin.Undescribed(r.Context(), c)
	if err != nil || !ok {
		return nil, err
	}
	return &ui.Tour{
		Title: "Somebody writes where no description says so",
		Text:  "Merlon has found " + e.Method + " " + e.Template + ". A short tour shows when it appeared, who used it and what you can do.",
		Next:  1, Label: "Show me",
	}, nil
}
