package store

import "time"

// Account is a person who may sign in.
type Account struct {
	Name     string
	Hash     string // argon2id in PHC string form; empty for accounts of an identity provider
	Roles    []string
	Created  time.Time
	Disabled bool
	SignedIn time.Time // last; zero: never
	// Handle names the account to authenticators (WebAuthn user handle); nil until the first passkey.
	Handle []byte
	// TOTP is the sealed secret of one-time codes, nil without; TOTPStep is the last step whose code was used.
	TOTP     []byte
	TOTPStep int64
	// Passkeys and Recovery count what there is beside; they are read, never written.
	Passkeys, Recovery int
}

// Login is a signed-in browser. Only the hash of its cookie is stored.
type Login struct {
	TokenHash [32]byte
	Account   string
	Created   time.Time
	Seen      time.Time
	Expires   time.Time
	Address   string
	UserAgent string
	// Proved is when the person behind it last showed who they are, Method how: "password", "code", "passkey" ...
	Proved time.Time
	Method string
}

// APIToken lets a machine in. Only the hash of the token is stored.
type APIToken struct {
	ID        string
	Name      string
	TokenHash [32]byte
	Roles     []string
	Scopes    []string // permissions it is cut down to; none: all of its role
	Sites     []string // sites it is cut down to; none: all
	By        string
	Created   time.Time
	Expires   time.Time // zero: never
	Used      time.Time // zero: never
}

// Passkey is a public key that an authenticator holds the private half of.
type Passkey struct {
	ID         []byte // as the authenticator chose it
	Account    string
	Name       string
	Host       string // the relying party: it works under this name only
	Credential []byte // as the library of passkeys keeps it
	Created    time.Time
	Used       time.Time // zero: never
}

// Invite is a one-time link by which somebody makes an account, or chooses a new password for theirs. Only the hash of its
// token is stored.
type Invite struct {
	TokenHash [32]byte
	Account   string
	Role      string
	Reset     bool // the account is there: a new password
	By        string
	Created   time.Time
	Expires   time.Time
}

// AuditEntry says who did what to what. Entries are chained: each holds a hash over itself and the entry before.
type AuditEntry struct {
	Number  uint64
	At      time.Time
	Actor   string // account or token, "merlon" for what it does by itself
	Address string
	Action  string // noun.verb, such as "standing.put"
	Target  string
	Detail  string // JSON or text, at most 4 KiB, never a secret
	Hash    [32]byte
}

// AuditFilter selects entries. Empty fields select all.
type AuditFilter struct {
	Before       uint64    // only entries with a lower number; 0 begins at the end
	Actor        string    // exactly
	Action       string    // exactly, or all of a noun with "noun."
	Target       string    // that contain it
	Since, Until time.Time // Until is exclusive
	Limit        int
}
