package distill

import "merlon/internal/model/finding"

// check looks at one endpoint and says what is wrong with it, if it applies. Distill fills in the endpoint.
type check func(*view) (finding.Posture, bool)

// checks lists every posture check, in the order of their findings.
func checks() []check {
	return []check{
		checkUnauthenticatedWrite,
		checkUnauthenticatedSensitive,
		checkMixedAuthentication,
		checkUndocumentedWrite,
		checkFirstWrite,
		checkSensitiveInAddress,
		checkDeprecatedUsed,
	}
}
