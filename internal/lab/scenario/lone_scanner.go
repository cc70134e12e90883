package scenario

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"merlon/internal/lab/acme"
	"merlon/internal/lab/traffic"
	"merlon/internal/model/inventory"
)

// forgotten are paths that answer 200 and that nobody but a scanner asks for.
func forgotten() []string {
	return []string{"/actuator/health", "/debug/vars", "/metrics", "/status", "/api/health", "/swagger.json", "/config.json", "/backup.zip"}
}

// LoneScanner: one loud scanner walks a word list and finds things that answer, and a careful one looks like a person. What
// only they have seen is never confirmed, and they keep nothing from being confirmed that others use.
func LoneScanner() Scenario {
	from := monday()
	h := hospital{from: from, to: from.AddDate(0, 0, 1), rate: 0.02, in: leftOpen, attacks: []traffic.Attack{
		{Kind: traffic.ScanLoud, At: from.Add(9 * time.Hour), For: 20 * time.Minute, Rate: 3},
		{Kind: traffic.ScanCareful, At: from.Add(10 * time.Hour), For: 10 * time.Hour, Rate: 0.03},
	}}
	used := []Endpoint{
		{Method: "POST", Template: "/v2/auth/login", State: inventory.Confirmed},
		{Method: "GET", Template: "/v2/me", State: inventory.Confirmed},
		{Method: "GET", Template: "/v2/patients/{patientId}/records", State: inventory.Confirmed},
		{Method: "GET", Template: "/v2/appointments", State: inventory.Confirmed},
	}
	return Scenario{
		Name: "lone_scanner", World: "a loud and a careful scanner among a day's honest traffic, with forgotten paths that answer",
		Traffic: h.entries, Seed: 2, Teach: taught(h.from, h.to, 2),
		Expect: Expect{Endpoints: used, Never: forgotten()},
	}
}

// handler is what traffic is driven against.
type handler = http.Handler

// leftOpen answers forgotten paths, each in its own way, and leaves the rest to the hospital.
func leftOpen(h *acme.Hospital) handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := slices.Index(forgotten(), r.URL.Path)
		if i < 0 {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"part_%d":{"up":true},"count":%d}`, i, i*i)
	})
}

// LoneScannerSucceeds: a scanner of one network that is always answered fails the quorum, not the share of failures.
func LoneScannerSucceeds() Scenario {
	return Scenario{
		Name: "lone_scanner_succeeds", World: "one network asks for three hundred things over three days and gets them all",
		Seed: 3, Traffic: func(context.Context) ([]traffic.Entry, error) {
			h := &hand{host: acmeHost, label: traffic.Label{Actor: "scanner", Kind: "OAT-018"}}
			for i := range 900 {
				h.add(ask{
					at: monday().Add(time.Duration(i) * 5 * time.Minute), ip: fmt.Sprintf("203.0.113.%d", 1+i%250), token: token("s", i%40),
					path: fmt.Sprintf("/things-%c%c/list", 'a'+i%26, 'a'+i/26%12), answer: fmt.Sprintf(`{"list_%d":[%d]}`, i%311, i),
				})
			}
			return h.out, nil
		},
		Teach:  taught(monday(), monday().AddDate(0, 0, 3), 5),
		Expect: Expect{OnlyConfirmed: true},
	}
}
