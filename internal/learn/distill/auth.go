package distill

import (
	"merlon/internal/learn/summary"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/model/sketch"
)

// Thresholds of the authentication label.
const (
	// authRequests and authCallers are what a confirmed label is based on; an earlier one is shown with its sample size.
	authRequests = 50
	authCallers  = 5
	// openShare is the largest upper bound of the share of successes without a credential that still counts as enforced:
	// a health check of a load balancer, a preflight.
	openShare = 0.001
	// wilsonZ is 95 %, two-sided.
	wilsonZ = 1.96
	// refusals a credential-less or wrongly credentialed caller must have met before success proves the credential.
	refusalsNeeded = 3
)

// posture is an endpoint's authentication with what it is based on.
type posture struct {
	label     inventory.Authentication
	confirmed bool
	// proves: success there proves the credential (identity.Accepted).
	proves bool
}

// authentication reads the label from successes. That everybody who succeeded had a credential proves nothing by itself:
// an open endpoint of a client that always sends its token looks the same. Refusals tell the two apart.
func authentication(c *summary.Credentials) posture {
	n := c.With + c.Without
	if n == 0 {
		return posture{label: inventory.AuthUnknown}
	}
	callers := c.CallersWith.Estimate() + c.CallersWithout.Estimate()
	p := posture{confirmed: n >= authRequests && callers >= authCallers}
	refused := c.RefusedWith + c.RefusedWithout
	_, open := sketch.WilsonInterval(c.Without, n, wilsonZ)
	switch {
	case c.With == 0:
		p.label = inventory.AuthNone
	case c.Without == 0 && (refused > 0 || p.confirmed), open < openShare:
		p.label = inventory.AuthEnforced
		p.proves = p.confirmed && refused >= refusalsNeeded
	case c.Without == 0:
		p.label = inventory.AuthUnknown
	default:
		p.label = inventory.AuthMixed
	}
	return p
}

// credentialNames lists the kinds that had success, in the fixed order of the inventory.
func credentialNames(c *summary.Credentials) []string {
	var s identity.Credentials
	for k, n := range c.Kinds {
		if n > 0 {
			s = s.With(identity.Credential(k))
		}
	}
	if names := s.Names(); names != nil {
		return names
	}
	return []string{}
}
