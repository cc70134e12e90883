package people

import (
	"time"

	"merlon/internal/model/account"
)

// Local is whoever works on the data directory itself, on this machine: the files' permissions have shown who they are. The
// role and, where any are given, the scopes say what they may through this door.
func Local(name string, now time.Time, role account.Role, scopes ...account.Permission) Caller {
	return Caller{Name: name, Role: role, Scopes: scopes, proved: now, local: true}
}
