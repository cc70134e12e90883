package people

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
)

// finish is what the script sends at the end of a ceremony. Answer is the authenticator's, as WebAuthn's JSON.
type finish struct {
	Ticket string
	Name   string
	Next   string
	Answer json.RawMessage
}

func readFinish(r *http.Request) (f finish, err error) {
	b, err := io.ReadAll(r.Body) // bounded by the guard of the surface
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		err = &admin.InputError{Field: "answer", Err: errors.New("send what the authenticator said, as JSON")}
	}
	return f, err
}

// went tells the script where to go.
type went struct {
	Next string `json:"next"`
}

func (s *room) passkeyDoor(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	c, err := s.Admin.BeginPasskeySignIn(r.Context(), visitor(r), admin.PartyOf(r))
	if err != nil {
		return refuse(w, p, err)
	}
	return answer(w, c)
}

func (s *room) passkeySignIn(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f, err := readFinish(r)
	if err != nil {
		return refuse(w, p, err)
	}
	in, err := s.Admin.SignInPasskey(r.Context(), visitor(r), admin.PartyOf(r), f.Ticket, f.Answer)
	if err != nil {
		return refuse(w, p, err)
	}
	admin.SetSession(w, r, in)
	return answer(w, went{ui.Within(f.Next)})
}

func (s *room) passkeyAsk(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	c, err := s.Admin.BeginPasskeyConfirm(r.Context(), p.Caller, admin.PartyOf(r))
	if err != nil {
		return refuse(w, p, err)
	}
	return answer(w, c)
}

func (s *room) passkeyConfirm(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f, err := readFinish(r)
	if err != nil {
		return refuse(w, p, err)
	}
	in, err := s.Admin.ConfirmPasskey(r.Context(), p.Caller, visitor(r), admin.PartyOf(r), f.Ticket, f.Answer)
	if err != nil {
		return refuse(w, p, err)
	}
	admin.SetSession(w, r, in)
	return answer(w, went{confirmed(f.Next)})
}

func (s *room) passkeyBegin(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	c, err := s.Admin.BeginPasskey(r.Context(), p.Caller, admin.PartyOf(r))
	if err != nil {
		return refuse(w, p, err)
	}
	return answer(w, c)
}

func (s *room) passkeyAdd(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f, err := readFinish(r)
	if err != nil {
		return refuse(w, p, err)
	}
	if _, err := s.Admin.AddPasskey(r.Context(), p.Caller, admin.PartyOf(r), f.Ticket, f.Name, f.Answer); err != nil {
		return refuse(w, p, err)
	}
	return answer(w, went{"/account?done=passkey"})
}

func (s *room) passkeyRename(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	err := s.Admin.RenamePasskey(r.Context(), p.Caller, r.PathValue("id"), r.PostForm.Get("name"))
	return s.done(w, r, p, err, "/account", "passkey-renamed", s.me)
}

func (s *room) passkeyRemove(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.done(w, r, p, s.Admin.RemovePasskey(r.Context(), p.Caller, r.PathValue("id")), "/account", "passkey-removed", s.me)
}
