package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

const (
	// SessionAge is how long a browser stays signed in at most, SessionIdle how long when nobody uses it (OWASP, session
	// management: both bounds). A day at work fits; an open live list is use.
	SessionAge  = 12 * time.Hour
	SessionIdle = 2 * time.Hour

	// touchEvery is how often the use of a session or token is noted.
	touchEvery = time.Minute
	// maxSecret bounds what a cookie or header may carry, in bytes.
	maxSecret = 128
)

// Session is who holds a cookie; ErrSignIn when nobody does any more.
func (a *People) Session(ctx context.Context, secret, address string) (Caller, error) {
	if secret == "" || len(secret) > maxSecret {
		return Caller{}, ErrSignIn
	}
	return a.session(ctx, sha256.Sum256([]byte(secret)), address)
}

func (a *People) session(ctx context.Context, hash [32]byte, address string) (Caller, error) {
	now := a.o.Now()
	login, who, err := a.o.Store.Login(ctx, hash, now)
	if errors.Is(err, store.ErrNotFound) || err == nil && now.Sub(login.Seen) > SessionIdle {
		return Caller{}, ErrSignIn
	}
	if err != nil {
		return Caller{}, err
	}
	if now.Sub(login.Seen) > touchEvery {
		if err := a.o.Store.TouchLogin(ctx, hash, now); err != nil {
			a.o.Log.Warn("the use of a session was not noted", "error", err)
		}
	}
	return Caller{Name: who.Name, Role: highest(who.Roles), Address: address, session: hash, expires: login.Expires, proved: login.Proved}, nil
}

// Still tells whether a caller of a long answer may still come in: the session or token has neither ended nor been taken back.
func (a *People) Still(ctx context.Context, c Caller) error {
	if c.local {
		return nil
	}
	if c.Machine {
		_, err := a.o.Store.APIToken(ctx, c.session, a.o.Now())
		if errors.Is(err, store.ErrNotFound) {
			return ErrSignIn
		}
		return err
	}
	_, err := a.session(ctx, c.session, c.Address)
	return err
}

// SignOut ends the caller's session.
func (a *People) SignOut(ctx context.Context, c Caller) error {
	if err := c.Need(account.SignedIn); err != nil || c.Machine {
		return err
	}
	err := a.o.Store.Change(ctx, c.Entry("session.end", c.Name, ""), func(ch *sqlite.Change) error { return ch.RemoveLogin(c.session) })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Sessions lists the caller's own sessions, the last used first.
func (a *People) Sessions(ctx context.Context, c Caller) ([]account.Session, error) {
	if err := c.Need(account.Self); err != nil {
		return nil, err
	}
	return a.sessions(ctx, c, c.Name)
}

// AllSessions lists everybody's.
func (a *People) AllSessions(ctx context.Context, c Caller) ([]account.Session, error) {
	if err := c.Need(account.SeePeople); err != nil {
		return nil, err
	}
	return a.sessions(ctx, c, "")
}

func (a *People) sessions(ctx context.Context, c Caller, of string) ([]account.Session, error) {
	now := a.o.Now()
	rows, err := a.o.Store.Logins(ctx, of, now)
	out := make([]account.Session, 0, len(rows))
	for _, l := range rows {
		if now.Sub(l.Seen) > SessionIdle {
			continue
		}
		out = append(out, account.Session{
			ID: idOf(l.TokenHash), Account: l.Account, Created: l.Created, Seen: l.Seen, Expires: l.Expires,
			Address: l.Address, Browser: l.UserAgent, Method: l.Method, Current: l.TokenHash == c.session,
		})
	}
	return out, err
}

// RevokeSession ends a session: one's own at any time, another's with the right to.
func (a *People) RevokeSession(ctx context.Context, c Caller, id string) error {
	if err := c.Need(account.Self); err != nil {
		return err
	}
	name, err := hex.DecodeString(id)
	if err != nil || len(name) != idBytes {
		return ErrNotFound
	}
	l, err := a.o.Store.LoginNamed(ctx, name, a.o.Now())
	if err != nil {
		return found(err)
	}
	if l.Account != c.Name {
		// Whoever may not learns nothing about whether there is such a session.
		if !c.May(account.EditPeople) {
			return ErrNotFound
		}
		if err := a.grave(c, account.EditPeople); err != nil {
			return err
		}
	}
	return found(a.o.Store.Change(ctx, c.Entry("session.revoke", l.Account, id), func(ch *sqlite.Change) error { return ch.RemoveLogin(l.TokenHash) }))
}

// RevokeOthers ends all of the caller's sessions but this one.
func (a *People) RevokeOthers(ctx context.Context, c Caller) error {
	if err := c.Need(account.Self); err != nil {
		return err
	}
	return a.o.Store.Change(ctx, c.Entry("session.revoke", c.Name, "all others"), func(ch *sqlite.Change) error { return ch.RemoveLogins(c.Name, c.session) })
}

// highest is the role that may most among those stored; words that are no role are ignored.
func highest(roles []string) (best account.Role) {
	for _, known := range account.Roles() {
		for _, r := range roles {
			if string(known) == r {
				best = known
			}
		}
	}
	return best
}
