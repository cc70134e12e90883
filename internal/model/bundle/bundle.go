// Package bundle holds the three inputs of a snapshot: Bundle (human intent, versioned, signed), Knowledge (distilled, versioned, published by itself), Standing (actors, campaigns, lists: deltas with expiry).
package bundle

import (
	"net/netip"
	"strconv"
	"time"

	"merlon/internal/model/description"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// Bundle is what people decided: sites, descriptions and policy, as of one version.
type Bundle struct {
	Version uint64
	Sites   []Site
}

// Site is one API estate as configured.
type Site struct {
	Name string
	// Hosts are exact names or "*.suffix" patterns, lower case, without port.
	Hosts []string
	// Default: the site also takes unknown hosts. At most one site is.
	Default bool
	// TrustedHops is how many proxies before this one are believed in X-Forwarded-For, counted from the right.
	TrustedHops int
	// Descriptions are the uploaded contracts.
	Descriptions []*description.Description
	Policy       Policy
}

// Mode says whether a stage, finding, rule or list may act.
type Mode string

const (
	ModeOff     Mode = "off"
	ModeWatch   Mode = "watch"
	ModeEnforce Mode = "enforce"
)

// Policy is a site's policy file as plain data (docs/reference/policy.md). enforce/policy parses and compiles it.
type Policy struct {
	// Source is the file it came from, and At says where in it a key stands ("rules[2].when"), for messages.
	Source string
	At     map[string]Position
	// Modes by stage name, finding id or "default".
	Modes map[string]Mode
	// Failure says by stage name or "default" what becomes of a request when the stage fails on it.
	Failure    map[string]FailureMode
	Networks   map[string][]netip.Prefix
	Lists      []List
	Rules      []Rule
	Exceptions []Exception
}

// Position is a place in a policy file, both counted from 1; the zero value is no place.
type Position struct{ Line, Column int }

// Origin is where an entry of a policy was written: a file, or the console. The zero value is an entry that a program made.
type Origin struct {
	Source string // the file; "console:ID" for the console's
	Position
	// Console is the id of the console's entry, empty for a file's.
	Console string
}

// String is source:line:column, as editors follow it, or console:ID.
func (o Origin) String() string {
	if o.Console != "" || o.Line == 0 {
		return o.Source
	}
	return o.Source + ":" + strconv.Itoa(o.Line) + ":" + strconv.Itoa(max(o.Column, 1))
}

// Addition is one entry of policy that people made in the console: a rule, a list or an exception. enforce/policy lays it
// behind the entries of the site's policy file.
type Addition struct {
	ID   string `json:"id"`   // of the console, never given twice; letters, digits and dashes
	Site string `json:"site"` // "" for every site
	Text string `json:"text"` // YAML of the one entry, as it would stand in a policy file
}

// FailureMode says what becomes of a request on which a stage fails (a fault of Merlon's own, CWE-636).
type FailureMode string

const (
	FailOpen   FailureMode = "open"   // it is judged without that stage and those behind it
	FailClosed FailureMode = "closed" // it is answered 503
)

// List is a named set of values and what to do with exchanges that match it.
type List struct {
	Name   string
	Kind   ListKind
	Values []string // as read; compiled by kind
	Action string
	Mode   Mode // "" means enforce for lists
	From   Origin
}

// ListKind says what a list's values are compared with.
type ListKind string

const (
	ListAddress     ListKind = "address"     // addresses and prefixes
	ListFingerprint ListKind = "fingerprint" // 16 hexadecimal digits
	ListPrincipal   ListKind = "principal"   // 16 hexadecimal digits: the token
	ListEndpoint    ListKind = "endpoint"    // "METHOD /template" or an id
	ListCountry     ListKind = "country"     // ISO 3166 alpha-2
	ListASN         ListKind = "asn"         // number
)

// Rule is one rule of a policy.
type Rule struct {
	Name   string
	When   string // expression; "" means always (with Match)
	Match  Match
	Action string
	Mode   Mode
	From   Origin
	// WhenAt is the first character of the expression, where it stands in the file letter by letter; else the zero value.
	WhenAt Position
}

// Match is the short form of a selector: every non-empty part must hold.
type Match struct {
	Endpoint string // "METHOD /template", "/template" or an id
	Purpose  string
	Method   string
	Host     string
	Label    string
}

// Exception relaxes exactly one finding on one selector, has an owner and expires.
type Exception struct {
	Finding string
	Match   Match
	Owner   string
	Until   time.Time
	Why     string
	From    Origin
}

// Knowledge is what was distilled about one site: what the matcher and, later, the contract need.
type Knowledge struct {
	Version   uint64
	Site      string
	Endpoints []KnownEndpoint // ascending by id
	// CatchAll lists hosts that answer everything alike.
	CatchAll []string
}

// KnownEndpoint is one endpoint as the hot path sees it.
type KnownEndpoint struct {
	ID         identity.EndpointID
	Host       string // "" for any host of the site
	Method     string
	Template   string // OpenAPI form, such as /patients/{patientId}
	State      inventory.State
	Documented bool
	Access     inventory.Access
	Purpose    string
	Labels     []string
	// AuthEnforced: it answers only callers with a credential, so success there proves the credential (identity.Accepted).
	AuthEnforced bool
}

// Delta is what changed between two versions of Knowledge: a new template does not recompile ten thousand operations.
type Delta struct {
	From, To uint64
	Site     string
	Set      []KnownEndpoint
	Removed  []identity.EndpointID
	CatchAll []string
}

// Entry is one item of Standing: somebody or something dealt with until a time.
type Entry struct {
	ID     string    `json:"id"`
	Site   string    `json:"site"` // "" for every site
	Kind   ListKind  `json:"kind"`
	Value  string    `json:"value"`
	Action string    `json:"action"`
	Mode   Mode      `json:"mode"`
	Until  time.Time `json:"until,omitzero"` // zero: until removed
	By     string    `json:"by"`
	Why    string    `json:"why"`
	At     time.Time `json:"at"`
}

// Standing is what holds beside the snapshot and changes without a compile.
type Standing struct {
	Version uint64
	Entries []Entry
}
