// Package scenario is the proof of detectors and learners: labelled traffic in event time in, expected inventory, findings and silence out, on one node and on several.
//
// A scenario is data: what happens in the world (traffic), what people have said (descriptions, policy), how many nodes
// stand in front of it, and what must come out (Expect). Run drives the traffic through real engines, drains their queues
// into one summary a node, merges, and distils; Check holds the result against the expectations. Nothing waits, reads a
// clock or depends on timing: one seed gives one result.
//
// One file is one scenario, named for what happens in the world; all.go lists them.
package scenario

import (
	"context"
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
	"merlon/internal/model/exchange"
)

// Scenario is one story with its outcome.
type Scenario struct {
	// Name is the file's, in words with underscores; World says in a sentence what happens.
	Name, World string
	// Traffic makes the exchanges. They need not be in order: Run hands them over in the order of their arrival.
	Traffic func(context.Context) ([]traffic.Entry, error)
	// Arrive says when an exchange reaches the node, when that is not when it happened.
	Arrive func(*traffic.Entry) time.Time
	// Sight is what the source can see; zero is everything that an exchange line holds.
	Sight exchange.Observed

	// Descriptions and Policy are what people have said.
	Descriptions []*description.Description
	Policy       bundle.Policy

	// Nodes is how many nodes share the traffic: one when zero.
	Nodes int
	// Split says which node an exchange goes to.
	Split Split
	// Teach lists event times at which the nodes' summaries are merged and distilled and the Knowledge goes to every
	// engine, as it does in production every few seconds. At the end it is distilled once more in any case.
	Teach []time.Time
	// Seed decides the order of merging and which node takes which exchange.
	Seed uint64

	Expect Expect
}

// Split is how traffic is shared between nodes.
type Split uint8

const (
	// ByActor keeps a caller on one node: a load balancer with sticky sessions.
	ByActor Split = iota
	// ByConnection keeps a connection on one node.
	ByConnection
	// ByExchange sends every exchange anywhere.
	ByExchange
)

// site is the one site of a scenario.
const site = "acme"

// taught gives n times, evenly between from and to.
func taught(from, to time.Time, n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = from.Add(to.Sub(from) * time.Duration(i+1) / time.Duration(n+1))
	}
	return out
}
