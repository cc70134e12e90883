package admin

import (
	"errors"
	"fmt"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
)

// Errors of the use cases. Their text is for people and says what to do; api and web map them to statuses.
var (
	// ErrSignIn: nobody is signed in, or the session or token has ended.
	ErrSignIn = errors.New("sign in first")
	// ErrForbidden: the caller's role may not.
	ErrForbidden = errors.New("your role does not permit this")
	// ErrCredentials: name or password is wrong; which of them is not told.
	ErrCredentials = errors.New("name or password is wrong")
	// ErrSetup: the set-up link was used, has ended, or is another.
	ErrSetup = errors.New("this set-up link was used already or has ended: start Merlon again for a new one")
	// ErrNotFound: there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrBusy: too many do this at a time.
	ErrBusy = errors.New("too many at a time: try again in a moment")
)

// InputError is a mistake in what somebody sent: which field, and what would be right.
type InputError struct {
	Field string
	Err   error
}

func (e *InputError) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

func wrong(field, format string, args ...any) error {
	return &InputError{field, fmt.Errorf(format, args...)}
}

// ThrottledError says that there were too many attempts, and when the next one is heard.
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts: try again in %d s", e.Seconds())
}

// Seconds is Wait rounded up, for Retry-After.
func (e *ThrottledError) Seconds() int { return int((e.Wait + time.Second - 1) / time.Second) }

// Caller is who asks. Its zero value is somebody who is not signed in.
type Caller struct {
	// Name is the account's or token's name as the audit log shows it.
	Name string
	Role account.Role
	// Address is the client's, for audit log and throttling.
	Address string
	// Machine: it came with a token, so no browser's cookie is involved.
	Machine bool

	session [32]byte  // of a person: hash of the cookie
	expires time.Time // when the session or token ends; zero: never
}

// SignedIn tells whether anybody is.
func (c Caller) SignedIn() bool { return c.Name != "" }

// May tells whether the caller may do what p stands for.
func (c Caller) May(p account.Permission) bool {
	return p == account.Open || c.SignedIn() && c.Role.May(p)
}

// Need is the error of a caller who may not; every use case begins with it.
func (c Caller) Need(p account.Permission) error {
	switch {
	case c.May(p):
		return nil
	case !c.SignedIn():
		return ErrSignIn
	default:
		return ErrForbidden
	}
}

// DiskFull tells whether a change failed because there is no room for it, and what to do then: the one fault of ours that
// whoever asks may be able to mend.
func DiskFull(err error) (text string, ok bool) {
	return store.ErrDiskFull.Error(), errors.Is(err, store.ErrDiskFull)
}
