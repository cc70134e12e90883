package api

import (
	"net/http"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
)

// session is who is signed in.
type session struct {
	Name string       `json:"name"`
	Role account.Role `json:"role"`
	// CSRF goes into X-CSRF-Token beside the cookie with everything that changes something.
	CSRF string `json:"csrf_token,omitempty"`
}

func (s *server) session(w http.ResponseWriter, r *ask) error {
	out := session{Name: r.caller.Name, Role: r.caller.Role}
	if !r.caller.Machine && s.Who == nil {
		proof, err := s.Admin.Proof(w, r.Request)
		if err != nil {
			return err
		}
		out.CSRF = proof
	}
	return write(w, r, http.StatusOK, out)
}

// credentials let somebody in: a name and a password, then, where codes are asked for, the ticket of the refusal and a code.
type credentials struct {
	Name     string `json:"name,omitempty"`
	Password string `json:"password,omitempty"`
	Ticket   string `json:"ticket,omitempty"`
	Code     string `json:"code,omitempty"`
}

func (s *server) signIn(w http.ResponseWriter, r *ask) error {
	var in credentials
	if err := read(r, &in); err != nil {
		return err
	}
	var got admin.SignedIn
	var err error
	if in.Ticket != "" {
		got, err = s.Admin.SignInCode(r.Context(), admin.VisitorOf(r.Request), in.Ticket, in.Code)
	} else {
		got, err = s.Admin.SignIn(r.Context(), admin.VisitorOf(r.Request), in.Name, in.Password)
	}
	return s.entered(w, r, got, err)
}

func (s *server) entered(w http.ResponseWriter, r *ask, in admin.SignedIn, err error) error {
	if err != nil {
		return err
	}
	admin.SetSession(w, r.Request, in)
	return write(w, r, http.StatusCreated, session{in.Caller.Name, in.Caller.Role, admin.ProofOf(in)})
}

// proof shows once more who one is.
type proof struct {
	Password string `json:"password"`
	Code     string `json:"code,omitempty"`
}

func (s *server) confirm(w http.ResponseWriter, r *ask) error {
	var in proof
	if err := read(r, &in); err != nil {
		return err
	}
	got, err := s.Admin.Confirm(r.Context(), r.caller, admin.VisitorOf(r.Request), in.Password, in.Code)
	return s.entered(w, r, got, err)
}

func (s *server) signOut(w http.ResponseWriter, r *ask) error {
	if err := s.Admin.SignOut(r.Context(), r.caller); err != nil {
		return err
	}
	admin.DropSession(w, r.Request)
	return done(w, nil)
}

// browser is a signed-in browser.
type browser struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
	Expires time.Time `json:"expires"`
	Address string    `json:"address"`
	Browser string    `json:"browser"`
	Method  string    `json:"method"`
	Current bool      `json:"current"`
}

func (s *server) sessions(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.Sessions(r.Context(), r.caller)
	return browsers(w, r, all, err)
}

func (s *server) allSessions(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.AllSessions(r.Context(), r.caller)
	return browsers(w, r, all, err)
}

func browsers(w http.ResponseWriter, r *ask, all []account.Session, err error) error {
	if err != nil {
		return err
	}
	out, err := pageOf(r.query, all, func(b *account.Session) string { return b.ID }, func(b *account.Session) browser { return browser(*b) })
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

func (s *server) revokeSession(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.RevokeSession(r.Context(), r.caller, r.PathValue("id")))
}

func (s *server) revokeOthers(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.RevokeOthers(r.Context(), r.caller))
}
