// Package tour walks people through the write that nobody described: when it appeared, who used it, and that they had only
// read before. It tells what was found on this estate, on the pages where it is always found, and goes away when asked to.
package tour

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

// cookie keeps which step somebody is at, or that they want none. It is not a secret.
const cookie = "merlon_tour"

// over is the cookie's value for who wants no tour.
const over = "over"

type room struct{ ui.Options }

// Routes are the tour's.
func Routes(o ui.Options) []ui.Route {
	s := room{o}
	return []ui.Route{{Method: "POST", Path: "/tour", Needs: account.SeeInventory, Handle: s.step}}
}

// step goes to a step, or ends the tour where one stands.
func (s room) step(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	k := &http.Cookie{Name: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil, MaxAge: 365 * 24 * 3600, Value: over}
	n, err := strconv.Atoi(r.PostForm.Get("step"))
	if err != nil {
		http.SetCookie(w, k)
		http.Redirect(w, r, ui.Within(r.PostForm.Get("back")), http.StatusSeeOther)
		return nil
	}
	walk, ok, err := s.Admin.Walk(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	to := "/"
	if all := steps(&walk); ok && n >= 1 && n <= len(all) {
		k.Value, to = strconv.Itoa(n), all[n-1].path
	}
	http.SetCookie(w, k)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// Of is the step of a request, for the page it is on; nil where nothing is to be told. Who has never answered is asked, on
// the overview alone.
func Of(r *http.Request, o ui.Options, c admin.Caller) (*ui.Tour, error) {
	if r.Method != http.MethodGet || !c.SignedIn() || c.Machine || c.Admit(account.SeeInventory) != nil {
		return nil, nil
	}
	at := ""
	if k, err := r.Cookie(cookie); err == nil {
		at = k.Value
	}
	n, err := strconv.Atoi(at)
	if at == over || err != nil && r.URL.Path != "/" {
		return nil, nil
	}
	walk, ok, err := o.Admin.Walk(r.Context(), c)
	if err != nil || !ok {
		return nil, err
	}
	all := steps(&walk)
	switch {
	case n == 0:
		return &ui.Tour{
			Title: "Somebody writes where no description says so",
			Text:  fmt.Sprintf("Merlon has found %s. A tour of %d steps shows when it appeared, who used it and what you can do.", walk.Endpoint.Method+" "+walk.Endpoint.Template, len(all)),
			Of:    len(all), Next: 1, Label: "Show me",
		}, nil
	case n < 0 || n > len(all):
		return nil, nil
	}
	s := all[n-1]
	t := &ui.Tour{Step: n, Of: len(all), Title: s.title, Text: s.text, Away: s.path}
	if u, err := url.Parse(s.path); err == nil && u.Path == r.URL.Path {
		t.Away = ""
	}
	if n < len(all) {
		t.Next, t.Label = n+1, all[n].lead
	}
	return t, nil
}
