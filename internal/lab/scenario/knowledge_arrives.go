package scenario

import (
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/inventory"
)

// KnowledgeArrives: templates are published while traffic flows, so that the first part of it is kept by path and the rest
// by template. What exists is the same as if nothing had been published.
func KnowledgeArrives() Scenario {
	from := monday()
	h := hospital{from: from, to: from.AddDate(0, 0, 1), rate: 0.02, billingFrom: from, attacks: []traffic.Attack{
		{Kind: traffic.ScanLoud, At: from.Add(7 * time.Hour), For: 5 * time.Minute, Rate: 2},
	}}
	return Scenario{
		Name: "knowledge_arrives", World: "a day of Acme Hospital without a description, distilled four times",
		Traffic: h.entries, Seed: 8, Teach: taught(h.from, h.to, 3),
		Expect: Expect{
			Endpoints: []Endpoint{
				{Method: "GET", Template: "/v2/patients/{patientId}", State: inventory.Confirmed, Auth: inventory.AuthEnforced},
				{Method: "GET", Template: "/v2/patients/{patientId}/records/{recordId}", State: inventory.Confirmed, Auth: inventory.AuthEnforced},
				{Method: "GET", Template: "/v2/me", State: inventory.Confirmed, Auth: inventory.AuthEnforced},
			},
			Alike: []Variant{
				{Name: "untaught", Change: func(s *Scenario) { s.Teach = nil }, Taught: true},
				{Name: "eight nodes", Change: func(s *Scenario) { s.Nodes = 8 }},
			},
		},
	}
}

// KnowledgeArrivesDescribed is the same with a description, whose templates hold from the first exchange on.
func KnowledgeArrivesDescribed() Scenario {
	s := KnowledgeArrives()
	s.Name, s.World, s.Descriptions = "knowledge_arrives_described", "the same day with a description", acmeDescription()
	s.Expect.Alike = s.Expect.Alike[:1]
	return s
}
