package people

import (
	"errors"
	"net/http"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

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
	p.Scripts = append(p.Scripts, "passkey.js")
	p.Notice = notice(r.URL.Query().Get("done"))
	return show(w, r, signInForm(p, next, ""))
}

func (s *room) signIn(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title = "Sign in"
	f := r.PostForm
	next := ui.Within(f.Get("next"))
	in, err := s.Admin.SignIn(r.Context(), visitor(r), f.Get("name"), f.Get("password"))
	var second *admin.SecondStep
	if errors.As(err, &second) {
		return show(w, r, codeForm(p, next, second.Ticket))
	}
	if err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		p.Scripts = append(p.Scripts, "passkey.js")
		return ui.Show(w, r, status, signInForm(p, next, f.Get("name")))
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (s *room) signInCode(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title = "Sign in"
	f := r.PostForm
	next := ui.Within(f.Get("next"))
	in, err := s.Admin.SignInCode(r.Context(), visitor(r), f.Get("ticket"), f.Get("code"))
	if errors.Is(err, admin.ErrSignIn) {
		p.Error = "That took too long. Please begin again."
		return ui.Show(w, r, http.StatusUnauthorized, signInForm(p, next, ""))
	}
	if err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return ui.Show(w, r, status, codeForm(p, next, f.Get("ticket")))
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (s *room) joinPage(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.showJoin(w, r, p, http.StatusOK, r.URL.Query().Get("token"))
}

// showJoin shows the form of a link, or says that it does not work.
func (s *room) showJoin(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, token string) error {
	p.Title = "Choose a password"
	i, err := s.Admin.CheckInvite(r.Context(), visitor(r), token)
	if err != nil {
		bad, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return ui.Show(w, r, bad, joinForm(p, account.Invite{}, ""))
	}
	return ui.Show(w, r, status, joinForm(p, i, token))
}

func (s *room) join(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f := r.PostForm
	if f.Get("password") != f.Get("again") {
		p.Error = "The two passwords differ."
		return s.showJoin(w, r, p, http.StatusBadRequest, f.Get("token"))
	}
	in, err := s.Admin.Accept(r.Context(), visitor(r), f.Get("token"), f.Get("password"))
	if err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return s.showJoin(w, r, p, status, f.Get("token"))
	}
	if in.Secret == "" {
		http.Redirect(w, r, "/sign-in?done=joined", http.StatusSeeOther)
		return nil
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, "/?done=setup", http.StatusSeeOther)
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
