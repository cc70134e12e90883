package web

import (
	"errors"
	"net/http"
	"strconv"

	"merlon/internal/control/admin"
)

func visitor(r *http.Request) admin.Visitor {
	return admin.Visitor{Address: admin.ClientAddress(r), Browser: r.UserAgent()}
}

func (s *server) setupPage(w http.ResponseWriter, r *http.Request, p *page) error {
	p.Title = "Set up"
	token := r.URL.Query().Get("token")
	if token == "" {
		return s.showSetup(w, r, p, http.StatusOK, "", "")
	}
	if err := s.Admin.CheckSetup(r.Context(), visitor(r), token); err != nil {
		status, ok := refused(w, p, err)
		if !ok {
			return err
		}
		return s.showSetup(w, r, p, status, "", "")
	}
	return s.showSetup(w, r, p, http.StatusOK, token, "")
}

// showSetup shows the form with a token, or says how to come by one.
func (s *server) showSetup(w http.ResponseWriter, r *http.Request, p *page, status int, token, name string) error {
	needed, err := s.Admin.NeedsSetup(r.Context())
	if err != nil {
		return err
	}
	if !needed {
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		return nil
	}
	return s.show(w, r, status, setupForm(p, token, name))
}

func (s *server) setUp(w http.ResponseWriter, r *http.Request, p *page) error {
	p.Title = "Set up"
	f := r.PostForm
	if f.Get("password") != f.Get("again") {
		p.Error = "The two passwords differ."
		return s.showSetup(w, r, p, http.StatusBadRequest, f.Get("token"), f.Get("name"))
	}
	in, err := s.Admin.SetUp(r.Context(), visitor(r), f.Get("token"), f.Get("name"), f.Get("password"))
	if err != nil {
		status, ok := refused(w, p, err)
		if !ok {
			return err
		}
		return s.showSetup(w, r, p, status, f.Get("token"), f.Get("name"))
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, "/?done=setup", http.StatusSeeOther)
	return nil
}

func (s *server) signInPage(w http.ResponseWriter, r *http.Request, p *page) error {
	p.Title = "Sign in"
	next := within(r.URL.Query().Get("next"))
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
	return s.show(w, r, http.StatusOK, signInForm(p, next, ""))
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request, p *page) error {
	p.Title = "Sign in"
	f := r.PostForm
	next := within(f.Get("next"))
	in, err := s.Admin.SignIn(r.Context(), visitor(r), f.Get("name"), f.Get("password"))
	if err != nil {
		status, ok := refused(w, p, err)
		if !ok {
			return err
		}
		return s.show(w, r, status, signInForm(p, next, f.Get("name")))
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request, p *page) error {
	if err := s.Admin.SignOut(r.Context(), p.Caller); err != nil {
		return err
	}
	admin.DropSession(w, r)
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// refused puts a refusal on the form it came from, and tells whether it belongs there.
func refused(w http.ResponseWriter, p *page, err error) (status int, ok bool) {
	var (
		input     *admin.InputError
		throttled *admin.ThrottledError
	)
	switch {
	case errors.As(err, &input):
		p.Error = sentence(input.Err)
		return http.StatusBadRequest, true
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", strconv.Itoa(throttled.Seconds()))
		p.Error = sentence(throttled)
		return http.StatusTooManyRequests, true
	case errors.Is(err, admin.ErrCredentials):
		p.Error = sentence(admin.ErrCredentials)
		return http.StatusUnauthorized, true
	case errors.Is(err, admin.ErrSetup):
		p.Error = sentence(admin.ErrSetup)
		return http.StatusForbidden, true
	}
	return 0, false
}
