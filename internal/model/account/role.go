package account

import "slices"

// Role is what somebody is to the product. Each may do what its row in the table of permissions says, and nothing else.
type Role string

// The roles, from the one that may least.
const (
	Viewer     Role = "viewer"     // sees the inventory and how Merlon fares
	Developer  Role = "developer"  // sees traffic too, and says whose an endpoint is
	Security   Role = "security"   // decides who is kept out
	Operations Role = "operations" // runs Merlon
	Admin      Role = "admin"      // all of it, and who may come in
)

// Roles lists every role, from the one that may least.
func Roles() []Role { return []Role{Viewer, Developer, Security, Operations, Admin} }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, bool) {
	r := Role(s)
	return r, slices.Contains(Roles(), r)
}

// Permission is one thing a use case asks for.
type Permission string

// The permissions. One use case asks for exactly one.
const (
	// Open is asked for where nobody needs to be signed in.
	Open Permission = ""
	// SignedIn is asked for where anybody who is signed in may.
	SignedIn Permission = "session"
	// Self is asked for where people change their own account: no role is needed, and no token may.
	Self Permission = "self"

	SeeStatus     Permission = "status.see"
	SeeMetrics    Permission = "metrics.see"
	SeeInventory  Permission = "inventory.see"
	EditInventory Permission = "inventory.edit"
	EditViews     Permission = "views.edit" // filters under a name, one's own
	SeeEvents     Permission = "events.see" // client addresses and claimed names among them
	SeeStanding   Permission = "standing.see"
	EditStanding  Permission = "standing.edit"
	SeePolicy     Permission = "policy.see"
	EditPolicy    Permission = "policy.edit"
	SeeAudit      Permission = "audit.see"
	SeeSettings   Permission = "settings.see"
	SeePeople     Permission = "people.see"
	EditPeople    Permission = "people.edit"
	EditTokens    Permission = "tokens.edit"
	SeeProfiles   Permission = "profiles.see" // of the process itself, which slow it
)

// Permissions lists every permission that a role can lack.
func Permissions() []Permission {
	return []Permission{
		SeeStatus, SeeMetrics, SeeInventory, EditInventory, EditViews, SeeEvents, SeeStanding, EditStanding, SeePolicy, EditPolicy,
		SeeAudit, SeeSettings, SeePeople, EditPeople, EditTokens, SeeProfiles,
	}
}

// About says in a few words what a permission permits.
func (p Permission) About() string {
	switch p {
	case Open:
		return "nothing needs to be shown"
	case SignedIn:
		return "whoever is signed in"
	case Self:
		return "change one's own account: password, second factor, passkeys, sessions"
	case SeeStatus:
		return "see how Merlon fares, and traffic over time"
	case SeeMetrics:
		return "scrape the metrics"
	case SeeInventory:
		return "see the inventory and export it"
	case EditInventory:
		return "say whose an endpoint is, how it is labelled and named"
	case EditViews:
		return "keep filters under a name"
	case SeeEvents:
		return "see events, client addresses and claimed names among them"
	case SeeStanding:
		return "see who is kept out"
	case EditStanding:
		return "keep somebody out, and let them in again"
	case SeePolicy:
		return "see the policy in force"
	case EditPolicy:
		return "write rules"
	case SeeAudit:
		return "see and export who did what"
	case SeeSettings:
		return "see the running configuration"
	case SeePeople:
		return "see who has an account, and their sessions"
	case EditPeople:
		return "invite, disable, change roles, reset, sign others out"
	case EditTokens:
		return "make and revoke tokens"
	case SeeProfiles:
		return "profile the process"
	default:
		return ""
	}
}

// PersonOnly tells whether no token ever has p: what is one's own account, and what makes people, which would outlive a token
// that is taken back.
func (p Permission) PersonOnly() bool { return p == Self || p == EditPeople }

// ParsePermission reads the name of a permission that a role can lack.
func ParsePermission(s string) (Permission, bool) {
	p := Permission(s)
	return p, slices.Contains(Permissions(), p)
}

// granted is the table: role to what it may. Admin may everything and has no row.
func granted(r Role) []Permission {
	switch r {
	case Viewer:
		return []Permission{SeeStatus, SeeInventory, EditViews}
	case Developer:
		return []Permission{SeeStatus, SeeInventory, EditInventory, EditViews, SeeEvents, SeeStanding, SeePolicy}
	case Security:
		return []Permission{
			SeeStatus, SeeMetrics, SeeInventory, EditInventory, EditViews, SeeEvents, SeeStanding, EditStanding, SeePolicy, EditPolicy,
			SeeAudit, SeeSettings, SeePeople,
		}
	case Operations:
		return []Permission{SeeStatus, SeeMetrics, SeeInventory, EditViews, SeeEvents, SeeStanding, EditStanding, SeePolicy, SeeAudit, SeeSettings}
	default:
		return nil
	}
}

// May tells whether r may do what p stands for. A role that does not exist may nothing that needs signing in.
func (r Role) May(p Permission) bool {
	switch _, known := ParseRole(string(r)); {
	case p == Open:
		return true
	case !known:
		return false
	case p == SignedIn, p == Self:
		return true
	case r == Admin:
		return slices.Contains(Permissions(), p)
	default:
		return slices.Contains(granted(r), p)
	}
}
