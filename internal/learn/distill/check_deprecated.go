package distill

import (
	"fmt"

	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// checkDeprecatedUsed: OWASP API9:2023. Low: it is a reminder before the endpoint goes, not a hole.
func checkDeprecatedUsed(v *view) (finding.Posture, bool) {
	if !v.deprecated || v.leaf.Traffic.Successes == 0 {
		return finding.Posture{}, false
	}
	return finding.Posture{
		ID: "posture.deprecated-used", Classes: []string{"API9:2023"}, Severity: finding.Low, Confirmed: v.state == inventory.Confirmed,
		Why:  fmt.Sprintf("the description deprecates it and %d requests by about %.0f callers succeeded", v.leaf.Traffic.Successes, v.leaf.Support.Callers.Estimate()),
		Mend: "Tell the callers listed here to move before it is switched off.",
	}, true
}
