package scenario

import (
	"context"
	"fmt"
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/inventory"
)

// CatchAllHost: a single-page application answers 200 with one page to everything, beside an API of its own and another
// host's. Nothing it answers alike is an endpoint; its API is.
func CatchAllHost() Scenario {
	const www = "www.acme.example"
	return Scenario{
		Name: "catch_all_host", World: "a host answers 200 to everything, beside a real API", Seed: 4,
		Traffic: func(context.Context) ([]traffic.Entry, error) {
			app := &hand{host: www, label: traffic.Label{Kind: traffic.Benign}}
			api := &hand{host: acmeHost, label: traffic.Label{Kind: traffic.Benign}}
			sections := []string{"about", "news", "jobs", "press", "team", "care", "visit", "donate", "blog", "events", "contact", "research", "map", "faq"}
			for i := range 1500 {
				at := monday().Add(time.Duration(i) * time.Minute)
				app.label.Actor = fmt.Sprintf("visitor-%d", i%60)
				ip := network(i % 60)
				page := "<!doctype html><title>Acme</title><div id=app></div>"
				path := "/" + sections[i%len(sections)]
				for d := range i % 4 {
					path += fmt.Sprintf("/%s-%d", sections[(i*7+d)%len(sections)], i%23)
				}
				app.add(ask{at: at, ip: ip, path: path, answer: page, kind: "text/html; charset=utf-8", agent: "Mozilla/5.0 Firefox/136.0"})
				switch i % 3 {
				case 0:
					app.add(ask{at: at.Add(time.Second), ip: ip, path: "/api/stations", answer: fmt.Sprintf(`{"stations":[{"id":%d,"name":"ward"}]}`, i)})
				case 1:
					api.label.Actor = app.label.Actor
					api.add(ask{at: at.Add(time.Second), ip: ip, path: fmt.Sprintf("/v2/doctors/%d", 1000+i), answer: fmt.Sprintf(`{"id":%d,"name":"Dr"}`, i)})
				}
			}
			return append(app.out, api.out...), nil
		},
		Teach: taught(monday(), monday().Add(25*time.Hour), 4),
		Expect: Expect{
			CatchAll: []string{www},
			Endpoints: []Endpoint{
				{Host: www, Method: "GET", Template: "/api/stations", State: inventory.Confirmed, Requests: 500},
				{Host: acmeHost, Method: "GET", Template: "/v2/doctors/{doctorId}", State: inventory.Confirmed, Requests: 500},
			},
			OnlyConfirmed: true, Count: 2,
			Alike: []Variant{{Name: "untaught", Change: func(s *Scenario) { s.Teach = nil }, Taught: true}},
		},
	}
}
