package scenario

import (
	"merlon/internal/model/exchange"
	"merlon/internal/model/inventory"
)

// AccessLog: all that is known is yesterday's access log. It shows no credential and no body, so nothing is said about
// authentication, and nothing about data.
func AccessLog() Scenario {
	from := monday()
	h := hospital{from: from, to: from.AddDate(0, 0, 1), rate: 0.02}
	s := Scenario{
		Name: "access_log", World: "a day of Acme Hospital as its access log tells it",
		Traffic: h.entries, Descriptions: acmeDescription(), Seed: 9,
		Sight: exchange.SawRequestLine | exchange.SawStatus | exchange.SawClient | exchange.SawUserAgent,
		Expect: Expect{NoPostures: []string{
			"posture.unauthenticated-write", "posture.unauthenticated-sensitive-data", "posture.mixed-authentication", "posture.undocumented-write",
		}},
	}
	for _, t := range []string{"/v2/me", "/v2/appointments", "/v2/patients/{patientId}/records", "/v2/departments/{slug}"} {
		s.Expect.Endpoints = append(s.Expect.Endpoints, Endpoint{
			Method: "GET", Template: t, State: inventory.Confirmed, Auth: inventory.AuthUnknown, Clean: true, Credentials: []string{},
		})
	}
	return s
}
