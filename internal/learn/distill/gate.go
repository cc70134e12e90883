package distill

import (
	"fmt"
	"strings"
)

// Claim is a kind of loosening claim: something that was not allowed before would be.
type Claim uint8

const (
	// ClaimEndpoint: this method and path exist.
	ClaimEndpoint Claim = iota
	// ClaimField: this parameter or member of a body exists.
	ClaimField
	numClaims
)

// Quorum is what confirms a claim: either the principals or the networks.
type Quorum struct {
	Claim string
	// Principals are proved (accepted or verified), coming from PrincipalNetworks different client networks, over
	// PrincipalHours different hours of event time.
	Principals, PrincipalNetworks, PrincipalHours uint64
	// Networks are client networks (/24, /48) with successes that no proved principal made, over NetworkHours.
	Networks, NetworkHours uint64
}

// Quorums is the table of thresholds; docs/reference/gate.md prints it.
//
// Three principals is what open-appsec asks for at least; a network is worth less than a principal, because an attacker
// rents networks more cheaply than accounts, so five are asked for and more time. A field loosens a contract that is
// enforced, which is worse than a row in a list, so it needs more of both.
func Quorums() [numClaims]Quorum {
	return [numClaims]Quorum{
		ClaimEndpoint: {"endpoint", 3, 2, 2, 5, 3},
		ClaimField:    {"parameter or field", 5, 2, 3, 8, 3},
	}
}

// pass tells how far a claim has come (1 when confirmed), and in words what is missing.
func (c Claim) pass(b backing) (confidence float64, missing string) {
	q := Quorums()[c]
	strong := mean3(b.principals, q.Principals, b.ownNetworks, q.PrincipalNetworks, b.principalHours, q.PrincipalHours)
	weak := mean2(b.networks, q.Networks, b.networkHours, q.NetworkHours)
	if strong == 1 || weak == 1 {
		return 1, ""
	}
	return max(strong, weak), lacking(q, b, strong >= weak && b.principals > 0)
}

// share is the part of a quorum's number that is reached.
func share(have, need uint64) float64 { return float64(min(have, need)) / float64(need) }

func mean3(a, na, b, nb, c, nc uint64) float64 {
	return (share(a, na) + share(b, nb) + share(c, nc)) / 3
}
func mean2(a, na, b, nb uint64) float64 { return (share(a, na) + share(b, nb)) / 2 }

// lacking says what would confirm the claim, by the nearer way.
func lacking(q Quorum, b backing, byPrincipals bool) string {
	var parts []string
	add := func(have, need uint64, what string) {
		if have < need {
			parts = append(parts, fmt.Sprintf("%d more %s", need-have, what))
		}
	}
	if byPrincipals {
		add(b.principals, q.Principals, plural(q.Principals-min(b.principals, q.Principals), "authenticated caller"))
		add(b.ownNetworks, q.PrincipalNetworks, plural(q.PrincipalNetworks-min(b.ownNetworks, q.PrincipalNetworks), "client network"))
		add(b.principalHours, q.PrincipalHours, "hours with success")
		return strings.Join(parts, ", ")
	}
	add(b.networks, q.Networks, plural(q.Networks-min(b.networks, q.Networks), "client network"))
	add(b.networkHours, q.NetworkHours, "hours with success")
	return strings.Join(parts, ", ") + fmt.Sprintf("; or %d authenticated callers", q.Principals)
}

func plural(n uint64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
