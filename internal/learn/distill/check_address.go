package distill

import (
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// checkSensitiveInAddress: CWE-598. Addresses end in access logs, browser histories and referrers.
func checkSensitiveInAddress(v *view) (finding.Posture, bool) {
	s, ok := v.sensitiveInAddress()
	if !ok {
		return finding.Posture{}, false
	}
	severity := finding.Medium
	if s.class.Set().Secret() {
		severity = finding.High
	}
	return finding.Posture{
		ID: "posture.sensitive-data-in-url", Classes: []string{"CWE-598"}, Severity: severity, Confirmed: v.state == inventory.Confirmed,
		Why:  s.class.Name() + " in " + s.where,
		Mend: "Send it in a header or in the body of a POST.",
	}, true
}

// sensitiveInAddress gives the first sensitive path or query parameter.
func (v *view) sensitiveInAddress() (sensitiveField, bool) {
	for _, s := range v.sensitive {
		if s.part == exchange.InPath || s.part == exchange.InQuery {
			return s, true
		}
	}
	return sensitiveField{}, false
}
