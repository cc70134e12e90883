package scenario

import (
	"context"
	"fmt"
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/bundle"
	"merlon/internal/model/inventory"
)

// AddressIsBlocked: a person has put a network on a list. All of it is refused, nobody else is, and what it asked for
// teaches nothing.
func AddressIsBlocked() Scenario {
	const robber = "OAT-011"
	return Scenario{
		Name: "address_is_blocked", World: "a scraper's network is on a list that blocks", Seed: 10,
		Policy: bundle.Policy{Source: "policy.yaml", Lists: []bundle.List{
			{Name: "scrapers", Kind: bundle.ListAddress, Values: []string{"203.0.113.0/24"}, Action: "block"},
		}},
		Traffic: func(context.Context) ([]traffic.Entry, error) {
			h := &hand{host: acmeHost}
			for i := range 400 {
				at := monday().Add(time.Duration(i) * time.Minute)
				h.label = traffic.Label{Actor: fmt.Sprintf("reader-%d", i%12), Kind: traffic.Benign}
				h.add(ask{at: at, ip: network(i % 12), path: fmt.Sprintf("/articles/%d", i)})
				h.label = traffic.Label{Actor: "scraper", Kind: robber}
				h.add(ask{at: at, ip: fmt.Sprintf("203.0.113.%d", 1+i%200), path: fmt.Sprintf("/archive/%d", i)})
			}
			return h.out, nil
		},
		Expect: Expect{
			Endpoints:    []Endpoint{{Method: "GET", Template: "/articles/{articleId}", State: inventory.Confirmed, Requests: 400}},
			Absent:       []Endpoint{{Method: "GET", Template: "/archive/{archiveId}"}},
			RefusedKinds: []string{robber}, Count: 1,
		},
	}
}
