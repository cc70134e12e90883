// Package people is the use cases around who may come in: accounts, sessions, second factors, passkeys, tokens, the audit log.
//
// Every change writes its audit entry in the same transaction. No secret is stored as it is: passwords as argon2id hashes,
// what machines and links carry (256 random bits) as SHA-256, what must be read again (secrets of one-time codes) sealed
// with a key that stands beside the database.
package people

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Options is everything People is made from.
type Options struct {
	// Store keeps it all. Its Run must be running.
	Store *sqlite.DB
	// Key seals what must be read again; it is kept beside the database (store.Directory.PeopleKey).
	Key [32]byte
	// Claimed is called when the first account was made with a set-up link; nil tells nobody.
	Claimed func()
	// Now is the clock, Random the source of secrets (crypto/rand.Reader), Log the operators' log.
	Now    func() time.Time
	Random io.Reader
	Log    *slog.Logger
	// Hashing is the cost of passwords; the zero value takes DefaultHashing.
	Hashing Hashing
}

// People carries out the use cases. It is safe for concurrent use.
type People struct {
	o         Options
	byAccount *throttle     // passwords, by account
	byDevice  *throttle     // passwords, by known browser: strangers can neither fill nor enter it
	byAddress *throttle     // passwords, by network
	byLink    *throttle     // links that are none, by network: one that is right is never slowed
	byPasskey *throttle     // answers of passkeys, by network or known browser
	byCode    *throttle     // one-time codes, by account
	hashers   chan struct{} // bounds the memory that hashing takes at a time
	sealer    cipher.AEAD

	// mu guards the challenges that were answered, until they would have ended.
	mu    sync.Mutex
	spent map[string]time.Time
}

const maxHashers = 2

// New makes People.
func New(o Options) (*People, error) {
	if o.Store == nil || o.Now == nil || o.Random == nil || o.Log == nil || o.Key == [32]byte{} {
		return nil, errors.New("people: Store, Key, Now, Random and Log are all needed")
	}
	if o.Hashing == (Hashing{}) {
		o.Hashing = DefaultHashing()
	}
	block, err := aes.NewCipher(o.Key[:])
	if err != nil {
		return nil, err
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &People{
		o: o, byAccount: newThrottle(accountBurst, accountPace), byDevice: newThrottle(accountBurst, accountPace),
		byAddress: newThrottle(addressBurst, addressPace), byLink: newThrottle(addressBurst, addressPace),
		byPasskey: newThrottle(addressBurst, addressPace), byCode: newThrottle(codeBurst, codePace),
		hashers: make(chan struct{}, maxHashers), sealer: sealer, spent: map[string]time.Time{},
	}, nil
}

// seal encrypts and authenticates b for one purpose (AES-256-GCM with a random nonce, which stands in front): what was sealed
// for one purpose opens for no other.
func (a *People) seal(purpose string, b []byte) ([]byte, error) {
	nonce := make([]byte, a.sealer.NonceSize())
	if _, err := io.ReadFull(a.o.Random, nonce); err != nil {
		return nil, fmt.Errorf("random numbers: %w", err)
	}
	return a.sealer.Seal(nonce, nonce, b, []byte(purpose)), nil
}

func (a *People) open(purpose string, sealed []byte) ([]byte, bool) {
	n := a.sealer.NonceSize()
	if len(sealed) < n {
		return nil, false
	}
	b, err := a.sealer.Open(nil, sealed[:n], sealed[n:], []byte(purpose))
	return b, err == nil
}

// secret makes 256 random bits as text.
func (a *People) secret(prefix string) (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(a.o.Random, b); err != nil {
		return "", fmt.Errorf("random numbers: %w", err)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// Secret makes 256 random bits as text.
func (a *People) Secret() (string, error) { return a.secret("") }

// note writes an entry of what changes nothing else.
func (a *People) note(ctx context.Context, e store.AuditEntry) error {
	return a.o.Store.Change(ctx, e, func(*sqlite.Change) error { return nil })
}

// Entry is an audit entry of what the caller does.
func (c Caller) Entry(action, target, detail string) store.AuditEntry {
	return store.AuditEntry{Actor: c.Name, Address: c.Address, Action: action, Target: target, Detail: detail}
}

// found turns the store's errors into the use cases'.
func found(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, store.ErrExists):
		return ErrExists
	default:
		return err
	}
}
