package distill

import (
	"fmt"

	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// checkUndocumentedWrite: OWASP API9:2023. Silent without a description, since then everything is undocumented.
func checkUndocumentedWrite(v *view) (finding.Posture, bool) {
	if !v.shadow || v.access != inventory.Write {
		return finding.Posture{}, false
	}
	return finding.Posture{
		ID: "posture.undocumented-write", Classes: []string{"API9:2023", "CWE-1059"}, Severity: finding.High, Confirmed: v.state == inventory.Confirmed,
		Why:  fmt.Sprintf("%d writes succeeded and no uploaded description has this operation", v.leaf.Traffic.Successes),
		Mend: "Add it to the description if it is meant to be there; otherwise remove it or block it.",
	}, true
}
