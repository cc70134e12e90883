package people

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"merlon/internal/control/admin/people/totp"
	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// Enrolment is a secret of one-time codes that is not in force yet: it is shown, and comes back, sealed, with a first code.
type Enrolment struct {
	Secret string // as people type it
	URI    string // as the QR code says it
	Sealed string
}

type enrolling struct {
	Account string
	Shared  []byte // with the app
	Until   time.Time
}

const (
	enrolAge      = 15 * time.Minute
	recoveryCodes = 10
	recoveryBytes = 10 // 80 bits, sixteen letters
)

// EnrolCodes makes a secret for an authenticator app. Nothing is stored before ConfirmCodes.
func (a *People) EnrolCodes(_ context.Context, c Caller) (Enrolment, error) {
	if err := a.grave(c, account.Self); err != nil {
		return Enrolment{}, err
	}
	secret := make([]byte, totp.SecretLength)
	if _, err := io.ReadFull(a.o.Random, secret); err != nil {
		return Enrolment{}, fmt.Errorf("random numbers: %w", err)
	}
	return a.enrolment(c.Name, secret)
}

// ShowEnrolment reads a sealed enrolment again, for a form that comes back with a mistake.
func (a *People) ShowEnrolment(c Caller, sealed string) (Enrolment, error) {
	if err := a.grave(c, account.Self); err != nil {
		return Enrolment{}, err
	}
	e, ok := a.readEnrolment(c.Name, sealed)
	if !ok {
		return Enrolment{}, ErrLink
	}
	return a.enrolment(c.Name, e.Shared)
}

func (a *People) enrolment(name string, secret []byte) (Enrolment, error) {
	b, err := json.Marshal(enrolling{name, secret, a.o.Now().Add(enrolAge)})
	if err != nil {
		return Enrolment{}, err
	}
	sealed, err := a.seal("enrolment", b)
	return Enrolment{grouped(totp.Text(secret)), totp.URI(secret, "Merlon", name), base64.RawURLEncoding.EncodeToString(sealed)}, err
}

func (a *People) readEnrolment(name, sealed string) (e enrolling, ok bool) {
	if len(sealed) > 1024 {
		return e, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return e, false
	}
	b, ok := a.open("enrolment", raw)
	return e, ok && json.Unmarshal(b, &e) == nil && e.Account == name && a.o.Now().Before(e.Until)
}

// ConfirmCodes puts one-time codes in force once the app has shown a right one, and answers recovery codes, which are told
// this one time. Codes that were in force before are so no more.
func (a *People) ConfirmCodes(ctx context.Context, c Caller, from Visitor, sealed, code string) (recovery []string, err error) {
	if err := a.grave(c, account.Self); err != nil {
		return nil, err
	}
	e, ok := a.readEnrolment(c.Name, sealed)
	if !ok {
		return nil, ErrLink
	}
	if wait := a.byCode.take(strings.ToLower(c.Name), a.o.Now()); wait > 0 {
		return nil, &ThrottledError{wait}
	}
	step, ok := totp.Verify(e.Shared, totp.Clean(code), a.o.Now(), 0)
	if !ok {
		return nil, wrong("code", "that is not the code of this moment: look at the app and at the clock of the phone")
	}
	sealedSecret, err := a.seal(codePurpose(c.Name), e.Shared)
	if err != nil {
		return nil, err
	}
	codes, hashes, err := a.newRecovery(c.Name)
	if err != nil {
		return nil, err
	}
	a.byCode.clear(strings.ToLower(c.Name))
	err = a.o.Store.Change(ctx, c.Entry("codes.add", c.Name, ""), func(ch *sqlite.Change) error {
		return errors.Join(ch.SetTOTP(c.Name, sealedSecret, step), ch.PutRecovery(c.Name, hashes), ch.RemoveLogins(c.Name, c.session))
	})
	return codes, err
}

// NewRecovery replaces the recovery codes.
func (a *People) NewRecovery(ctx context.Context, c Caller) ([]string, error) {
	if err := a.grave(c, account.Self); err != nil {
		return nil, err
	}
	me, err := a.Me(ctx, c)
	if err != nil {
		return nil, err
	}
	if !me.Codes {
		return nil, wrong("code", "set up one-time codes first")
	}
	codes, hashes, err := a.newRecovery(c.Name)
	if err != nil {
		return nil, err
	}
	return codes, a.o.Store.Change(ctx, c.Entry("codes.recovery", c.Name, ""), func(ch *sqlite.Change) error { return ch.PutRecovery(c.Name, hashes) })
}

// RemoveCodes ends one-time codes for the caller's account, and its other sessions, as turning them on does.
func (a *People) RemoveCodes(ctx context.Context, c Caller) error {
	if err := a.grave(c, account.Self); err != nil {
		return err
	}
	return found(a.o.Store.Change(ctx, c.Entry("codes.remove", c.Name, ""), func(ch *sqlite.Change) error {
		return errors.Join(ch.SetTOTP(c.Name, nil, 0), ch.PutRecovery(c.Name, nil), ch.RemoveLogins(c.Name, c.session))
	}))
}

// checkCode tells what to do in the change that uses a one-time or recovery code up; it fails there when somebody was faster.
func (a *People) checkCode(ctx context.Context, from Visitor, s *store.Account, code string) (use func(*sqlite.Change) error, method string, err error) {
	key := strings.ToLower(s.Name)
	if wait := a.byCode.take(key, a.o.Now()); wait > 0 {
		return nil, "", &ThrottledError{wait}
	}
	if code := totp.Clean(code); totp.Like(code) {
		secret, ok := a.open(codePurpose(s.Name), s.TOTP)
		if !ok {
			return nil, "", fmt.Errorf("secret of %q does not open with people.key: put the right key back, or reset the second factor", s.Name)
		}
		if step, ok := totp.Verify(secret, code, a.o.Now(), s.TOTPStep); ok {
			a.byCode.clear(key)
			return func(c *sqlite.Change) error { return c.UseTOTP(s.Name, step) }, "code", nil
		}
	} else if hash, ok := a.recoveryHash(s.Name, code); ok {
		there, err := a.o.Store.HasRecovery(ctx, s.Name, hash)
		if err != nil {
			return nil, "", err
		}
		if there {
			a.byCode.clear(key)
			return func(c *sqlite.Change) error { return c.UseRecovery(s.Name, hash) }, "recovery code", nil
		}
	}
	return nil, "", errors.Join(ErrCode, a.refuse(ctx, from, s.Name, "code"))
}

func (a *People) newRecovery(name string) (codes []string, hashes [][32]byte, err error) {
	for range recoveryCodes {
		b := make([]byte, recoveryBytes)
		if _, err := io.ReadFull(a.o.Random, b); err != nil {
			return nil, nil, fmt.Errorf("random numbers: %w", err)
		}
		code := grouped(strings.ToLower(base32.StdEncoding.EncodeToString(b)))
		hash, _ := a.recoveryHash(name, code)
		codes, hashes = append(codes, code), append(hashes, hash)
	}
	return codes, hashes, nil
}

// recoveryHash is what is kept of a recovery code. 80 random bits need no slow hash; the key keeps a copy of the database
// from being searched all the same.
func (a *People) recoveryHash(name, code string) (hash [32]byte, ok bool) {
	if len(code) > 64 {
		return hash, false
	}
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(code))
	if len(code) != recoveryBytes*8/5 {
		return hash, false
	}
	m := hmac.New(sha256.New, a.o.Key[:])
	m.Write([]byte("recovery\x00" + strings.ToLower(name) + "\x00" + code))
	return [32]byte(m.Sum(nil)), true
}

func codePurpose(name string) string { return "codes of " + strings.ToLower(name) }

// grouped puts a space after every fourth letter, to read aloud and type.
func grouped(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
