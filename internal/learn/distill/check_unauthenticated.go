package distill

import (
	"fmt"

	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// checkUnauthenticatedWrite: OWASP API2:2023, CWE-306. Falsely positive for writes that are meant to be open: a login, a
// sign-up, a public form; a description that says so silences it.
func checkUnauthenticatedWrite(v *view) (finding.Posture, bool) {
	if v.access != inventory.Write || v.auth.label != inventory.AuthNone || v.meantOpen() {
		return finding.Posture{}, false
	}
	c := &v.leaf.Credentials
	return finding.Posture{
		ID: "posture.unauthenticated-write", Classes: []string{"API2:2023", "CWE-306"}, Severity: finding.High, Confirmed: v.provenOpen(),
		Why: fmt.Sprintf("%d writes by about %.0f callers succeeded and none carried a credential", c.Without, c.CallersWithout.Estimate()),
		Mend: "Require a credential in the service or before it. If everybody may write here (a login, a sign-up), say so in the description " +
			"with an empty security requirement.",
	}, true
}

// checkUnauthenticatedSensitive: OWASP API3:2023, API2:2023, CWE-306. The field's class rests on twenty different values, so
// one odd answer does not raise it. What callers send is not disclosed to them, and a login hands out tokens by design.
func checkUnauthenticatedSensitive(v *view) (finding.Posture, bool) {
	if s, ok := v.disclosed(); ok {
		return finding.Posture{
			ID: "posture.unauthenticated-sensitive-data", Classes: []string{"API2:2023", "API3:2023", "CWE-306"}, Severity: finding.Critical, Confirmed: v.provenOpen(),
			Why: fmt.Sprintf("%s in %s, and %d of %d successes carried no credential", s.class.Name(), s.where,
				v.leaf.Credentials.Without, v.leaf.Credentials.With+v.leaf.Credentials.Without),
			Mend: "Require a credential here, or leave the field out of what is answered to everybody.",
		}, true
	}
	return finding.Posture{}, false
}

// disclosed gives the first sensitive field that is answered where no credential is needed.
func (v *view) disclosed() (sensitiveField, bool) {
	if v.openToAll() {
		for _, s := range v.sensitive {
			answered := s.part == exchange.InResponseHeader || s.part == exchange.InResponseBody
			if answered && (v.access == inventory.Read || !s.class.Set().Secret()) {
				return s, true
			}
		}
	}
	return sensitiveField{}, false
}

// meantOpen tells whether the description says that no credential is needed.
func (v *view) meantOpen() bool { return v.n.operation != nil && v.n.operation.Open }

// provenOpen tells whether that success needs no credential rests on enough requests of enough callers.
func (v *view) provenOpen() bool { return v.auth.confirmed && v.state == inventory.Confirmed }
