package scenario

import (
	"fmt"
	"strconv"
	"time"

	"merlon/internal/lab/traffic"
)

// hand makes exchanges one by one, for stories that no generator tells.
type hand struct {
	host  string
	label traffic.Label
	out   []traffic.Entry
}

// ask is one exchange to be; zero parts are an anonymous GET that is answered 200 with a JSON object.
type ask struct {
	at           time.Time
	ip           string
	token        string // bearer
	method, path string
	body         string
	status       int
	answer, kind string
	agent        string
}

func (h *hand) add(a ask) {
	or := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	or(&a.method, "GET")
	or(&a.agent, "python-requests/2.32.3")
	or(&a.kind, "application/json")
	if a.status == 0 {
		a.status = 200
	}
	if a.answer == "" && a.status != 204 {
		a.answer = `{"ok":true}`
	}
	hs := []traffic.Header{{Name: "Host", Value: h.host}, {Name: "User-Agent", Value: a.agent}, {Name: "Accept", Value: "*/*"}}
	if a.token != "" {
		hs = append(hs, traffic.Header{Name: "Authorization", Value: "Bearer " + a.token})
	}
	if a.body != "" {
		hs = append(hs, traffic.Header{Name: "Content-Type", Value: "application/json"}, traffic.Header{Name: "Content-Length", Value: strconv.Itoa(len(a.body))})
	}
	h.out = append(h.out, traffic.Entry{
		Started: a.at, Duration: 5 * time.Millisecond, Site: site, Label: h.label,
		Client:   traffic.Client{IP: a.ip, Port: 2000 + len(h.out)%60000},
		Request:  traffic.Request{Method: a.method, URL: "https://" + h.host + a.path, Version: "HTTP/1.1", Headers: hs, Body: a.body},
		Response: traffic.Response{Status: a.status, Version: "HTTP/1.1", Headers: []traffic.Header{{Name: "Content-Type", Value: a.kind}}, Body: a.answer},
	})
}

// network gives the address of client n in a /24 of its own.
func network(n int) string { return fmt.Sprintf("100.%d.%d.%d", 64+n/200%64, n%200, 7) }

// token is an opaque bearer token of somebody.
func token(who string, n int) string {
	return fmt.Sprintf("%s_%032x", who, uint64(n+1)*0x9e3779b97f4a7c15)
}
