package scenario

import (
	"context"
	"fmt"
	"strings"
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/inventory"
)

// LateAndFutureLines: one server's lines come hours late and count when they happened; another's clock is hours ahead, and
// its lines move nothing; a third's is four minutes ahead, which clocks are.
func LateAndFutureLines() Scenario {
	const lateBy, aheadBy = 7 * time.Hour, 2 * time.Hour
	arrive := func(e *traffic.Entry) time.Time {
		switch {
		case strings.Contains(e.Request.URL, "/late/"):
			return e.Started.Truncate(24 * time.Hour).Add(24*time.Hour + lateBy) // a day's lines at once
		case strings.Contains(e.Request.URL, "/future/"):
			return e.Started.Add(-aheadBy)
		case strings.Contains(e.Request.URL, "/fast/"):
			return e.Started.Add(-4 * time.Minute)
		}
		return e.Started
	}
	return Scenario{
		Name: "late_and_future_lines", World: "lines that arrive hours late, and lines of a clock that is hours ahead", Seed: 7,
		Traffic: func(context.Context) ([]traffic.Entry, error) {
			h := &hand{host: acmeHost}
			for i := range 600 {
				h.label = traffic.Label{Actor: fmt.Sprintf("caller-%d", i%20), Kind: traffic.Benign}
				at := monday().Add(3*time.Hour + time.Duration(i)*2*time.Minute)
				for _, kind := range []string{"ordinary", "late", "future", "fast"} {
					h.add(ask{at: at, ip: network(i % 20), path: "/" + kind + "/state", answer: fmt.Sprintf(`{"%s":%d}`, kind, i)})
				}
			}
			return h.out, nil
		},
		Arrive: arrive,
		Expect: Expect{
			Endpoints: []Endpoint{
				{Method: "GET", Template: "/ordinary/state", State: inventory.Confirmed, Requests: 600, FirstSeen: monday().Add(3 * time.Hour)},
				{Method: "GET", Template: "/late/state", State: inventory.Confirmed, Requests: 600, FirstSeen: monday().Add(3 * time.Hour)},
				{Method: "GET", Template: "/fast/state", State: inventory.Confirmed, Requests: 600, FirstSeen: monday().Add(3 * time.Hour)},
			},
			Absent:  []Endpoint{{Method: "GET", Template: "/future/state"}},
			Damaged: 600, Count: 3,
			Alike: []Variant{
				{Name: "the late lines in time", Change: func(s *Scenario) {
					s.Arrive = func(e *traffic.Entry) time.Time {
						if at := arrive(e); at.Before(e.Started) {
							return at
						}
						return e.Started
					}
				}},
				{Name: "all of it a year later", Change: func(s *Scenario) {
					s.Arrive = func(e *traffic.Entry) time.Time {
						if strings.Contains(e.Request.URL, "/future/") {
							return arrive(e)
						}
						return e.Started.AddDate(1, 0, 0)
					}
				}},
				{Name: "eight nodes", Change: func(s *Scenario) { s.Nodes, s.Split = 8, ByExchange }},
			},
		},
	}
}
