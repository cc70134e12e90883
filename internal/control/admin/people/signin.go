package people

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Visitor is who stands at the door.
type Visitor struct {
	Address string
	Browser string // User-Agent
	Device  string // what this browser was given when somebody last signed in with it
	Session string // the session it still carries, which the new one replaces
}

// SignedIn is a session that has just begun. Secret is the cookie's value and is known to nobody else.
type SignedIn struct {
	Secret  string
	Device  string // for the browser to keep for DeviceAge
	Expires time.Time
	Caller  Caller
}

// SecondStep is the error of a password that is right where a one-time code is asked for, too. Ticket goes back with the code.
type SecondStep struct{ Ticket string }

func (*SecondStep) Error() string { return "enter the code of your authenticator app" }

// stepAge is how long a code may be entered after the password.
const stepAge = 5 * time.Minute

// SignIn begins a session, or answers a SecondStep. Attempts are throttled by account and by network, and an unknown account
// takes the same work as a known one.
func (a *People) SignIn(ctx context.Context, from Visitor, name, password string) (SignedIn, error) {
	if len(name) > account.MaxName || len(password) > account.MaxPassword {
		return SignedIn{}, ErrCredentials
	}
	done, err := a.attempt(from, name)
	if err != nil {
		return SignedIn{}, err
	}
	stored, err := a.o.Store.Account(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return SignedIn{}, err
	}
	hash := stored.Hash
	if stored.Disabled {
		hash = ""
	}
	ok, err := a.verify(ctx, password, hash)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		// The attempted name may be a password typed into the wrong field, so only a known one is told.
		return SignedIn{}, errors.Join(ErrCredentials, a.refuse(ctx, from, stored.Name, "password"))
	}
	done()
	if a.dated(stored.Hash) {
		if err := a.rehash(ctx, from, &stored, password); errors.Is(err, store.ErrNotFound) { // another was chosen in this moment
			return SignedIn{}, ErrCredentials
		} else if err != nil {
			return SignedIn{}, err
		}
		if stored, err = a.o.Store.Account(ctx, name); err != nil {
			return SignedIn{}, err
		}
	}
	if len(stored.TOTP) > 0 {
		ticket, err := a.ticket(&stored)
		if err != nil {
			return SignedIn{}, err
		}
		return SignedIn{}, &SecondStep{ticket}
	}
	return a.enter(ctx, from, stored.Name, "password", nil)
}

// rehash stores a password, which is right, at the cost of today.
func (a *People) rehash(ctx context.Context, from Visitor, s *store.Account, password string) error {
	hash, err := a.hash(ctx, password)
	if err != nil {
		return err
	}
	entry := store.AuditEntry{Actor: "merlon", Address: from.Address, Action: "account.rehash", Target: s.Name}
	return a.o.Store.Change(ctx, entry, func(c *sqlite.Change) error { return c.ReplaceHash(s.Name, s.Hash, hash) })
}

// step is what a ticket says: whose password was right, and until when the code is waited for.
type step struct {
	Account string
	Until   time.Time
	Hash    []byte // the beginning of a hash of the password's hash: another password ends the ticket
}

func (a *People) ticket(s *store.Account) (string, error) {
	sum := sha256.Sum256([]byte(s.Hash))
	b, err := json.Marshal(step{s.Name, a.o.Now().Add(stepAge), sum[:8]})
	if err != nil {
		return "", err
	}
	sealed, err := a.seal("second step", b)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func (a *People) readTicket(ticket string) (s step, ok bool) {
	if len(ticket) > 1024 {
		return s, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil {
		return s, false
	}
	b, ok := a.open("second step", sealed)
	return s, ok && json.Unmarshal(b, &s) == nil && a.o.Now().Before(s.Until)
}

// SignInCode finishes what SignIn answered with a SecondStep, by a one-time code or a recovery code.
func (a *People) SignInCode(ctx context.Context, from Visitor, ticket, code string) (SignedIn, error) {
	s, ok := a.readTicket(ticket)
	if !ok {
		return SignedIn{}, ErrSignIn
	}
	stored, err := a.o.Store.Account(ctx, s.Account)
	if errors.Is(err, store.ErrNotFound) || err == nil && (stored.Disabled || len(stored.TOTP) == 0) { // or codes were removed since
		return SignedIn{}, ErrSignIn
	}
	if err != nil {
		return SignedIn{}, err
	}
	if sum := sha256.Sum256([]byte(stored.Hash)); subtle.ConstantTimeCompare(sum[:8], s.Hash) != 1 {
		return SignedIn{}, ErrSignIn
	}
	use, method, err := a.checkCode(ctx, from, &stored, code)
	if err != nil {
		return SignedIn{}, err
	}
	in, err := a.enter(ctx, from, stored.Name, method, use)
	if errors.Is(err, store.ErrNotFound) { // used by somebody else in this moment
		err = ErrCode
	}
	return in, err
}

// refuse notes an attempt that failed.
func (a *People) refuse(ctx context.Context, from Visitor, target, what string) error {
	return a.note(ctx, store.AuditEntry{Actor: "merlon", Address: from.Address, Action: "session.refuse", Target: target, Detail: what})
}

// enter begins a session for an account that has proved itself, in one change with what proved it. The session that the
// browser had ends, so that nobody can plant one in it.
func (a *People) enter(ctx context.Context, from Visitor, name, method string, use func(*sqlite.Change) error) (SignedIn, error) {
	secret, err := a.secret("")
	if err != nil {
		return SignedIn{}, err
	}
	device, err := a.newDevice(name, from.Device)
	if err != nil {
		return SignedIn{}, err
	}
	login := store.Login{
		TokenHash: sha256.Sum256([]byte(secret)), Account: name, Expires: a.o.Now().Add(SessionAge),
		Address: from.Address, UserAgent: from.Browser[:min(len(from.Browser), account.MaxBrowser)], Method: method,
	}
	entry := store.AuditEntry{Actor: name, Address: from.Address, Action: "session.begin", Target: name, Detail: method}
	err = a.o.Store.Change(ctx, entry, func(c *sqlite.Change) error {
		if use != nil {
			if err := use(c); err != nil {
				return err
			}
		}
		if from.Session != "" && len(from.Session) <= maxSecret {
			if err := c.RemoveLogin(sha256.Sum256([]byte(from.Session))); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return c.AddLogin(login)
	})
	if err != nil {
		return SignedIn{}, err
	}
	c, err := a.Session(ctx, secret, from.Address)
	return SignedIn{Secret: secret, Device: device, Expires: login.Expires, Caller: c}, err
}
