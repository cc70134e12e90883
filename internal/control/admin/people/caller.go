package people

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"merlon/internal/model/account"
)

// Errors of the use cases. Their text is for people and says what to do; api and web map them to statuses.
var (
	// ErrSignIn: nobody is signed in, or the session or token has ended.
	ErrSignIn = errors.New("sign in first")
	// ErrForbidden: the caller's role may not.
	ErrForbidden = errors.New("your role does not permit this")
	// ErrSite: the token is for some sites, and this is another, or all of them.
	ErrSite = errors.New("this token is for certain sites: ask about one of them by site")
	// ErrStale: it takes a person who has just shown who they are.
	ErrStale = errors.New("confirm who you are first: it is more than ten minutes since you did")
	// ErrPassword: the password of whoever is signed in is wrong.
	ErrPassword = errors.New("your password is wrong")
	// ErrCode: the one-time or recovery code is wrong, was used, or has ended.
	ErrCode = errors.New("the code is wrong or was used already: wait for the next one")
	// ErrPasskey: no passkey of ours answered, or not as it should.
	ErrPasskey = errors.New("that did not work: use a passkey that was added here, or sign in with name and password")
	// ErrLink: an invitation was used, has ended, or is another.
	ErrLink = errors.New("this link was used already or has ended: ask for a new one")
	// ErrLastAdmin: nobody would be left to administer.
	ErrLastAdmin = errors.New("this is the last administrator: make somebody else one first")
	// ErrExists: the name is taken.
	ErrExists = errors.New("this name is taken")
	// ErrCredentials: name or password is wrong; which of them is not told.
	ErrCredentials = errors.New("name or password is wrong")
	// ErrSetup: the set-up link was used, has ended, or is another.
	ErrSetup = errors.New("this set-up link was used already or has ended: start Merlon again for a new one")
	// ErrNotFound: there is no such thing.
	ErrNotFound = errors.New("not found")
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
	// Scopes cut a token down to these permissions of its role, Sites to these sites; none is no cut.
	Scopes []account.Permission
	Sites  []string

	local   bool      // it came through files of this machine: there is no session that could end
	session [32]byte  // hash of the cookie or token
	expires time.Time // when the session or token ends
	proved  time.Time // of a person: when they last showed who they are
}

// SignedIn tells whether anybody is.
func (c Caller) SignedIn() bool { return c.Name != "" }

// May tells whether the caller may do what p stands for.
func (c Caller) May(p account.Permission) bool {
	switch {
	case p == account.Open:
		return true
	case !c.SignedIn():
		return false
	case p.PersonOnly():
		return !c.Machine && c.Role.May(p)
	case p == account.SignedIn || len(c.Scopes) == 0:
		return c.Role.May(p)
	default:
		return c.Role.May(p) && slices.Contains(c.Scopes, p)
	}
}

// Admit is what the guards before the routes ask: who may not is refused; of which sites is left to the use case.
func (c Caller) Admit(p account.Permission) error {
	switch {
	case c.May(p):
		return nil
	case !c.SignedIn():
		return ErrSignIn
	default:
		return ErrForbidden
	}
}

// Need is the error of a caller who may not; every use case begins with it, or with NeedAt where it is about one site. A
// token for some sites may nothing that is not about one.
func (c Caller) Need(p account.Permission) error {
	if err := c.Admit(p); err != nil || len(c.Sites) == 0 || p == account.Open || p == account.SignedIn {
		return err
	}
	return ErrSite
}

// NeedAt is Need for a use case about one site; "" stands for all of them.
func (c Caller) NeedAt(p account.Permission, site string) error {
	if err := c.Admit(p); err != nil || len(c.Sites) == 0 || site != "" && slices.Contains(c.Sites, site) {
		return err
	}
	return ErrSite
}

// ProofAge is how long showing who one is holds for what is grave: people, tokens, second factors.
const ProofAge = 10 * time.Minute

// needFresh wants a person to have shown who they are a short while ago. A token shows it with every request.
func (c Caller) needFresh(now time.Time) error {
	if !c.Machine && now.Sub(c.proved) > ProofAge {
		return ErrStale
	}
	return nil
}

// grave is Need for what a stolen session should not be able to do.
func (a *People) grave(c Caller, p account.Permission) error {
	if err := c.Need(p); err != nil {
		return err
	}
	return c.needFresh(a.o.Now())
}
