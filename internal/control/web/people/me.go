package people

import (
	"net/http"
	"net/url"
	"strings"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/people"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

// own is everything one's own page shows.
type own struct {
	Account  account.Account
	Passkeys []account.Passkey
	Sessions []account.Session
	Party    bool // this browser opened Merlon in a way that passkeys can be for
}

func (s *room) me(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	begin(r, p, "Your account")
	p.Scripts = append(p.Scripts, "passkey.js")
	a, err := s.Admin.Me(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	v := own{Account: a, Party: admin.PartyOf(r).ID != ""}
	if v.Passkeys, err = s.Admin.Passkeys(r.Context(), p.Caller); err != nil {
		return err
	}
	if v.Sessions, err = s.Admin.Sessions(r.Context(), p.Caller); err != nil {
		return err
	}
	return show(w, r, mePage(p, v))
}

func (s *room) password(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f := r.PostForm
	if f.Get("password") != f.Get("again") {
		p.Error = "The two new passwords differ."
		return s.me(statused{w, http.StatusBadRequest}, r, p)
	}
	in, err := s.Admin.ChangePassword(r.Context(), p.Caller, visitor(r), f.Get("current"), f.Get("code"), f.Get("password"))
	if err == nil {
		admin.SetSession(w, r, in)
	}
	return s.done(w, r, p, err, "/account", "password", s.me)
}

func (s *room) codesPage(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	begin(r, p, "One-time codes")
	e, err := s.Admin.EnrolCodes(r.Context(), p.Caller)
	if stale(w, r, err, "/account/codes") {
		return nil
	}
	if err != nil {
		return err
	}
	return s.showEnrolment(w, r, p, http.StatusOK, e)
}

func (s *room) showEnrolment(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, e people.Enrolment) error {
	code, err := drawQR(e.URI)
	if err != nil {
		return err
	}
	return ui.Show(w, r, status, enrolPage(p, e, code))
}

func (s *room) codes(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	begin(r, p, "One-time codes")
	sealed := r.PostForm.Get("sealed")
	codes, err := s.Admin.ConfirmCodes(r.Context(), p.Caller, visitor(r), sealed, r.PostForm.Get("code"))
	if stale(w, r, err, "/account/codes") {
		return nil
	}
	if err == nil {
		return show(w, r, recoveryPage(p, codes, true))
	}
	status, ok := ui.Refused(w, p, err)
	if !ok {
		return err
	}
	e, err := s.Admin.ShowEnrolment(p.Caller, sealed)
	if err != nil { // it has ended: begin anew, with what was wrong
		if e, err = s.Admin.EnrolCodes(r.Context(), p.Caller); err != nil {
			return err
		}
	}
	return s.showEnrolment(w, r, p, status, e)
}

func (s *room) removeCodes(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.done(w, r, p, s.Admin.RemoveCodes(r.Context(), p.Caller), "/account", "codes-removed", s.me)
}

func (s *room) recovery(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	codes, err := s.Admin.NewRecovery(r.Context(), p.Caller)
	if err != nil {
		return s.done(w, r, p, err, "/account", "", s.me)
	}
	begin(r, p, "Recovery codes")
	return show(w, r, recoveryPage(p, codes, false))
}

// endSession ends one's own session, or another's from the list of all.
func (s *room) endSession(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	back, again := "/account", s.me
	if strings.HasPrefix(r.URL.Path, "/people/") {
		back, again = "/people/sessions", s.sessions
	}
	return s.done(w, r, p, s.Admin.RevokeSession(r.Context(), p.Caller, r.PathValue("id")), back, "session", again)
}

func (s *room) endOthers(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.done(w, r, p, s.Admin.RevokeOthers(r.Context(), p.Caller), "/account", "sessions", s.me)
}

func (s *room) confirmPage(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.showConfirm(w, r, p, http.StatusOK, r.URL.Query().Get("next"))
}

func (s *room) showConfirm(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, next string) error {
	begin(r, p, "Confirm who you are")
	p.Scripts = append(p.Scripts, "passkey.js")
	a, err := s.Admin.Me(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	return ui.Show(w, r, status, confirmForm(p, a, ui.Within(next)))
}

func (s *room) confirm(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f := r.PostForm
	in, err := s.Admin.Confirm(r.Context(), p.Caller, visitor(r), f.Get("password"), f.Get("code"))
	if err != nil {
		status, ok := ui.Refused(w, p, err)
		if !ok {
			return err
		}
		return s.showConfirm(w, r, p, status, f.Get("next"))
	}
	admin.SetSession(w, r, in)
	http.Redirect(w, r, confirmed(f.Get("next")), http.StatusSeeOther)
	return nil
}

// confirmed is where to go on after confirming: a page of ours, which says so.
func confirmed(next string) string {
	u, err := url.Parse(ui.Within(next))
	if err != nil {
		return "/"
	}
	if u.Path == "/account/codes" { // nothing is left to do again there
		return u.Path
	}
	q := u.Query()
	q.Set("done", "confirmed")
	u.RawQuery = q.Encode()
	return u.String()
}
