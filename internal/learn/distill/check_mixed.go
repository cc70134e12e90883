package distill

import (
	"fmt"

	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// checkMixedAuthentication: OWASP API2:2023, CWE-306. Falsely positive where the answer differs by who asks and both are
// meant (a shop's front page for guests and customers), hence medium; a description that says so silences it.
func checkMixedAuthentication(v *view) (finding.Posture, bool) {
	if v.auth.label != inventory.AuthMixed || v.meantOpen() {
		return finding.Posture{}, false
	}
	c := &v.leaf.Credentials
	severity := finding.Medium
	if v.access == inventory.Write {
		severity = finding.High
	}
	return finding.Posture{
		ID: "posture.mixed-authentication", Classes: []string{"API2:2023", "CWE-306"}, Severity: severity, Confirmed: v.provenOpen(),
		Why: fmt.Sprintf("%d successes carried a credential and %d, by about %.0f callers, did not", c.With, c.Without, c.CallersWithout.Estimate()),
		Mend: "Find out whether the service checks the credential at all: an endpoint that forgot its check looks like this. " +
			"If both are meant, describe the security requirement as optional.",
	}, true
}
