package scenario

import (
	"context"
	"fmt"
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/inventory"
)

// OneNetworkPoisoning: twenty accounts of one network try to make a path and a parameter look normal, before and after the
// nodes have learned which endpoints prove a credential.
func OneNetworkPoisoning() Scenario {
	return Scenario{
		Name: "one_network_poisoning", World: "twenty callers from one network use what nobody else uses, for two days", Seed: 6,
		Traffic: func(context.Context) ([]traffic.Entry, error) {
			honest := &hand{host: acmeHost, label: traffic.Label{Kind: traffic.Benign}}
			for i := range 1200 {
				who := i % 30
				at := monday().Add(time.Duration(i) * 140 * time.Second)
				honest.label.Actor = fmt.Sprintf("customer-%d", who)
				a := ask{at: at, ip: network(who), token: token("c", who), path: fmt.Sprintf("/orders?page=%d", i%7), answer: `{"orders":[{"id":1}],"total":9}`}
				switch i % 5 {
				case 0:
					a.token, a.status, a.answer = "", 401, `{"error":"who are you"}`
				case 1:
					a.path, a.answer = fmt.Sprintf("/orders/%d", 100+i), fmt.Sprintf(`{"id":%d,"total":12.5}`, 100+i)
				}
				honest.add(a)
			}
			bad := &hand{host: acmeHost, label: traffic.Label{Kind: "API9:2023", Campaign: "poisoning"}}
			for i := range 2000 {
				who := i % 20
				at := monday().Add(time.Duration(i) * 85 * time.Second)
				bad.label.Actor = fmt.Sprintf("poisoner-%d", who)
				a := ask{
					at: at, ip: fmt.Sprintf("203.0.113.%d", 10+who), token: token("p", who), method: "POST", path: "/orders/refund-all", status: 201,
					body: `{"to":"me"}`, answer: `{"refunded":true}`,
				}
				if i%2 == 0 {
					a.method, a.body, a.status, a.path, a.answer = "GET", "", 200, "/orders?page=1&all_customers=yes", `{"orders":[{"id":1}],"total":9}`
				}
				bad.add(a)
			}
			return append(honest.out, bad.out...), nil
		},
		Teach: taught(monday(), monday().Add(47*time.Hour), 7),
		Expect: Expect{
			Endpoints: []Endpoint{
				{Method: "GET", Template: "/orders", State: inventory.Confirmed, Auth: inventory.AuthEnforced, Parameters: []string{"query.page"}, Doubted: []string{"query.all_customers"}},
				{Method: "GET", Template: "/orders/{orderId}", State: inventory.Confirmed},
				{Method: "POST", Template: "/orders/refund-all", State: inventory.Candidate},
			},
			OnlyConfirmed: true, Count: 3,
			Alike: []Variant{
				{Name: "untaught", Change: func(s *Scenario) { s.Teach = nil }, Taught: true},
				{Name: "eight nodes", Change: func(s *Scenario) { s.Nodes = 8 }},
			},
		},
	}
}
