package people

import (
	"net/http"
	"net/url"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

// folk is everything the page of people shows.
type folk struct {
	Accounts []account.Account
	Invites  []account.Invite
	Typed    url.Values
	// Link is the link that was just made, for Invited; it is shown this one time.
	Link    string
	Invited account.Invite
}

func (s *room) people(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.showPeople(w, r, p, folk{Typed: r.PostForm})
}

func (s *room) showPeople(w http.ResponseWriter, r *http.Request, p *ui.Page, v folk) (err error) {
	begin(r, p, "People")
	if v.Accounts, err = s.Admin.Accounts(r.Context(), p.Caller); err != nil {
		return err
	}
	if v.Invites, err = s.Admin.Invites(r.Context(), p.Caller); err != nil {
		return err
	}
	return show(w, r, peoplePage(p, v))
}

func (s *room) invite(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	i, token, err := s.Admin.Invite(r.Context(), p.Caller, r.PostForm.Get("name"), account.Role(r.PostForm.Get("role")))
	if err != nil {
		return s.done(w, r, p, err, "/people", "", s.people)
	}
	return s.showPeople(w, r, p, folk{Link: joinLink(r, token), Invited: i})
}

func (s *room) uninvite(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.done(w, r, p, s.Admin.RevokeInvite(r.Context(), p.Caller, r.PathValue("id")), "/people", "uninvited", s.people)
}

// edit does what one of the buttons beside an account says.
func (s *room) edit(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f, ctx := r.PostForm, r.Context()
	name, do := f.Get("name"), f.Get("do")
	var err error
	switch do {
	case "role":
		err = s.Admin.SetRole(ctx, p.Caller, name, account.Role(f.Get("role")))
	case "disable", "enable":
		err = s.Admin.SetDisabled(ctx, p.Caller, name, do == "disable")
	case "remove":
		err = s.Admin.RemoveAccount(ctx, p.Caller, name)
	case "reset":
		err = s.Admin.ResetFactors(ctx, p.Caller, name)
	case "sign-out":
		err = s.Admin.SignOutAll(ctx, p.Caller, name)
	case "password":
		i, token, err := s.Admin.InviteReset(ctx, p.Caller, name)
		if err != nil {
			return s.done(w, r, p, err, "/people", "", s.people)
		}
		return s.showPeople(w, r, p, folk{Link: joinLink(r, token), Invited: i})
	default:
		return admin.ErrNotFound
	}
	return s.done(w, r, p, err, "/people", do, s.people)
}

// joinLink is the address of an invitation under the name that this browser opened Merlon by.
func joinLink(r *http.Request, token string) string {
	return admin.BaseOf(r) + "/join?token=" + url.QueryEscape(token)
}

func (s *room) sessions(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	begin(r, p, "Sessions")
	all, err := s.Admin.AllSessions(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	return show(w, r, sessionsPage(p, all))
}

func (s *room) roles(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	begin(r, p, "Roles")
	return show(w, r, rolesPage(p))
}

func (s *room) settings(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	begin(r, p, "Settings")
	v, err := s.Admin.Settings(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	return show(w, r, settingsPage(p, v))
}
