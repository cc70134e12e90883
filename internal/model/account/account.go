// Package account is people, roles, permissions, tokens, audit entries.
package account

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Account is a person who may sign in.
type Account struct {
	Name     string
	Role     Role
	Created  time.Time
	SignedIn time.Time // last; zero: never
	Disabled bool
	Codes    bool // one-time codes (TOTP) are asked for
	Recovery int  // recovery codes left
	Passkeys int
}

// SecondFactor tells whether a password alone does not let the account in. A passkey is another way in beside the password, which
// goes on opening the door by itself: only codes are asked for after it.
func (a *Account) SecondFactor() bool { return a.Codes }

// Session is a signed-in browser. Its cookie's value is known to the browser alone.
type Session struct {
	ID      string // names it among the others, tells nothing of the cookie
	Account string
	Created time.Time
	Seen    time.Time
	Expires time.Time
	Address string // the client's, when it signed in
	Browser string // User-Agent then, at most MaxBrowser bytes
	Method  string // how the person proved who they are: password, code, recovery code, passkey, link
	Current bool   // it is the asker's own
}

// MaxBrowser bounds the User-Agent kept of a session, in bytes.
const MaxBrowser = 256

// Token lets a machine in with a role. Its secret is shown once, when it is made; only its hash is kept.
type Token struct {
	ID      string
	Name    string
	Role    Role
	Scopes  []Permission // what of its role it may; none: all of it
	Sites   []string     // the sites it may ask about; none: all
	By      string
	Created time.Time
	Expires time.Time // zero: never
	Used    time.Time // zero: never
}

// Passkey is a key that an authenticator of a person holds.
type Passkey struct {
	ID      string
	Name    string
	Host    string // it works under this name of Merlon only
	Created time.Time
	Used    time.Time // zero: never
}

// Invite is a one-time link to an account that its owner makes, or to a new password of theirs.
type Invite struct {
	ID      string
	Name    string
	Role    Role
	Reset   bool // the account is there already
	By      string
	Created time.Time
	Expires time.Time
}

// Bounds of what people choose.
const (
	// MinPassword and MaxPassword bound a password: characters at least (NIST SP 800-63B asks for 8, and 15 where it is the
	// only factor; a second factor comes later, so the floor lies between), bytes at most, so that hashing stays cheap.
	MinPassword = 12
	MaxPassword = 512
	// MaxName bounds the name of an account or token, in bytes.
	MaxName = 64
)

// Errors of what people choose; their text says what would be right.
var (
	ErrName          = fmt.Errorf("write a name of 1 to %d characters out of letters, digits and . _ @ + -", MaxName)
	ErrShortPassword = fmt.Errorf("choose a password of at least %d characters: a few words do", MinPassword)
	ErrLongPassword  = fmt.Errorf("choose a password of at most %d bytes", MaxPassword)
	ErrOwnName       = errors.New("choose another name: the audit log calls Merlon itself by this one")
	ErrPlainPassword = errors.New("choose a password that is neither one repeated character nor the account's name")
)

// CheckName tells whether name can be an account's or a token's: ASCII without spaces, so that two names that look alike
// are the same.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName {
		return ErrName
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("._@+-", c) < 0 {
			return ErrName
		}
	}
	if strings.EqualFold(name, "merlon") {
		return ErrOwnName
	}
	return nil
}

// CheckPassword refuses passwords that are too short, too long or plainly none. What they are made of is left to people
// (NIST SP 800-63B section 3.1.1.2: no rules of composition).
func CheckPassword(password, name string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return ErrShortPassword
	case len(password) > MaxPassword:
		return ErrLongPassword
	case strings.Count(password, password[:1]) == len(password), strings.EqualFold(password, name):
		return ErrPlainPassword
	}
	return nil
}
