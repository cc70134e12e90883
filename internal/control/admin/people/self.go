package people

import (
	"context"
	"errors"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Me is the caller's own account.
func (a *People) Me(ctx context.Context, c Caller) (account.Account, error) {
	if err := c.Need(account.Self); err != nil {
		return account.Account{}, err
	}
	s, err := a.o.Store.Account(ctx, c.Name)
	return accountOf(&s), found(err)
}

// Fresh tells until when the caller counts as having just shown who they are; zero when they have to again.
func (a *People) Fresh(c Caller) time.Time {
	if c.Machine || c.needFresh(a.o.Now()) != nil {
		return time.Time{}
	}
	return c.proved.Add(ProofAge)
}

// Confirm takes the caller's password, and a code where codes are asked for, for what is grave. The session gets a new cookie.
func (a *People) Confirm(ctx context.Context, c Caller, from Visitor, password, code string) (SignedIn, error) {
	stored, err := a.own(ctx, c, from, password)
	if err != nil {
		return SignedIn{}, err
	}
	use, method := func(*sqlite.Change) error { return nil }, "password"
	if len(stored.TOTP) > 0 {
		if use, method, err = a.checkCode(ctx, from, &stored, code); err != nil {
			return SignedIn{}, err
		}
	}
	in, err := a.enter(ctx, from, stored.Name, method, use)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrCode
	}
	return in, err
}

// own is the caller's account, once their password is right.
func (a *People) own(ctx context.Context, c Caller, from Visitor, password string) (store.Account, error) {
	if err := c.Need(account.Self); err != nil {
		return store.Account{}, err
	}
	if len(password) > account.MaxPassword {
		return store.Account{}, ErrCredentials
	}
	done, err := a.attempt(from, c.Name)
	if err != nil {
		return store.Account{}, err
	}
	stored, err := a.o.Store.Account(ctx, c.Name)
	if err != nil {
		return store.Account{}, found(err)
	}
	ok, err := a.verify(ctx, password, stored.Hash)
	if err != nil {
		return store.Account{}, err
	}
	if !ok {
		return store.Account{}, errors.Join(ErrPassword, a.refuse(ctx, from, stored.Name, "confirmation"))
	}
	done()
	return stored, nil
}

// ChangePassword gives the caller's account another password. All its sessions end; this browser gets a new one.
func (a *People) ChangePassword(ctx context.Context, c Caller, from Visitor, current, password string) (SignedIn, error) {
	if err := c.Need(account.Self); err != nil {
		return SignedIn{}, err
	}
	if err := account.CheckPassword(password, c.Name); err != nil {
		return SignedIn{}, &InputError{"password", err}
	}
	stored, err := a.own(ctx, c, from, current)
	if err != nil {
		return SignedIn{}, err
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return SignedIn{}, err
	}
	err = a.o.Store.Change(ctx, c.Entry("account.password", stored.Name, ""), func(ch *sqlite.Change) error {
		return errors.Join(ch.SetHash(stored.Name, hash), ch.RemoveLogins(stored.Name, [32]byte{}))
	})
	if err != nil {
		return SignedIn{}, err
	}
	return a.enter(ctx, from, stored.Name, "password", nil)
}

func accountOf(s *store.Account) account.Account {
	return account.Account{
		Name: s.Name, Role: highest(s.Roles), Created: s.Created, SignedIn: s.SignedIn, Disabled: s.Disabled,
		Codes: len(s.TOTP) > 0, Recovery: s.Recovery, Passkeys: s.Passkeys,
	}
}
