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
		{"nginx, client unknown", "/original", nginx, 204, "", "PUT", "invalid IP", "shop"},
		{"nginx knows 403 alone", "/original", "X-Original-URI: /a\nX-Original-Method: GET\nX-Original-Host: nobody.example", 403, "", "GET", "invalid IP", ""},
		{"nginx, a target nobody may send", "/original", "X-Original-URI: /a b\nX-Original-Method: GET\nX-Original-Host: api.example", 403, "", "GET", "invalid IP", ""},
		{"nginx, not told", "/original", "X-Real-IP: 198.51.100.7", 400, "", "", "", ""},
		{"nginx, no method", "/original", "X-Original-URI: /a", 400, "", "", "", ""},
		{"traefik, honest", "/forwarded", traefik + "X-Forwarded-For: 198.51.100.7", 204, "", "GET", "198.51.100.7", "shop"},
		{"traefik, blocked", "/forwarded", traefik + "X-Forwarded-For: 203.0.113.9", 403, "", "GET", "203.0.113.9", "shop"},
		{"the client's own entry does not count", "/forwarded", traefik + "X-Forwarded-For: 203.0.113.9, 198.51.100.7", 204, "", "GET", "198.51.100.7", "shop"},
		{
			"a hop before it is believed", "/forwarded", "X-Forwarded-Uri: /a\nX-Forwarded-Method: GET\nX-Forwarded-Host: hops.example\nX-Forwarded-For: 203.0.113.9, 198.51.100.7",
			403, "", "GET", "203.0.113.9", "hops",
		},
		{"traefik, unknown host", "/forwarded", "X-Forwarded-Uri: /a\nX-Forwarded-Method: GET\nX-Forwarded-Host: nobody.example", 421, "", "GET", "invalid IP", ""},
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
				if e != nil || r.log.Len() == 0 && c.status == 400 {
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
