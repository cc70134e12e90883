package decide

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

const rules = `
version: 1
lists: [{name: blocked, kind: address, values: [203.0.113.9], action: block}]
rules: [{name: old client, when: 'request.header("User-Agent") startsWith "Old/"', action: tag, mode: enforce}]
`

type rig struct {
	h     *Handler
	queue *event.Queue
	log   bytes.Buffer
}

func newRig(tb testing.TB, trusted ...netip.Prefix) *rig {
	tb.Helper()
	p, wrong := policy.Parse("policy", []byte(rules), nil)
	r := &rig{queue: event.NewQueue(1024)}
	eng, more := engine.New(engine.Options{Queue: r.queue, Namer: event.NewNamer(1, 1), Node: "n"}, engine.Input{
		Bundle: &bundle.Bundle{Version: 1, Sites: []bundle.Site{
			{Name: "shop", Hosts: []string{"api.example"}, Policy: p}, {Name: "hops", Hosts: []string{"hops.example"}, TrustedHops: 1, Policy: p},
		}},
		Keys: map[string]dataclass.Key{"shop": {1}, "hops": {2}},
	})
	if eng == nil {
		tb.Fatal(wrong, more)
	}
	r.h = New(Options{Engine: eng, Trusted: trusted, Now: time.Now, Log: slog.New(slog.NewTextHandler(&r.log, nil))})
	return r
}

// one is the only event there is; nil when there is none.
func (r *rig) one(t *testing.T) *event.Event {
	t.Helper()
	if r.queue.Len() == 0 {
		return nil
	}
	batch := r.queue.Take(context.Background())
	if len(batch) != 1 {
		t.Fatalf("%d events", len(batch))
	}
	return batch[0]
}

func ask(path, fields string) *http.Request {
	q := httptest.NewRequest("GET", path, nil)
	q.RemoteAddr = "127.0.0.1:5555"
	for line := range strings.Lines(fields) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		q.Header.Add(name, value)
	}
	return q
}

func TestDecide(t *testing.T) {
	const nginx = "X-Original-URI: /orders/7?full=1\nX-Original-Method: PUT\nX-Original-Host: api.example\n"
	const traefik = "X-Forwarded-Uri: /orders/7\nX-Forwarded-Method: GET\nX-Forwarded-Host: api.example\n"
	for _, c := range []struct {
		name, path, fields string
		status             int
		tag                string
		method, address    string // of the event; no method: there is none
		site               string
	}{
		{"nginx, honest", "/original", nginx + "X-Real-IP: 198.51.100.7", 204, "", "PUT", "198.51.100.7", "shop"},
		{"nginx, blocked", "/original", nginx + "X-Real-IP: 203.0.113.9", 403, "", "PUT", "203.0.113.9", "shop"},
		{"nginx, tagged", "/original", nginx + "X-Real-IP: 198.51.100.7\nUser-Agent: Old/2", 204, "old client", "PUT", "198.51.100.7", "shop"},
		{"nginx, the client's own words do not count", "/original", nginx + "X-Real-IP: 203.0.113.9\nX-Forwarded-For: 198.51.100.7\nX-Forwarded-Uri: /public", 403, "", "PUT", "203.0.113.9", "shop"},
		{"nginx knows 403 alone", "/original", "X-Original-URI: /a\nX-Original-Method: GET\nX-Original-Host: nobody.example\nX-Real-IP: 198.51.100.7", 403, "", "GET", "198.51.100.7", ""},
		{"nginx, a target nobody may send", "/original", "X-Original-URI: /a b\nX-Original-Method: GET\nX-Original-Host: api.example\nX-Real-IP: 198.51.100.7", 403, "", "GET", "198.51.100.7", ""},
		{"nginx, a host nobody may send", "/original", "X-Original-URI: /a\nX-Original-Method: GET\nX-Original-Host: a b\nX-Real-IP: 198.51.100.7", 403, "", "GET", "198.51.100.7", ""},
		{"traefik, honest", "/forwarded", traefik + "X-Forwarded-For: 198.51.100.7", 204, "", "GET", "198.51.100.7", "shop"},
		{"traefik, blocked", "/forwarded", traefik + "X-Forwarded-For: 203.0.113.9", 403, "", "GET", "203.0.113.9", "shop"},
		{"the client's own entry does not count", "/forwarded", traefik + "X-Forwarded-For: 203.0.113.9, 198.51.100.7", 204, "", "GET", "198.51.100.7", "shop"},
		{
			"a hop before it is believed", "/forwarded", "X-Forwarded-Uri: /a\nX-Forwarded-Method: GET\nX-Forwarded-Host: hops.example\nX-Forwarded-For: 203.0.113.9, 198.51.100.7",
			403, "", "GET", "203.0.113.9", "hops",
		},
		{"traefik, unknown host", "/forwarded", "X-Forwarded-Uri: /a\nX-Forwarded-Method: GET\nX-Forwarded-Host: nobody.example\nX-Forwarded-For: 198.51.100.7", 421, "", "GET", "198.51.100.7", ""},
		{"neither", "/", nginx, 404, "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			w := httptest.NewRecorder()
			r.h.ServeHTTP(w, ask(c.path, c.fields))
			if w.Code != c.status || w.Header().Get("Merlon-Tag") != c.tag {
				t.Errorf("%d, tag %q", w.Code, w.Header().Get("Merlon-Tag"))
			}
			e := r.one(t)
			if c.method == "" {
				if e != nil {
					t.Errorf("event %v, log %q", e, &r.log)
				}
				return
			}
			if e == nil {
				t.Fatal("no event")
			}
			if e.Text(e.Method) != c.method || e.Client.String() != c.address || e.Site != c.site || e.Source != exchange.SourceDecide {
				t.Errorf("%s from %s, site %q, source %s", e.Text(e.Method), e.Client, e.Site, e.Source)
			}
			if w.Header().Get(EventHeader) != e.ID.String() {
				t.Errorf("event %s is named %s", e.ID, w.Header().Get(EventHeader))
			}
			const unseen = exchange.SawStatus | exchange.SawResponseHeaders | exchange.SawResponseBody | exchange.SawRequestBody | exchange.SawHeaderOrder
			if e.Observed&unseen != 0 || e.Observed.Has(exchange.SawClient) != e.Client.IsValid() || e.Succeeded() {
				t.Errorf("observed %b", e.Observed)
			}
			if c.status < 400 {
				if e.Outcome != event.OutcomeNotForwarded || e.Status != 0 {
					t.Errorf("outcome %d, status %d", e.Outcome, e.Status)
				}
				return
			}
			var problem struct{ Instance string }
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Instance != e.ID.String() || e.Outcome != event.OutcomeRefused {
				t.Errorf("%s, outcome %d", w.Body, e.Outcome)
			}
		})
	}
}

// TestUntold: who does not say what was asked about is refused, and told which field is missing. The client on the list
// would pass otherwise.
func TestUntold(t *testing.T) {
	const original = "X-Original-URI: /a\nX-Original-Method: GET\nX-Original-Host: api.example\nX-Real-IP: 203.0.113.9\n"
	const forwarded = "X-Forwarded-Uri: /a\nX-Forwarded-Method: GET\nX-Forwarded-Host: api.example\nX-Forwarded-For: 203.0.113.9\n"
	for _, c := range []struct {
		name, path, fields string
		without            string // taken out of the fields
		blamed             string
	}{
		{"no target", "/original", original, "X-Original-URI: /a\n", "X-Original-URI"},
		{"no method", "/original", original, "X-Original-Method: GET\n", "X-Original-Method"},
		{"no host", "/original", original, "X-Original-Host: api.example\n", "X-Original-Host"},
		{"no client", "/original", original, "X-Real-IP: 203.0.113.9\n", "X-Real-IP"},
		{"two targets", "/original", original + "X-Original-URI: /b", "", "X-Original-URI"},
		{"two methods", "/original", original + "X-Original-Method: PUT", "", "X-Original-Method"},
		{"two hosts", "/original", original + "X-Original-Host: api.example", "", "X-Original-Host"},
		{"two clients", "/original", original + "X-Real-IP: 198.51.100.7", "", "X-Real-IP"},
		{"empty host", "/original", original + "X-Original-Host: ", "X-Original-Host: api.example\n", "X-Original-Host"},
		{"a unix socket", "/original", original + "X-Real-IP: unix:", "X-Real-IP: 203.0.113.9\n", "set_real_ip_from unix:"},
		{"an interface", "/original", original + "X-Real-IP: fe80::1%eth0", "X-Real-IP: 203.0.113.9\n", "X-Real-IP"},
		{"no target, forwarded", "/forwarded", forwarded, "X-Forwarded-Uri: /a\n", "X-Forwarded-Uri"},
		{"no method, forwarded", "/forwarded", forwarded, "X-Forwarded-Method: GET\n", "X-Forwarded-Method"},
		{"no host, forwarded", "/forwarded", forwarded, "X-Forwarded-Host: api.example\n", "X-Forwarded-Host"},
		{"no client, forwarded", "/forwarded", forwarded, "X-Forwarded-For: 203.0.113.9\n", "X-Forwarded-For"},
		{"two hosts, forwarded", "/forwarded", forwarded + "X-Forwarded-Host: b.example", "", "X-Forwarded-Host"},
		{"two lists", "/forwarded", forwarded + "X-Forwarded-For: 198.51.100.7", "", "X-Forwarded-For"},
		{"a list without an end", "/forwarded", forwarded + "X-Forwarded-For: 203.0.113.9,", "X-Forwarded-For: 203.0.113.9\n", "X-Forwarded-For"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			w := httptest.NewRecorder()
			r.h.ServeHTTP(w, ask(c.path, strings.Replace(c.fields, c.without, "", 1)))
			var problem struct {
				Title, Detail string
				Status        int
			}
			err := json.Unmarshal(w.Body.Bytes(), &problem)
			if w.Code != 400 || w.Header().Get("Content-Type") != "application/problem+json" || err != nil || problem.Status != 400 || problem.Title != "Bad Request" {
				t.Errorf("%d %s: %v", w.Code, w.Body, err)
			}
			if !strings.Contains(problem.Detail, c.blamed) || !strings.Contains(r.log.String(), c.blamed) || r.one(t) != nil {
				t.Errorf("detail %q, log %q", problem.Detail, &r.log)
			}
		})
	}
}

func TestStrangers(t *testing.T) {
	r := newRig(t)
	for range 2 {
		q := ask("/original", "X-Original-URI: /a\nX-Original-Method: GET")
		q.RemoteAddr = "192.0.2.1:4444"
		w := httptest.NewRecorder()
		r.h.ServeHTTP(w, q)
		if w.Code != 403 || r.one(t) != nil {
			t.Errorf("a stranger gets %d", w.Code)
		}
	}
	if n := strings.Count(r.log.String(), "decide.from"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	r := newRig(b)
	go func() {
		for batch := r.queue.Take(context.Background()); batch != nil; batch = r.queue.Take(context.Background()) {
			r.queue.Release(batch...)
		}
	}()
	defer r.queue.Close()
	q := ask("/original", "X-Original-URI: /orders/7?full=1\nX-Original-Method: PUT\nX-Original-Host: api.example\nX-Real-IP: 198.51.100.7\nUser-Agent: x/1\nCookie: a=b")
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		r.h.ServeHTTP(w, q)
	}
}
