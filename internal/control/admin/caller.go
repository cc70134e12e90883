package admin

import (
	"errors"
	"fmt"

	"merlon/internal/control/admin/people"
	"merlon/internal/store"
)

// Who asks, what refuses them, and the people's words that every use case and both its faces speak.
type (
	Caller         = people.Caller
	InputError     = people.InputError
	ThrottledError = people.ThrottledError
	SecondStep     = people.SecondStep
	Visitor        = people.Visitor
	SignedIn       = people.SignedIn
	Hashing        = people.Hashing
	AuditEntry     = people.AuditEntry
	AuditQuery     = people.AuditQuery
	TokenRequest   = people.TokenRequest
)

// Errors of the use cases. Their text is for people and says what to do; api and web map them to statuses.
var (
	ErrSignIn      = people.ErrSignIn
	ErrForbidden   = people.ErrForbidden
	ErrSite        = people.ErrSite
	ErrStale       = people.ErrStale
	ErrCredentials = people.ErrCredentials
	ErrPassword    = people.ErrPassword
	ErrCode        = people.ErrCode
	ErrPasskey     = people.ErrPasskey
	ErrSetup       = people.ErrSetup
	ErrLink        = people.ErrLink
	ErrLastAdmin   = people.ErrLastAdmin
	ErrExists      = people.ErrExists
	ErrNotFound    = people.ErrNotFound
	// ErrBusy: too many do this at a time.
	ErrBusy = errors.New("too many at a time: try again in a moment")
)

const (
	// SessionAge is how long a browser stays signed in, SessionIdle how long when nobody uses it.
	SessionAge  = people.SessionAge
	SessionIdle = people.SessionIdle
	// SetupAge is how long a set-up link works.
	SetupAge = people.SetupAge
)

// DefaultHashing is the cost of passwords.
func DefaultHashing() Hashing { return people.DefaultHashing() }

func wrong(field, format string, args ...any) error {
	return &InputError{Field: field, Err: fmt.Errorf(format, args...)}
}

// found turns the store's ErrNotFound into the use cases'.
func found(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// DiskFull tells whether a change failed because there is no room for it, and what to do then: the one fault of ours that
// whoever asks may be able to mend.
func DiskFull(err error) (text string, ok bool) {
	return store.ErrDiskFull.Error(), errors.Is(err, store.ErrDiskFull)
}
