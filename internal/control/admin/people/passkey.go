package people

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Ceremony is what a browser needs to ask for a passkey: Options as WebAuthn's JSON, Ticket to send back with the answer.
type Ceremony struct {
	Options json.RawMessage `json:"options"`
	Ticket  string          `json:"ticket"`
}

// What a ceremony is for. A ticket for one is worth nothing for another.
const (
	forAdding     = "add"
	forEntering   = "enter"
	forConfirming = "confirm"
)

// ceremony is what a ticket seals: nothing is kept here for strangers who begin and never end one.
type ceremony struct {
	For     string
	Account string // whose passkey is added
	Session []byte // of the browser that it was begun in, "" at the door
	Party   string
	Until   time.Time
	Data    webauthn.SessionData
}

const (
	ceremonyAge = 5 * time.Minute
	maxPasskeys = 20
	maxAnswer   = 32 << 10
	handleSize  = 32
)

// Party is the relying party that a browser sees: the name and scheme under which Merlon was opened, which the guard before
// us has checked against the names that are Merlon's.
type Party struct{ ID, Origin string }

// ErrParty is told where there can be no passkeys: they belong to names.
var ErrParty = &InputError{"host", errors.New("passkeys need a name and a connection that cannot be read: open Merlon as localhost, or by its name over HTTPS")}

func (p Party) webauthn() (*webauthn.WebAuthn, error) {
	if p.ID == "" || p.Origin == "" {
		return nil, ErrParty
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: p.ID, RPDisplayName: "Merlon", RPOrigins: []string{p.Origin}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, errors.Join(ErrParty, err)
	}
	return w, nil
}

// holder is an account as the library asks for it.
type holder struct {
	handle []byte
	name   string
	keys   []webauthn.Credential
}

func (h *holder) WebAuthnID() []byte                         { return h.handle }
func (h *holder) WebAuthnName() string                       { return h.name }
func (h *holder) WebAuthnDisplayName() string                { return h.name }
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func (a *People) holder(ctx context.Context, s *store.Account) (*holder, error) {
	h := &holder{handle: s.Handle, name: s.Name}
	rows, err := a.o.Store.Passkeys(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	for _, k := range rows {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Credential, &c); err != nil {
			return nil, fmt.Errorf("%w: passkey of %q: %w", store.ErrDamaged, s.Name, err)
		}
		h.keys = append(h.keys, c)
	}
	return h, nil
}

// Passkeys lists the caller's, the oldest first.
func (a *People) Passkeys(ctx context.Context, c Caller) ([]account.Passkey, error) {
	if err := c.Need(account.Self); err != nil {
		return nil, err
	}
	rows, err := a.o.Store.Passkeys(ctx, c.Name)
	out := make([]account.Passkey, 0, len(rows))
	for _, k := range rows {
		out = append(out, account.Passkey{ID: base64.RawURLEncoding.EncodeToString(k.ID), Name: k.Name, Host: k.Host, Created: k.Created, Used: k.Used})
	}
	return out, err
}

// BeginPasskey begins to add a passkey to the caller's account.
func (a *People) BeginPasskey(ctx context.Context, c Caller, party Party) (Ceremony, error) {
	if err := a.grave(c, account.Self); err != nil {
		return Ceremony{}, err
	}
	w, err := party.webauthn()
	if err != nil {
		return Ceremony{}, err
	}
	s, err := a.o.Store.Account(ctx, c.Name)
	if err != nil {
		return Ceremony{}, found(err)
	}
	if s.Passkeys >= maxPasskeys {
		return Ceremony{}, wrong("passkey", "remove one first: an account has at most %d", maxPasskeys)
	}
	if len(s.Handle) == 0 {
		if s.Handle, err = a.newHandle(ctx, c); err != nil {
			return Ceremony{}, err
		}
	}
	h, err := a.holder(ctx, &s)
	if err != nil {
		return Ceremony{}, err
	}
	challenge, err := a.challenge()
	if err != nil {
		return Ceremony{}, err
	}
	options, data, err := w.BeginRegistration(h, func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge = challenge
		return nil
	}, webauthn.WithExclusions(webauthn.Credentials(h.keys).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, err
	}
	return a.begin(ceremony{For: forAdding, Account: s.Name, Session: c.session[:], Party: party.ID, Data: *data}, options.Response)
}

// newHandle gives the caller's account its name for authenticators; whoever is second takes what the first gave.
func (a *People) newHandle(ctx context.Context, c Caller) ([]byte, error) {
	handle, err := a.bytes(handleSize)
	if err != nil {
		return nil, err
	}
	err = a.o.Store.Change(ctx, c.Entry("passkey.handle", c.Name, ""), func(ch *sqlite.Change) error { return ch.SetHandle(c.Name, handle) })
	if errors.Is(err, store.ErrNotFound) {
		s, err := a.o.Store.Account(ctx, c.Name)
		return s.Handle, err
	}
	return handle, err
}

func (a *People) challenge() ([]byte, error) { return a.bytes(32) }

func (a *People) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.o.Random, b); err != nil {
		return nil, fmt.Errorf("random numbers: %w", err)
	}
	return b, nil
}

// begin seals a ceremony. Its end is judged by our clock alone.
func (a *People) begin(c ceremony, options any) (Ceremony, error) {
	c.Until, c.Data.Expires = a.o.Now().Add(ceremonyAge), time.Time{}
	b, err := json.Marshal(c)
	if err != nil {
		return Ceremony{}, err
	}
	sealed, err := a.seal("passkey", b)
	if err != nil {
		return Ceremony{}, err
	}
	text, err := json.Marshal(options)
	return Ceremony{text, base64.RawURLEncoding.EncodeToString(sealed)}, err
}

// resume reads a ticket that was not used yet.
func (a *People) resume(purpose, ticket string, session []byte, party Party) (c ceremony, ok bool) {
	if len(ticket) > maxAnswer {
		return c, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil {
		return c, false
	}
	b, ok := a.open("passkey", sealed)
	if !ok || json.Unmarshal(b, &c) != nil {
		return c, false
	}
	a.mu.Lock()
	_, spent := a.spent[c.Data.Challenge]
	a.mu.Unlock()
	return c, !spent && c.For == purpose && c.Party == party.ID && a.o.Now().Before(c.Until) && subtle.ConstantTimeCompare(c.Session, session) == 1
}

// maxSpent bounds the tickets that are remembered as used.
const maxSpent = 8192

// spend makes a ticket worth nothing; false when somebody was faster, or when there are so many that one more could not be
// remembered. Answers are counted before, and a ticket is remembered for minutes, so that takes an attack
// from more than a hundred networks at a time.
func (a *People) spend(c *ceremony) bool {
	now := a.o.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, spent := a.spent[c.Data.Challenge]; spent {
		return false
	}
	for k, until := range a.spent {
		if !now.Before(until) {
			delete(a.spent, k)
		}
	}
	if len(a.spent) >= maxSpent {
		return false
	}
	a.spent[c.Data.Challenge] = c.Until
	return true
}

// AddPasskey ends what BeginPasskey began: answer is what the browser's authenticator said, as JSON.
func (a *People) AddPasskey(ctx context.Context, c Caller, party Party, ticket, name string, answer []byte) (account.Passkey, error) {
	if err := a.grave(c, account.Self); err != nil {
		return account.Passkey{}, err
	}
	name, err := passkeyName(name)
	if err != nil {
		return account.Passkey{}, err
	}
	w, err := party.webauthn()
	if err != nil {
		return account.Passkey{}, err
	}
	cer, ok := a.resume(forAdding, ticket, c.session[:], party)
	if !ok || cer.Account != c.Name || len(answer) > maxAnswer {
		return account.Passkey{}, ErrPasskey
	}
	s, err := a.o.Store.Account(ctx, c.Name)
	if err != nil {
		return account.Passkey{}, found(err)
	}
	h, err := a.holder(ctx, &s)
	if err != nil {
		return account.Passkey{}, err
	}
	credential, err := registered(w, h, &cer.Data, answer)
	if err != nil {
		a.o.Log.Debug("a new passkey was refused", "cause", err)
		return account.Passkey{}, ErrPasskey
	}
	if !a.spend(&cer) {
		return account.Passkey{}, ErrPasskey
	}
	b, err := json.Marshal(credential)
	if err != nil {
		return account.Passkey{}, err
	}
	k := store.Passkey{ID: credential.ID, Account: s.Name, Name: name, Host: party.ID, Credential: b, Created: a.o.Now()}
	err = found(a.o.Store.Change(ctx, c.Entry("passkey.add", s.Name, name+" for "+party.ID), func(ch *sqlite.Change) error { return ch.AddPasskey(k) }))
	return account.Passkey{ID: base64.RawURLEncoding.EncodeToString(k.ID), Name: name, Host: party.ID, Created: k.Created}, err
}

func registered(w *webauthn.WebAuthn, h *holder, data *webauthn.SessionData, answer []byte) (*webauthn.Credential, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, err
	}
	return w.CreateCredential(h, *data, parsed)
}

// RenamePasskey gives one of the caller's another name.
func (a *People) RenamePasskey(ctx context.Context, c Caller, id, name string) error {
	if err := c.Need(account.Self); err != nil {
		return err
	}
	name, err := passkeyName(name)
	if err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return ErrNotFound
	}
	return found(a.o.Store.Change(ctx, c.Entry("passkey.rename", c.Name, name), func(ch *sqlite.Change) error { return ch.RenamePasskey(c.Name, raw, name) }))
}

// RemovePasskey removes one of the caller's.
func (a *People) RemovePasskey(ctx context.Context, c Caller, id string) error {
	if err := a.grave(c, account.Self); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return ErrNotFound
	}
	return found(a.o.Store.Change(ctx, c.Entry("passkey.remove", c.Name, ""), func(ch *sqlite.Change) error { return ch.RemovePasskey(c.Name, raw) }))
}

func passkeyName(s string) (string, error) {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
	if s == "" {
		s = "Passkey"
	}
	if len(s) > account.MaxName {
		return "", wrong("name", "use at most %d bytes", account.MaxName)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
		return "", wrong("name", "write one line of plain text")
	}
	return s, nil
}
