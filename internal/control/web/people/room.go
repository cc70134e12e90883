// Package people is the room of people and settings: the door, one's own account, others' accounts, tokens, the audit log.
//
// Everything works without a script, but passkeys, which are one.
package people

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	route := func(method, path string, needs account.Permission, h ui.Handler) ui.Route {
		return ui.Route{Method: method, Path: path, Needs: needs, Handle: h}
	}
	return []ui.Route{
		route("GET", "/setup", account.Open, s.setupPage),
		route("POST", "/setup", account.Open, s.setUp),
		route("GET", "/join", account.Open, s.joinPage),
		route("POST", "/join", account.Open, s.join),
		route("GET", "/sign-in", account.Open, s.signInPage),
		route("POST", "/sign-in", account.Open, s.signIn),
		route("POST", "/sign-in/code", account.Open, s.signInCode),
		route("POST", "/sign-in/passkey", account.Open, s.passkeyDoor),
		route("POST", "/sign-in/passkey/finish", account.Open, s.passkeySignIn),
		route("POST", "/sign-out", account.SignedIn, s.signOut),
		route("GET", "/confirm", account.Self, s.confirmPage),
		route("POST", "/confirm", account.Self, s.confirm),
		route("POST", "/confirm/passkey", account.Self, s.passkeyAsk),
		route("POST", "/confirm/passkey/finish", account.Self, s.passkeyConfirm),

		route("GET", "/account", account.Self, s.me),
		route("POST", "/account/password", account.Self, s.password),
		route("GET", "/account/codes", account.Self, s.codesPage),
		route("POST", "/account/codes", account.Self, s.codes),
		route("POST", "/account/codes/remove", account.Self, s.removeCodes),
		route("POST", "/account/codes/recovery", account.Self, s.recovery),
		route("POST", "/account/passkeys", account.Self, s.passkeyBegin),
		route("POST", "/account/passkeys/finish", account.Self, s.passkeyAdd),
		route("POST", "/account/passkeys/{id}/rename", account.Self, s.passkeyRename),
		route("POST", "/account/passkeys/{id}/remove", account.Self, s.passkeyRemove),
		route("POST", "/account/sessions/{id}/end", account.Self, s.endSession),
		route("POST", "/account/sessions/others", account.Self, s.endOthers),

		route("GET", "/people", account.SeePeople, s.people),
		route("POST", "/people/invite", account.EditPeople, s.invite),
		route("POST", "/people/invites/{id}/remove", account.EditPeople, s.uninvite),
		route("POST", "/people/edit", account.EditPeople, s.edit),
		route("GET", "/people/sessions", account.SeePeople, s.sessions),
		route("POST", "/people/sessions/{id}/end", account.EditPeople, s.endSession),
		route("GET", "/people/roles", account.SignedIn, s.roles),
		route("GET", "/tokens", account.EditTokens, s.tokens),
		route("POST", "/tokens", account.EditTokens, s.createToken),
		route("POST", "/tokens/{id}/revoke", account.EditTokens, s.revokeToken),
		route("GET", "/audit", account.SeeAudit, s.audit),
		route("GET", "/audit/export", account.SeeAudit, s.auditExport),
		route("GET", "/settings", account.SeeSettings, s.settings),
	}
}

// begin names a page of the room, and says what was just done.
func begin(r *http.Request, p *ui.Page, title string) {
	p.Title, p.Active = title, "people"
	if p.Notice == "" {
		p.Notice = notice(r.URL.Query().Get("done"))
	}
}

// notice is what was just done, by the word that the redirect after it carries.
func notice(word string) string {
	switch word {
	case "password":
		return "Your password is changed, and every other session has ended."
	case "codes-removed":
		return "One-time codes are asked for no more."
	case "passkey":
		return "The passkey is added. You can sign in with it from now on."
	case "passkey-renamed", "role", "enable":
		return "Saved."
	case "passkey-removed":
		return "The passkey is removed here. Remove it from your device or password keeper, too."
	case "session":
		return "The session has ended."
	case "sessions":
		return "All other sessions have ended."
	case "uninvited":
		return "The link works no more."
	case "disable":
		return "The account is disabled and signed out."
	case "remove":
		return "The account is removed."
	case "reset":
		return "Codes and passkeys of the account are removed, and it is signed out."
	case "sign-out":
		return "The account is signed out everywhere."
	case "revoked":
		return "The token works no more."
	case "confirmed":
		return "Thank you. What you wanted to do is open to you for ten minutes: please do it again."
	case "joined":
		return "Your password is set. Sign in with it."
	default:
		return ""
	}
}

// stale sends whoever has to show again who they are to do so, and then back to a page.
func stale(w http.ResponseWriter, r *http.Request, err error, back string) bool {
	if !errors.Is(err, admin.ErrStale) {
		return false
	}
	http.Redirect(w, r, "/confirm?next="+url.QueryEscape(back), http.StatusSeeOther)
	return true
}

// done goes back to a page with what was done, or says why not on that page.
func (s *room) done(w http.ResponseWriter, r *http.Request, p *ui.Page, err error, back, word string, again ui.Handler) error {
	if err == nil {
		http.Redirect(w, r, back+"?done="+word, http.StatusSeeOther)
		return nil
	}
	if stale(w, r, err, back) {
		return nil
	}
	status, ok := ui.Refused(w, p, err)
	if !ok {
		return err
	}
	return again(statused{w, status}, r, p)
}

// statused answers with its own status where a page would say that all is well.
type statused struct {
	http.ResponseWriter

	status int
}

func (s statused) WriteHeader(status int) {
	if status == http.StatusOK {
		status = s.status
	}
	s.ResponseWriter.WriteHeader(status)
}

// answer sends JSON to the script of passkeys.
func answer(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // the reader has gone
	return nil
}

// refuse tells the script of passkeys why not, as a sentence to show.
func refuse(w http.ResponseWriter, p *ui.Page, err error) error {
	status, ok := ui.Refused(w, p, err)
	if errors.Is(err, admin.ErrStale) {
		status, ok, p.Error = http.StatusPreconditionRequired, true, ui.Sentence(err)
	}
	if !ok {
		return err
	}
	http.Error(w, p.Error, status)
	return nil
}

// show is ui.Show for a page that went well.
func show(w http.ResponseWriter, r *http.Request, c templ.Component) error {
	return ui.Show(w, r, http.StatusOK, c)
}
