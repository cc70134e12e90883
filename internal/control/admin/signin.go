package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// SessionAge is how long a browser stays signed in.
const SessionAge = 12 * time.Hour

// touchEvery is how often the use of a session or token is noted.
const touchEvery = time.Minute

// Visitor is who stands at the door.
type Visitor struct {
	Address string
	Browser string // User-Agent
}

// SignedIn is a session that has just begun. Secret is the cookie's value and is known to nobody else.
type SignedIn struct {
	Secret  string
	Expires time.Time
	Caller  Caller
}

// SignIn begins a session. Attempts are throttled by account and by address, and an unknown account takes the same work
// as a known one.
func (a *Admin) SignIn(ctx context.Context, from Visitor, name, password string) (SignedIn, error) {
	now := a.o.Now()
	if len(name) > account.MaxName || len(password) > account.MaxPassword {
		return SignedIn{}, ErrCredentials
	}
	key := strings.ToLower(name)
	if wait := a.byAddress.take(addressKey(from.Address), now); wait > 0 {
		return SignedIn{}, &ThrottledError{wait}
	}
	if wait := a.byAccount.take(key, now); wait > 0 {
		return SignedIn{}, &ThrottledError{wait}
	}
	stored, err := a.o.Store.Account(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return SignedIn{}, err
	}
	if stored.Disabled {
		stored.Hash = ""
	}
	ok, err := a.verify(ctx, password, stored.Hash)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		// The attempted name may be a password typed into the wrong field, so only a known one is told.
		target := ""
		if stored.Name != "" {
			target = stored.Name
		}
		entry := store.AuditEntry{Actor: "merlon", Address: from.Address, Action: "session.refuse", Target: target}
		return SignedIn{}, errors.Join(ErrCredentials, a.o.Store.Change(ctx, entry, func(*sqlite.Change) error { return nil }))
	}
	a.byAccount.clear(key)
	return a.enter(ctx, from, stored.Name)
}

// enter begins a session for an account that has proved itself.
func (a *Admin) enter(ctx context.Context, from Visitor, name string) (SignedIn, error) {
	secret, err := a.secret("")
	if err != nil {
		return SignedIn{}, err
	}
	login := store.Login{
		TokenHash: sha256.Sum256([]byte(secret)), Account: name, Expires: a.o.Now().Add(SessionAge),
		Address: from.Address, UserAgent: from.Browser[:min(len(from.Browser), account.MaxBrowser)],
	}
	entry := store.AuditEntry{Actor: name, Address: from.Address, Action: "session.begin", Target: name}
	if err := a.o.Store.Change(ctx, entry, func(c *sqlite.Change) error { return c.AddLogin(login) }); err != nil {
		return SignedIn{}, err
	}
	c, err := a.Session(ctx, secret, from.Address)
	return SignedIn{Secret: secret, Expires: login.Expires, Caller: c}, err
}

// Session is who holds a cookie; ErrSignIn when nobody does any more.
func (a *Admin) Session(ctx context.Context, secret, address string) (Caller, error) {
	if secret == "" || len(secret) > 128 {
		return Caller{}, ErrSignIn
	}
	return a.session(ctx, sha256.Sum256([]byte(secret)), address)
}

func (a *Admin) session(ctx context.Context, hash [32]byte, address string) (Caller, error) {
	now := a.o.Now()
	login, who, err := a.o.Store.Login(ctx, hash, now)
	if errors.Is(err, store.ErrNotFound) {
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
	return Caller{Name: who.Name, Role: highest(who.Roles), Address: address, session: hash, expires: login.Expires}, nil
}

// SignOut ends the caller's session.
func (a *Admin) SignOut(ctx context.Context, c Caller) error {
	if err := c.Need(account.SignedIn); err != nil || c.Machine {
		return err
	}
	entry := store.AuditEntry{Actor: c.Name, Address: c.Address, Action: "session.end", Target: c.Name}
	err := a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.RemoveLogin(c.session) })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
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
