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
	use, method, err := a.second(ctx, from, &stored, code)
	if err != nil {
		return SignedIn{}, err
	}
	in, err := a.enter(ctx, from, stored.Name, method, use)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrCode
	}
	return in, err
}

// second is what follows a right password: the code, where codes are asked for. It is used up in the change that use is part of.
func (a *People) second(ctx context.Context, from Visitor, stored *store.Account, code string) (use func(*sqlite.Change) error, method string, err error) {
	if len(stored.TOTP) == 0 {
		return func(*sqlite.Change) error { return nil }, "password", nil
	}
	return a.checkCode(ctx, from, stored, code)
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

// ChangePassword gives the caller's account another password. It takes what Confirm takes, since the session that this browser
// gets counts as having just shown who it is. All other sessions of the account end.
func (a *People) ChangePassword(ctx context.Context, c Caller, from Visitor, current, code, password string) (SignedIn, error) {
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
	use, method, err := a.second(ctx, from, &stored, code)
	if err != nil {
		return SignedIn{}, err
	}
	hash, err := a.hash(ctx, password)
	if err != nil {
		return SignedIn{}, err
	}
	err = a.o.Store.Change(ctx, c.Entry("account.password", stored.Name, ""), func(ch *sqlite.Change) error {
		if err := use(ch); errors.Is(err, store.ErrNotFound) { // used by somebody else in this moment
			return ErrCode
		} else if err != nil {
			return err
		}
		// A password that a link chose in this moment stays.
		if err := ch.ReplaceHash(stored.Name, stored.Hash, hash); errors.Is(err, store.ErrNotFound) {
			return ErrPassword
		} else if err != nil {
			return err
		}
		return ch.RemoveLogins(stored.Name, [32]byte{})
	})
	if err != nil {
		return SignedIn{}, err
	}
	return a.enter(ctx, from, stored.Name, method, nil)
}

func accountOf(s *store.Account) account.Account {
	return account.Account{
		Name: s.Name, Role: highest(s.Roles), Created: s.Created, SignedIn: s.SignedIn, Disabled: s.Disabled,
		Codes: len(s.TOTP) > 0, Recovery: s.Recovery, Passkeys: s.Passkeys,
	}
}
