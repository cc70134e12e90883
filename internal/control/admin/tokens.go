package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// tokenPrefix tells people and secret scanners what the text is.
const tokenPrefix = "mrl_"

// maxTokenAge bounds how long a token may be asked to live.
const maxTokenAge = 2 * 366 * 24 * time.Hour

// CreateToken makes a token for a machine. The secret is returned once and kept nowhere.
func (a *Admin) CreateToken(ctx context.Context, c Caller, name string, role account.Role, age time.Duration) (account.Token, string, error) {
	if err := c.Need(account.EditTokens); err != nil {
		return account.Token{}, "", err
	}
	if err := account.CheckName(name); err != nil {
		return account.Token{}, "", &InputError{"name", err}
	}
	if _, ok := account.ParseRole(string(role)); !ok {
		return account.Token{}, "", wrong("role", "use one of %v", account.Roles())
	}
	if age < 0 || age > maxTokenAge {
		return account.Token{}, "", wrong("age", "use at most two years")
	}
	secret, err := a.secret(tokenPrefix)
	if err != nil {
		return account.Token{}, "", err
	}
	hash := sha256.Sum256([]byte(secret))
	k := store.APIToken{ID: idOf(hash), Name: name, TokenHash: hash, Roles: []string{string(role)}, By: c.Name, Created: a.o.Now()}
	if age > 0 {
		k.Expires = k.Created.Add(age)
	}
	entry := c.audit("token.create", k.ID, name+", role "+string(role))
	if err := a.o.Store.Change(ctx, entry, func(ch *sqlite.Change) error { return ch.AddAPIToken(k) }); err != nil {
		return account.Token{}, "", err
	}
	return tokenOf(k), secret, nil
}

// Tokens lists the tokens, without their secrets.
func (a *Admin) Tokens(ctx context.Context, c Caller) ([]account.Token, error) {
	if err := c.Need(account.EditTokens); err != nil {
		return nil, err
	}
	stored, err := a.o.Store.APITokens(ctx)
	out := make([]account.Token, 0, len(stored))
	for _, k := range stored {
		out = append(out, tokenOf(k))
	}
	return out, err
}

// RevokeToken ends a token.
func (a *Admin) RevokeToken(ctx context.Context, c Caller, id string) error {
	if err := c.Need(account.EditTokens); err != nil {
		return err
	}
	return found(a.o.Store.Change(ctx, c.audit("token.revoke", id, ""), func(ch *sqlite.Change) error { return ch.RemoveAPIToken(id) }))
}

// Bearer is who holds a token; ErrSignIn when nobody does any more.
func (a *Admin) Bearer(ctx context.Context, secret, address string) (Caller, error) {
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) > 128 {
		return Caller{}, ErrSignIn
	}
	now := a.o.Now()
	k, err := a.o.Store.APIToken(ctx, sha256.Sum256([]byte(secret)), now)
	if errors.Is(err, store.ErrNotFound) {
		return Caller{}, ErrSignIn
	}
	if err != nil {
		return Caller{}, err
	}
	if now.Sub(k.Used) > touchEvery {
		if err := a.o.Store.TouchAPIToken(ctx, k.ID, now); err != nil {
			a.o.Log.Warn("the use of a token was not noted", "error", err)
		}
	}
	return Caller{Name: "token:" + k.Name, Role: highest(k.Roles), Address: address, Machine: true, session: k.TokenHash, expires: k.Expires}, nil
}

// still tells whether a caller of a long answer may still come in: the session or token has neither ended nor been taken back.
func (a *Admin) still(ctx context.Context, c Caller) error {
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

func tokenOf(k store.APIToken) account.Token {
	return account.Token{ID: k.ID, Name: k.Name, Role: highest(k.Roles), By: k.By, Created: k.Created, Expires: k.Expires, Used: k.Used}
}

// audit is an entry of what the caller does.
func (c Caller) audit(action, target, detail string) store.AuditEntry {
	return store.AuditEntry{Actor: c.Name, Address: c.Address, Action: action, Target: target, Detail: detail}
}

// found turns the store's ErrNotFound into the use cases'.
func found(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// idOf names a token by the beginning of its hash, which tells nothing of the token.
func idOf(hash [32]byte) string { return hex.EncodeToString(hash[:8]) }
