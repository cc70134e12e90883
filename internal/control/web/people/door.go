// Package people is the door of the dashboard: set-up, sign-in and sign-out.
package people

import (
	"net/http"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/setup", Needs: account.Open, Handle: s.setupPage},
		{Method: "POST", Path: "/setup", Needs: account.Open, Handle: s.setUp},
		{Method: "GET", Path: "/sign-in", Needs: account.Open, Handle: s.signInPage},
		{Method: "POST", Path: "/sign-in", Needs: account.Open, Handle: s.signIn},
		{Method: "POST", Path: "/sign-out", Needs: account.SignedIn, Handle: s.signOut},
	}
}

func visitor(r *http.Request) admin.Visitor {
	return admin.VisitorOf(r)
}

func (s *room) setupPage(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title = "Set up"
	token := r.URL.Query().Get("token")
	if token == "" {
		return s.showSetup(w, r, p, http.StatusOK, "", "")
	}
	if err := s.Admin.CheckSetup(r.Context(), visitor(r), token); err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return s.showSetup(w, r, p, status, "", "")
	}
	return s.showSetup(w, r, p, http.StatusOK, token, "")
}

// showSetup shows the form with a token, or says how to come by one.
func (s *room) showSetup(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, token, name string) error {
	needed, err := s.Admin.NeedsSetup(r.Context())
	if err != nil {
		return err
	}
	if !needed {
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		return nil
	}
	return ui.Show(w, r, status, setupForm(p, token, name))
}

func (s *room) setUp(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title = "Set up"
	f := r.PostForm
	if f.Get("password") != f.Get("again") {
		p.Error = "The two passwords differ."
		return s.showSetup(w, r, p, http.StatusBadRequest, f.Get("token"), f.Get("name"))
	}
	in, err := s.Admin.SetUp(r.Context(), visitor(r), f.Get("token"), f.Get("name"), f.Get("password"))
	if err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return s.showSetup(w, r, p, status, f.Get("token"), f.Get("name"))
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, "/?done=setup", http.StatusSeeOther)
	return nil
}

func (s *room) signInPage(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title = "Sign in"
	next := ui.Within(r.URL.Query().Get("next"))
	if p.Caller.SignedIn() {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	needed, err := s.Admin.NeedsSetup(r.Context())
	if err != nil {
		return err
	}
	if needed {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return nil
	}
	return ui.Show(w, r, http.StatusOK, signInForm(p, next, ""))
}

func (s *room) signIn(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title = "Sign in"
	f := r.PostForm
	next := ui.Within(f.Get("next"))
	in, err := s.Admin.SignIn(r.Context(), visitor(r), f.Get("name"), f.Get("password"))
	if err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return ui.Show(w, r, status, signInForm(p, next, f.Get("name")))
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (s *room) signOut(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	if err := s.Admin.SignOut(r.Context(), p.Caller); err != nil {
		return err
	}
	admin.DropSession(w, r)
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}
