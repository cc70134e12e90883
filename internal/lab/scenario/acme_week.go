package scenario

import (
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/inventory"
)

// AcmeWeek: an ordinary week of a hospital whose description is nearly right. A breached vendor writes invoices through an
// operation that nobody described, and somebody finds that the front desk's list of patients asks for no credential.
func AcmeWeek() Scenario {
	from := monday()
	h := hospital{from: from, to: from.AddDate(0, 0, 7), rate: 0.012, billingFrom: from.Add(6 * time.Hour), attacks: []traffic.Attack{
		{Kind: traffic.VendorBreach, At: from.AddDate(0, 0, 2).Add(9 * time.Hour), For: 4 * time.Hour, Addresses: 80, Rate: 0.02},
		{Kind: traffic.ScanCareful, At: from.AddDate(0, 0, 4), For: 24 * time.Hour, Rate: 0.01},
	}}
	const confirmed, candidate, enforced, none = inventory.Confirmed, inventory.Candidate, inventory.AuthEnforced, inventory.AuthNone
	known := []string{"shadow", "orphan", "deprecated"}
	return Scenario{
		Name: "acme_week", World: "a week of Acme Hospital, with an undocumented billing write in its middle",
		Traffic: h.entries, Descriptions: acmeDescription(), Seed: 1,
		Teach: taught(h.from, h.to, 2),
		Expect: Expect{
			Endpoints: []Endpoint{
				{Method: "POST", Template: "/v2/auth/login", State: confirmed, Auth: none, Not: known},
				{Method: "GET", Template: "/v2/me", State: confirmed, Auth: enforced, Not: known, Sensitive: []string{"email"}, Credentials: []string{"bearer"}},
				{Method: "GET", Template: "/v2/patients/{patientId}", State: confirmed, Auth: enforced, Not: known, Sensitive: []string{"email", "phone"}},
				{Method: "GET", Template: "/v2/patients/{patientId}/records", State: confirmed, Auth: enforced, Not: known},
				{Method: "GET", Template: "/v2/patients/{patientId}/records/{recordId}", State: confirmed, Auth: enforced, Not: known},
				{Method: "GET", Template: "/v2/appointments", State: confirmed, Auth: enforced, Not: known, Clean: true},
				{Method: "POST", Template: "/v2/appointments", State: confirmed, Auth: enforced, Not: known, Clean: true},
				{Method: "GET", Template: "/v2/appointments/{appointmentId}", State: confirmed, Auth: enforced, Not: known, Clean: true},
				{Method: "GET", Template: "/v2/departments/{slug}", State: confirmed, Auth: inventory.AuthMixed, Not: known, Clean: true},
				{Method: "GET", Template: "/v2/billing/invoices", State: confirmed, Auth: enforced, Not: known},
				{Method: "GET", Template: "/v2/billing/invoices/{invoiceId}", State: confirmed, Auth: enforced, Not: known, Sensitive: []string{"iban"}},
				{Method: "GET", Template: "/v2/telehealth/sessions/{sessionId}/live", State: confirmed, Not: known},

				// The form login answers with a redirect: it is used, and nothing confirms it.
				{Method: "POST", Template: "/login", State: candidate, Not: known},

				{Method: "PUT", Template: "/v2/billing/invoices/{invoiceId}", Has: []string{"shadow"}},
				{Method: "POST", Template: "/v2/billing/invoices/{invoiceId}", Has: []string{"shadow"}},
				{Method: "GET", Template: "/v2/internal/patients", Auth: inventory.AuthMixed, Not: known, Sensitive: []string{"us-ssn"}},
				{Method: "GET", Template: "/v1/patients", Has: []string{"deprecated"}, Not: []string{"orphan", "shadow"}},
				{Method: "GET", Template: "/v1/patients/{patientId}", Has: []string{"deprecated"}, Not: []string{"orphan", "shadow"}},
				{Method: "GET", Template: "/v2/pharmacy/prescriptions/{prescriptionId}", State: inventory.Unseen, Has: []string{"orphan"}},
			},
			Postures: []Posture{
				{ID: "posture.undocumented-write", Method: "PUT", Template: "/v2/billing/invoices/{invoiceId}"},
				{ID: "posture.first-write", Method: "PUT", Template: "/v2/billing/invoices/{invoiceId}"},
				{ID: "posture.undocumented-write", Method: "POST", Template: "/v2/billing/invoices/{invoiceId}"},
				{ID: "posture.unauthenticated-sensitive-data", Method: "GET", Template: "/v2/internal/patients"},
				{ID: "posture.deprecated-used", Method: "GET", Template: "/v1/patients"},
				{ID: "posture.deprecated-used", Method: "GET", Template: "/v1/patients/{patientId}"},
			},
			NoOtherPostures: true,
			MaxStateBytes:   2 << 20,
		},
	}
}
