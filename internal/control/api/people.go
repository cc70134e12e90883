package api

import (
	"net/http"
	"net/url"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
)

// token lets a machine in.
type token struct {
	ID      string               `json:"id"`
	Name    string               `json:"name"`
	Role    account.Role         `json:"role"`
	Scopes  []account.Permission `json:"scopes"` // none: all that its role may
	Sites   []string             `json:"sites"`  // none: all
	By      string               `json:"by"`
	Created time.Time            `json:"created"`
	Expires time.Time            `json:"expires,omitzero"`
	Used    time.Time            `json:"used,omitzero"`
	// Secret is there once, when the token is made.
	Secret string `json:"secret,omitempty"`
}

func tokenOf(t *account.Token) token {
	return token{
		t.ID, t.Name, t.Role, each(t.Scopes, func(p account.Permission) account.Permission { return p }), each(t.Sites, func(n string) string { return n }),
		t.By, t.Created.UTC(), t.Expires, t.Used, "",
	}
}

func (s *server) tokens(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.Tokens(r.Context(), r.caller)
	if err != nil {
		return err
	}
	out, err := pageOf(r.query, all, func(t *account.Token) string { return t.ID }, tokenOf)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

// newToken is what a token should be.
type newToken struct {
	Name   string               `json:"name"`
	Role   account.Role         `json:"role"`
	Days   int                  `json:"days,omitempty"` // 90 when left out
	Scopes []account.Permission `json:"scopes,omitempty"`
	Sites  []string             `json:"sites,omitempty"`
}

func (s *server) createToken(w http.ResponseWriter, r *ask) error {
	var in newToken
	if err := read(r, &in); err != nil {
		return err
	}
	t, secret, err := s.Admin.CreateToken(r.Context(), r.caller, admin.TokenRequest{
		Name: in.Name, Role: in.Role, Scopes: in.Scopes, Sites: in.Sites, Age: time.Duration(min(max(in.Days, -1), 10_000)) * 24 * time.Hour,
	})
	if err != nil {
		return err
	}
	out := tokenOf(&t)
	out.Secret = secret
	return write(w, r, http.StatusCreated, out)
}

func (s *server) revokeToken(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.RevokeToken(r.Context(), r.caller, r.PathValue("id")))
}

// person is an account.
type person struct {
	Name     string       `json:"name"`
	Role     account.Role `json:"role"`
	Created  time.Time    `json:"created"`
	SignedIn time.Time    `json:"signed_in,omitzero"`
	Disabled bool         `json:"disabled"`
	Codes    bool         `json:"codes"`
	Recovery int          `json:"recovery_codes"`
	Passkeys int          `json:"passkeys"`
}

func (s *server) accounts(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.Accounts(r.Context(), r.caller)
	if err != nil {
		return err
	}
	out, err := pageOf(r.query, all, func(a *account.Account) string { return a.Name }, func(a *account.Account) person { return person(*a) })
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

// personEdit changes an account; what is left out stays.
type personEdit struct {
	Role     *account.Role `json:"role,omitempty"`
	Disabled *bool         `json:"disabled,omitempty"`
}

func (s *server) changeAccount(w http.ResponseWriter, r *ask) error {
	var in personEdit
	if err := read(r, &in); err != nil {
		return err
	}
	name := r.PathValue("name")
	if in.Role != nil {
		if err := s.Admin.SetRole(r.Context(), r.caller, name, *in.Role); err != nil {
			return err
		}
	}
	if in.Disabled != nil {
		if err := s.Admin.SetDisabled(r.Context(), r.caller, name, *in.Disabled); err != nil {
			return err
		}
	}
	return done(w, nil)
}

func (s *server) removeAccount(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.RemoveAccount(r.Context(), r.caller, r.PathValue("name")))
}

func (s *server) resetFactors(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.ResetFactors(r.Context(), r.caller, r.PathValue("name")))
}

func (s *server) signOutAccount(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.SignOutAll(r.Context(), r.caller, r.PathValue("name")))
}

// invite is a one-time link to an account.
type invite struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Role    account.Role `json:"role"`
	Reset   bool         `json:"reset"`
	By      string       `json:"by"`
	Created time.Time    `json:"created"`
	Expires time.Time    `json:"expires"`
	// Link is there once, when the invitation is made.
	Link string `json:"link,omitempty"`
}

func inviteOf(i *account.Invite) invite {
	return invite{i.ID, i.Name, i.Role, i.Reset, i.By, i.Created, i.Expires, ""}
}

func (s *server) invites(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.Invites(r.Context(), r.caller)
	if err != nil {
		return err
	}
	out, err := pageOf(r.query, all, func(i *account.Invite) string { return i.ID }, inviteOf)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

// newInvite says who is invited.
type newInvite struct {
	Name string       `json:"name"`
	Role account.Role `json:"role"`
}

func (s *server) createInvite(w http.ResponseWriter, r *ask) error {
	var in newInvite
	if err := read(r, &in); err != nil {
		return err
	}
	i, secret, err := s.Admin.Invite(r.Context(), r.caller, in.Name, in.Role)
	return invited(w, r, i, secret, err)
}

func (s *server) resetPassword(w http.ResponseWriter, r *ask) error {
	i, secret, err := s.Admin.InviteReset(r.Context(), r.caller, r.PathValue("name"))
	return invited(w, r, i, secret, err)
}

func invited(w http.ResponseWriter, r *ask, i account.Invite, secret string, err error) error {
	if err != nil {
		return err
	}
	out := inviteOf(&i)
	out.Link = admin.BaseOf(r.Request) + "/join?token=" + url.QueryEscape(secret)
	return write(w, r, http.StatusCreated, out)
}

func (s *server) revokeInvite(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.RevokeInvite(r.Context(), r.caller, r.PathValue("id")))
}
