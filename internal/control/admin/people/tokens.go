package people

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// tokenPrefix tells people and secret scanners what the text is.
const tokenPrefix = "mrl_"

// TokenAge is how long a token lives when nobody says, MaxTokenAge how long at most.
const (
	TokenAge    = 90 * 24 * time.Hour
	MaxTokenAge = 366 * 24 * time.Hour
)

const (
	maxSites = 64
	maxSite  = 128
)

// TokenRequest is what a token should be.
type TokenRequest struct {
	Name   string
	Role   account.Role
	Scopes []account.Permission // none: all that its role may
	Sites  []string             // none: all
	Age    time.Duration        // 0: TokenAge
}

// CreateToken makes a token for a machine. The secret is returned once and kept nowhere. A token can make none that may more
// than itself, nor one that outlives it.
func (a *People) CreateToken(ctx context.Context, c Caller, q TokenRequest) (account.Token, string, error) {
	if err := a.grave(c, account.EditTokens); err != nil {
		return account.Token{}, "", err
	}
	if err := q.check(); err != nil {
		return account.Token{}, "", err
	}
	now := a.o.Now()
	expires := now.Add(q.Age)
	if c.Machine {
		child := Caller{Name: q.Name, Role: q.Role, Machine: true, Scopes: q.Scopes}
		for _, p := range account.Permissions() {
			if child.May(p) && !c.May(p) {
				return account.Token{}, "", ErrForbidden
			}
		}
		if c.expires.Before(expires) {
			expires = c.expires
		}
	}
	secret, err := a.secret(tokenPrefix)
	if err != nil {
		return account.Token{}, "", err
	}
	hash := sha256.Sum256([]byte(secret))
	k := store.APIToken{ID: idOf(hash), Name: q.Name, TokenHash: hash, Roles: []string{string(q.Role)}, Sites: q.Sites, By: c.Name, Created: now, Expires: expires}
	for _, p := range q.Scopes {
		k.Scopes = append(k.Scopes, string(p))
	}
	if err := a.o.Store.Change(ctx, c.Entry("token.create", k.ID, q.detail(expires)), func(ch *sqlite.Change) error { return ch.AddAPIToken(k) }); err != nil {
		return account.Token{}, "", err
	}
	return tokenOf(k), secret, nil
}

// check finds what is wrong with a request, and fills in what it leaves open.
func (q *TokenRequest) check() error {
	if err := account.CheckName(q.Name); err != nil {
		return &InputError{"name", err}
	}
	if _, ok := account.ParseRole(string(q.Role)); !ok {
		return wrong("role", "use one of %v", account.Roles())
	}
	for _, p := range q.Scopes {
		if _, ok := account.ParsePermission(string(p)); !ok || !q.Role.May(p) || p.PersonOnly() {
			return wrong("scopes", "a token of the role %s cannot have %q: use permissions of docs/reference/permissions.md", q.Role, p)
		}
	}
	if len(q.Sites) > maxSites {
		return wrong("sites", "use at most %d", maxSites)
	}
	for _, s := range q.Sites {
		if s == "" || len(s) > maxSite {
			return wrong("sites", "write names of sites, of 1 to %d bytes", maxSite)
		}
	}
	if q.Age == 0 {
		q.Age = TokenAge
	}
	if q.Age < 0 || q.Age > MaxTokenAge {
		return wrong("days", "use 1 to %d", MaxTokenAge/(24*time.Hour))
	}
	q.Scopes, q.Sites = unique(q.Scopes), unique(q.Sites)
	return nil
}

func unique[T cmp.Ordered](all []T) []T {
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all)
}

// detail is what the audit log tells of a token.
func (q *TokenRequest) detail(expires time.Time) string {
	s := q.Name + ", role " + string(q.Role)
	if len(q.Scopes) > 0 {
		s += ", scopes"
	}
	for _, p := range q.Scopes {
		s += " " + string(p)
	}
	if len(q.Sites) > 0 {
		s += ", sites " + strings.Join(q.Sites, " ")
	}
	return s + ", until " + expires.UTC().Format(time.DateOnly)
}

// Tokens lists the tokens, without their secrets.
func (a *People) Tokens(ctx context.Context, c Caller) ([]account.Token, error) {
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
func (a *People) RevokeToken(ctx context.Context, c Caller, id string) error {
	if err := c.Need(account.EditTokens); err != nil {
		return err
	}
	return found(a.o.Store.Change(ctx, c.Entry("token.revoke", id, ""), func(ch *sqlite.Change) error { return ch.RemoveAPIToken(id) }))
}

// Bearer is who holds a token; ErrSignIn when nobody does any more.
func (a *People) Bearer(ctx context.Context, secret, address string) (Caller, error) {
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) > maxSecret {
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
	t := tokenOf(k)
	return Caller{
		Name: "token:" + k.Name, Role: t.Role, Address: address, Machine: true, Scopes: t.Scopes, Sites: t.Sites, session: k.TokenHash, expires: k.Expires,
	}, nil
}

func tokenOf(k store.APIToken) account.Token {
	t := account.Token{ID: k.ID, Name: k.Name, Role: highest(k.Roles), Sites: k.Sites, By: k.By, Created: k.Created, Expires: k.Expires, Used: k.Used}
	for _, s := range k.Scopes { // one that is no permission any more permits nothing, and still cuts
		t.Scopes = append(t.Scopes, account.Permission(s))
	}
	return t
}

// idOf names a secret by the beginning of its hash, which tells nothing of it.
func idOf(hash [32]byte) string { return hex.EncodeToString(hash[:idBytes]) }

const idBytes = 8
