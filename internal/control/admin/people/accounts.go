package people

import (
	"context"
	"errors"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Accounts lists who may sign in, and who no longer may.
func (a *People) Accounts(ctx context.Context, c Caller) ([]account.Account, error) {
	if err := c.Need(account.SeePeople); err != nil {
		return nil, err
	}
	rows, err := a.o.Store.Accounts(ctx)
	out := make([]account.Account, 0, len(rows))
	for i := range rows {
		out = append(out, accountOf(&rows[i]))
	}
	return out, err
}

// SetRole gives an account another role; it holds from its next request on.
func (a *People) SetRole(ctx context.Context, c Caller, name string, role account.Role) error {
	if _, ok := account.ParseRole(string(role)); !ok {
		return wrong("role", "use one of %v", account.Roles())
	}
	return a.edit(ctx, c, "account.role", name, string(role), func(ch *sqlite.Change, s store.Account) error {
		s.Roles = []string{string(role)}
		if !role.May(account.EditPeople) { // whoever may invite nobody has invited nobody
			if err := ch.RemoveInvitesBy(s.Name); err != nil {
				return err
			}
		}
		return ch.SetAccount(s)
	})
}

// SetDisabled keeps an account out, ends its sessions and takes back the links it made, or lets it in again.
func (a *People) SetDisabled(ctx context.Context, c Caller, name string, disabled bool) error {
	action := "account.enable"
	if disabled {
		action = "account.disable"
	}
	return a.edit(ctx, c, action, name, "", func(ch *sqlite.Change, s store.Account) error {
		s.Disabled = disabled
		if disabled {
			if err := ch.RemoveInvitesBy(s.Name); err != nil {
				return err
			}
		}
		return ch.SetAccount(s)
	})
}

// RemoveAccount removes an account with its sessions, passkeys and codes, and takes back the links it made. What it did stays in the audit log.
func (a *People) RemoveAccount(ctx context.Context, c Caller, name string) error {
	return a.edit(ctx, c, "account.remove", name, "", func(ch *sqlite.Change, s store.Account) error {
		return errors.Join(ch.RemoveInvitesBy(s.Name), ch.RemoveAccount(s.Name))
	})
}

// ResetFactors takes one-time codes, recovery codes and passkeys off an account whose owner has lost them, and ends its sessions.
func (a *People) ResetFactors(ctx context.Context, c Caller, name string) error {
	return a.edit(ctx, c, "account.reset-factors", name, "", func(ch *sqlite.Change, s store.Account) error {
		return errors.Join(ch.SetTOTP(s.Name, nil, 0), ch.PutRecovery(s.Name, nil), ch.RemovePasskeys(s.Name), ch.RemoveLogins(s.Name, [32]byte{}))
	})
}

// SignOutAll ends the sessions of an account.
func (a *People) SignOutAll(ctx context.Context, c Caller, name string) error {
	return a.edit(ctx, c, "session.revoke", name, "all", func(ch *sqlite.Change, s store.Account) error { return ch.RemoveLogins(s.Name, [32]byte{}) })
}

// edit changes an account as one who may change others', and refuses what would leave nobody to administer: that is looked
// at in the same change, so two administrators cannot remove each other.
func (a *People) edit(ctx context.Context, c Caller, action, name, detail string, do func(*sqlite.Change, store.Account) error) error {
	if err := a.grave(c, account.EditPeople); err != nil {
		return err
	}
	s, err := a.o.Store.Account(ctx, name)
	if err != nil {
		return found(err)
	}
	return found(a.o.Store.Change(ctx, c.Entry(action, s.Name, detail), func(ch *sqlite.Change) error {
		now, err := ch.Account(s.Name) // as it is by now: a password or role that changed meanwhile stays
		if err != nil {
			return err
		}
		if err := do(ch, now); err != nil {
			return err
		}
		n, err := ch.Admins(string(account.Admin))
		if err == nil && n == 0 {
			err = ErrLastAdmin
		}
		return err
	}))
}
