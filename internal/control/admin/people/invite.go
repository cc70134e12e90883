package people

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// InviteAge is how long an invitation works.
const InviteAge = 24 * time.Hour

// Invite makes a one-time link for somebody to make an account of their own: nobody chooses a password for another. The
// token is told this one time.
func (a *People) Invite(ctx context.Context, c Caller, name string, role account.Role) (account.Invite, string, error) {
	if err := a.grave(c, account.EditPeople); err != nil {
		return account.Invite{}, "", err
	}
	if err := account.CheckName(name); err != nil {
		return account.Invite{}, "", &InputError{"name", err}
	}
	if _, ok := account.ParseRole(string(role)); !ok {
		return account.Invite{}, "", wrong("role", "use one of %v", account.Roles())
	}
	if _, err := a.o.Store.Account(ctx, name); !errors.Is(err, store.ErrNotFound) {
		return account.Invite{}, "", errors.Join(err, ErrExists)
	}
	return a.invite(ctx, c, store.Invite{Account: name, Role: string(role)}, "account.invite")
}

// InviteReset makes a one-time link to another password for an account. What it has stays until the link is used.
func (a *People) InviteReset(ctx context.Context, c Caller, name string) (account.Invite, string, error) {
	if err := a.grave(c, account.EditPeople); err != nil {
		return account.Invite{}, "", err
	}
	s, err := a.o.Store.Account(ctx, name)
	if err != nil {
		return account.Invite{}, "", found(err)
	}
	return a.invite(ctx, c, store.Invite{Account: s.Name, Role: string(highest(s.Roles)), Reset: true}, "account.reset-password")
}

func (a *People) invite(ctx context.Context, c Caller, i store.Invite, action string) (account.Invite, string, error) {
	token, err := a.secret("")
	if err != nil {
		return account.Invite{}, "", err
	}
	i.TokenHash, i.By, i.Created, i.Expires = sha256.Sum256([]byte(token)), c.Name, a.o.Now(), a.o.Now().Add(InviteAge)
	err = a.o.Store.Change(ctx, c.Entry(action, i.Account, "role "+i.Role), func(ch *sqlite.Change) error { return ch.PutInvite(i) })
	return inviteOf(i), token, err
}

// Invites lists the links that nobody has used.
func (a *People) Invites(ctx context.Context, c Caller) ([]account.Invite, error) {
	if err := c.Need(account.SeePeople); err != nil {
		return nil, err
	}
	rows, err := a.o.Store.Invites(ctx, a.o.Now())
	out := make([]account.Invite, 0, len(rows))
	for _, i := range rows {
		out = append(out, inviteOf(i))
	}
	return out, err
}

// RevokeInvite takes a link back.
func (a *People) RevokeInvite(ctx context.Context, c Caller, id string) error {
	if err := a.grave(c, account.EditPeople); err != nil {
		return err
	}
	rows, err := a.o.Store.Invites(ctx, a.o.Now())
	if err != nil {
		return err
	}
	for _, i := range rows {
		if idOf(i.TokenHash) == id {
			return found(a.o.Store.Change(ctx, c.Entry("account.uninvite", i.Account, ""), func(ch *sqlite.Change) error { return ch.RemoveInvite(i.TokenHash) }))
		}
	}
	return ErrNotFound
}

// CheckInvite tells whom a link is for, or with ErrLink that it does not work.
func (a *People) CheckInvite(ctx context.Context, from Visitor, token string) (account.Invite, error) {
	i, err := a.o.Store.Invite(ctx, sha256.Sum256([]byte(token)), a.o.Now())
	if errors.Is(err, store.ErrNotFound) {
		return account.Invite{}, a.badLink(from, ErrLink)
	}
	return inviteOf(i), err
}

// badLink counts a link that is none, and answers err as long as there were not too many. Links carry 256 random bits, so nobody
// finds one by trying: whoever holds one is never kept out by those who try from the same network, or through the same proxy.
func (a *People) badLink(from Visitor, err error) error {
	if wait := a.byLink.take(addressKey(from.Address), a.o.Now()); wait > 0 {
		return &ThrottledError{wait}
	}
	return err
}

// Accept uses a link up. Whoever made an account with it is signed in; whoever chose another password signs in with it, since
// their second factor is still asked for: then the answer is the zero SignedIn.
func (a *People) Accept(ctx context.Context, from Visitor, token, password string) (SignedIn, error) {
	i, err := a.CheckInvite(ctx, from, token)
	if err != nil {
		return SignedIn{}, err
	}
	if err := account.CheckPassword(password, i.Name); err != nil {
		return SignedIn{}, &InputError{"password", err}
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return SignedIn{}, err
	}
	action, detail := "account.create", "invited by "+i.By+", role "+string(i.Role)
	if i.Reset {
		action, detail = "account.password", "link of "+i.By
	}
	entry := store.AuditEntry{Actor: i.Name, Address: from.Address, Action: action, Target: i.Name, Detail: detail}
	err = a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error {
		if err := ch.UseInvite(sha256.Sum256([]byte(token))); err != nil {
			return err
		}
		if i.Reset {
			return errors.Join(ch.SetHash(i.Name, hash), ch.RemoveLogins(i.Name, [32]byte{}))
		}
		return ch.AddAccount(store.Account{Name: i.Name, Hash: hash, Roles: []string{string(i.Role)}})
	})
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrExists):
		return SignedIn{}, ErrLink
	case err != nil || i.Reset:
		return SignedIn{}, err
	}
	return a.enter(ctx, from, i.Name, "link", nil)
}

func inviteOf(i store.Invite) account.Invite {
	return account.Invite{ID: idOf(i.TokenHash), Name: i.Account, Role: account.Role(i.Role), Reset: i.Reset, By: i.By, Created: i.Created, Expires: i.Expires}
}
