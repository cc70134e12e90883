package api

import (
	"net/http"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
)

type session struct {
	Name string       `json:"name"`
	Role account.Role `json:"role"`
	CSRF string       `json:"csrf_token,omitempty"`
}

func (s *server) session(w http.ResponseWriter, r *http.Request) error {
	c := caller(r)
	out := session{Name: c.Name, Role: c.Role}
	if !c.Machine {
		proof, err := s.Admin.Proof(w, r)
		if err != nil {
			return err
		}
		out.CSRF = proof
	}
	return write(w, http.StatusOK, out)
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Name, Password string }
	if err := read(r, &in); err != nil {
		return err
	}
	in2, err := s.Admin.SignIn(r.Context(), admin.VisitorOf(r), in.Name, in.Password)
	if err != nil {
		return err
	}
	admin.SetSession(w, r, in2)
	return write(w, http.StatusCreated, session{in2.Caller.Name, in2.Caller.Role, admin.ProofOf(in2)})
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.Admin.SignOut(r.Context(), caller(r)); err != nil {
		return err
	}
	admin.DropSession(w, r)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type token struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Role    account.Role `json:"role"`
	By      string       `json:"by"`
	Created time.Time    `json:"created"`
	Expires time.Time    `json:"expires,omitzero"`
	Used    time.Time    `json:"used,omitzero"`
	Secret  string       `json:"secret,omitempty"`
}

func tokenOf(t account.Token) token {
	return token{t.ID, t.Name, t.Role, t.By, t.Created.UTC(), t.Expires, t.Used, ""}
}

func (s *server) tokens(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Admin.Tokens(r.Context(), caller(r))
	if err != nil {
		return err
	}
	out := page[token]{Items: []token{}}
	for _, t := range all {
		out.Items = append(out.Items, tokenOf(t))
	}
	return write(w, http.StatusOK, out)
}

func (s *server) createToken(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string
		Role account.Role
		Days int
	}
	if err := read(r, &in); err != nil {
		return err
	}
	t, secret, err := s.Admin.CreateToken(r.Context(), caller(r), admin.TokenRequest{Name: in.Name, Role: in.Role, Age: days(min(max(in.Days, -1), 10_000))})
	if err != nil {
		return err
	}
	out := tokenOf(t)
	out.Secret = secret
	return write(w, http.StatusCreated, out)
}

func (s *server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := s.Admin.RevokeToken(r.Context(), caller(r), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) standing(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Admin.Standing(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, page[bundle.Entry]{Items: all})
}

func (s *server) block(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Site, Value, Why string
		Kind             bundle.ListKind
		Mode             bundle.Mode
		Until            time.Time
	}
	if err := read(r, &in); err != nil {
		return err
	}
	e, err := s.Admin.Block(r.Context(), caller(r), admin.Block{Site: in.Site, Kind: in.Kind, Value: in.Value, Mode: in.Mode, Until: in.Until, Why: in.Why})
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, e)
}

func (s *server) unblock(w http.ResponseWriter, r *http.Request) error {
	if err := s.Admin.Unblock(r.Context(), caller(r), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) audit(w http.ResponseWriter, r *http.Request) error {
	q := parseQuery(r.URL.RawQuery, pages())
	before, limit := q.number("cursor", 1, maxRow, 0), int(q.number("limit", 1, admin.MaxPage, 100))
	if q.err != nil {
		return q.err
	}
	all, err := s.Admin.Audit(r.Context(), caller(r), admin.AuditQuery{Before: before, Limit: limit})
	if err != nil {
		return err
	}
	out := page[admin.AuditEntry]{Items: all}
	if len(all) == limit {
		out.NextCursor = strconv.FormatUint(all[len(all)-1].Number, 10)
	}
	return write(w, http.StatusOK, out)
}
