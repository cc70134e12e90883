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
	SignedIn      Permission = "session"
	SeeStatus     Permission = "status.see"
	SeeMetrics    Permission = "metrics.see"
	SeeInventory  Permission = "inventory.see"
	EditInventory Permission = "inventory.edit"
	SeeEvents     Permission = "events.see" // client addresses and claimed names among them
	SeeStanding   Permission = "standing.see"
	EditStanding  Permission = "standing.edit"
	SeeAudit      Permission = "audit.see"
	EditTokens    Permission = "tokens.edit"
	SeeProfiles   Permission = "profiles.see" // of the process itself, which slow it
)

// Permissions lists every permission that a role can lack.
func Permissions() []Permission {
	return []Permission{SeeStatus, SeeMetrics, SeeInventory, EditInventory, SeeEvents, SeeStanding, EditStanding, SeeAudit, EditTokens, SeeProfiles}
}

// granted is the table: role to what it may. Admin may everything and has no row.
func granted(r Role) []Permission {
	switch r {
	case Viewer:
		return []Permission{SeeStatus, SeeInventory}
	case Developer:
		return []Permission{SeeStatus, SeeInventory, EditInventory, SeeEvents, SeeStanding}
	case Security:
		return []Permission{SeeStatus, SeeMetrics, SeeInventory, EditInventory, SeeEvents, SeeStanding, EditStanding, SeeAudit}
	case Operations:
		return []Permission{SeeStatus, SeeMetrics, SeeInventory, SeeEvents, SeeStanding, EditStanding, SeeAudit}
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
	case p == SignedIn:
		return true
	case r == Admin:
		return slices.Contains(Permissions(), p)
	default:
		return slices.Contains(granted(r), p)
	}
}
