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

// SetupAge is how long a set-up link works.
const SetupAge = time.Hour

// NewSetup makes the one-time token of a set-up link, in place of an earlier one; needed is false, and no token is made,
// when an account exists. The token belongs on a terminal, or else into a file that only its owner can read: never into a log.
func (a *People) NewSetup(ctx context.Context) (token string, needed bool, err error) {
	accounts, err := a.o.Store.Accounts(ctx)
	if err != nil || len(accounts) > 0 {
		return "", false, err
	}
	token, err = a.secret("")
	if err != nil {
		return "", false, err
	}
	err = a.o.Store.Change(ctx, store.AuditEntry{Actor: "merlon", Action: "setup.offer"}, func(c *sqlite.Change) error {
		return c.PutSetup(sha256.Sum256([]byte(token)), a.o.Now().Add(SetupAge))
	})
	return token, err == nil, err
}

// NeedsSetup tells whether there is no account yet.
func (a *People) NeedsSetup(ctx context.Context) (bool, error) {
	accounts, err := a.o.Store.Accounts(ctx)
	return len(accounts) == 0, err
}

// CheckSetup tells with ErrSetup that a set-up link does not work, before anybody fills in its form.
func (a *People) CheckSetup(ctx context.Context, from Visitor, token string) error {
	offered, err := a.o.Store.SetupOffered(ctx, sha256.Sum256([]byte(token)), a.o.Now())
	if err == nil && !offered {
		err = a.badLink(from, ErrSetup)
	}
	return err
}

// SetUp creates the administrator's account with a set-up token, exactly once, and signs in.
func (a *People) SetUp(ctx context.Context, from Visitor, token, name, password string) (SignedIn, error) {
	// Only a token that waits is worth the work of hashing.
	if err := a.CheckSetup(ctx, from, token); err != nil {
		return SignedIn{}, err
	}
	if err := account.CheckName(name); err != nil {
		return SignedIn{}, &InputError{"name", err}
	}
	if err := account.CheckPassword(password, name); err != nil {
		return SignedIn{}, &InputError{"password", err}
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return SignedIn{}, err
	}
	entry := store.AuditEntry{Actor: name, Address: from.Address, Action: "account.create", Target: name, Detail: "set-up link, role admin"}
	err = a.o.Store.Change(ctx, entry, func(c *sqlite.Change) error {
		if err := c.UseSetup(sha256.Sum256([]byte(token))); err != nil {
			return err
		}
		return c.AddAccount(store.Account{Name: name, Hash: hash, Roles: []string{string(account.Admin)}})
	})
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrExists):
		return SignedIn{}, ErrSetup
	case err != nil:
		return SignedIn{}, err
	}
	if a.o.Claimed != nil {
		a.o.Claimed()
	}
	return a.enter(ctx, from, name, "link", nil)
}
