package scenario

import (
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/inventory"
)

// EightNodes: eight nodes that share the traffic in whatever way know what one node would have known.
func EightNodes() Scenario {
	from := monday()
	h := hospital{from: from, to: from.AddDate(0, 0, 1), rate: 0.015, billingFrom: from, attacks: []traffic.Attack{
		{Kind: traffic.VendorBreach, At: from.Add(9 * time.Hour), For: time.Hour, Addresses: 60, Rate: 0.1},
		{Kind: traffic.ScanLoud, At: from.Add(12 * time.Hour), For: 10 * time.Minute, Rate: 1},
	}}
	nodes := func(n int, by Split) func(*Scenario) {
		return func(s *Scenario) { s.Nodes, s.Split, s.Seed = n, by, s.Seed+uint64(n) }
	}
	return Scenario{
		Name: "eight_nodes", World: "a day of Acme Hospital through one node, and through eight",
		Traffic: h.entries, Descriptions: acmeDescription(), Seed: 5,
		Expect: Expect{
			Endpoints: []Endpoint{
				{Method: "GET", Template: "/v2/patients/{patientId}/records", State: inventory.Confirmed, Auth: inventory.AuthEnforced},
				{Method: "PUT", Template: "/v2/billing/invoices/{invoiceId}", Has: []string{"shadow"}},
			},
			Alike: []Variant{
				{Name: "eight nodes by actor", Change: nodes(8, ByActor)},
				{Name: "eight nodes by connection", Change: nodes(8, ByConnection)},
				{Name: "eight nodes by exchange", Change: nodes(8, ByExchange)},
			},
		},
	}
}

// EightNodesUndescribed is EightNodes where every template has to be found in the traffic.
func EightNodesUndescribed() Scenario {
	s := EightNodes()
	s.Name, s.World, s.Descriptions = "eight_nodes_undescribed", s.World+", without a description", nil
	s.Expect.Endpoints = []Endpoint{{Method: "GET", Template: "/v2/patients/{patientId}/records", State: inventory.Confirmed, Not: []string{"shadow"}}}
	s.Expect.Alike = s.Expect.Alike[2:3]
	return s
}
