package people

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// BeginPasskeySignIn begins to sign in with a passkey. No name is asked for: the authenticator knows whose it is, so the door
// tells nobody which accounts exist. To begin costs and keeps nothing, so only answers are counted.
func (a *People) BeginPasskeySignIn(_ context.Context, _ Visitor, party Party) (Ceremony, error) {
	return a.ask(ceremony{For: forEntering, Party: party.ID}, party)
}

// BeginPasskeyConfirm begins to confirm who one is with a passkey.
func (a *People) BeginPasskeyConfirm(_ context.Context, c Caller, party Party) (Ceremony, error) {
	if err := c.Need(account.Self); err != nil {
		return Ceremony{}, err
	}
	return a.ask(ceremony{For: forConfirming, Account: c.Name, Session: c.session[:], Party: party.ID}, party)
}

func (a *People) ask(c ceremony, party Party) (Ceremony, error) {
	w, err := party.webauthn()
	if err != nil {
		return Ceremony{}, err
	}
	challenge, err := a.challenge()
	if err != nil {
		return Ceremony{}, err
	}
	options, data, err := w.BeginDiscoverableLogin(webauthn.WithChallenge(challenge))
	if err != nil {
		return Ceremony{}, err
	}
	c.Data = *data
	return a.begin(c, options.Response)
}

// SignInPasskey ends what BeginPasskeySignIn began. A passkey needs a device and what unlocks it, so no code is asked for
// beside it. It cannot be guessed, so nobody's guesses at passwords slow it; wrong answers are counted, since each leaves an
// entry in the audit log.
func (a *People) SignInPasskey(ctx context.Context, from Visitor, party Party, ticket string, answer []byte) (SignedIn, error) {
	key := addressKey(from.Address)
	if d, ok := a.openDevice(from.Device); ok { // strangers cannot enter the bucket of a browser that somebody signed in with
		key = "device " + d.Nonce
	}
	if wait := a.byPasskey.take(key, a.o.Now()); wait > 0 {
		return SignedIn{}, &ThrottledError{wait}
	}
	cer, ok := a.resume(forEntering, ticket, nil, party)
	if !ok {
		return SignedIn{}, ErrPasskey
	}
	in, err := a.assert(ctx, from, party, &cer, answer)
	if err == nil {
		a.byPasskey.refund(key)
	}
	return in, err
}

// ConfirmPasskey ends what BeginPasskeyConfirm began; it has to be a passkey of the caller. The session gets a new cookie.
func (a *People) ConfirmPasskey(ctx context.Context, c Caller, from Visitor, party Party, ticket string, answer []byte) (SignedIn, error) {
	if err := c.Need(account.Self); err != nil {
		return SignedIn{}, err
	}
	key := "account " + strings.ToLower(c.Name)
	if wait := a.byPasskey.take(key, a.o.Now()); wait > 0 {
		return SignedIn{}, &ThrottledError{wait}
	}
	cer, ok := a.resume(forConfirming, ticket, c.session[:], party)
	if !ok || cer.Account != c.Name {
		return SignedIn{}, ErrPasskey
	}
	in, err := a.assert(ctx, from, party, &cer, answer)
	if err == nil {
		a.byPasskey.refund(key)
	}
	return in, err
}

// assert judges what an authenticator said, and begins a session for whoever it speaks for.
func (a *People) assert(ctx context.Context, from Visitor, party Party, cer *ceremony, answer []byte) (SignedIn, error) {
	w, err := party.webauthn()
	if err != nil {
		return SignedIn{}, err
	}
	if len(answer) > maxAnswer {
		return SignedIn{}, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		a.o.Log.Debug("an answer of a passkey was not read", "cause", err)
		return SignedIn{}, ErrPasskey
	}
	if !a.spend(cer) { // whatever comes of it: a ticket takes one answer
		return SignedIn{}, ErrPasskey
	}
	var who store.Account
	find := func(_, handle []byte) (webauthn.User, error) {
		if who, err = a.o.Store.AccountByHandle(ctx, handle); err != nil {
			return nil, err
		}
		if who.Disabled || cer.Account != "" && who.Name != cer.Account {
			return nil, ErrForbidden
		}
		return a.holder(ctx, &who)
	}
	credential, err := w.ValidateDiscoverableLogin(find, cer.Data, parsed)
	if err != nil {
		a.o.Log.Debug("an answer of a passkey was refused", "cause", err)
		return SignedIn{}, errors.Join(ErrPasskey, a.refuse(ctx, from, who.Name, "passkey"))
	}
	// A counter that went back means that there are two of what should be one.
	if credential.Authenticator.CloneWarning {
		return SignedIn{}, errors.Join(ErrPasskey, a.refuse(ctx, from, who.Name, "passkey counter went back: it may have been copied"))
	}
	b, err := json.Marshal(credential)
	if err != nil {
		return SignedIn{}, err
	}
	in, err := a.enter(ctx, from, who.Name, "passkey", func(c *sqlite.Change) error { return c.UsePasskey(credential.ID, b) })
	if errors.Is(err, store.ErrNotFound) {
		err = ErrPasskey
	}
	return in, err
}
