package estate_test

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/web"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// made is an inventory of n endpoints as a large company has it: some sites, hundreds of services on hosts of their own, each
// with versions, resources, records below them and a few operations that nobody planned.
func made(n int, now time.Time) *inventory.Inventory {
	r := rand.New(rand.NewPCG(4, 2))
	areas := []string{"billing", "patients", "orders", "identity", "search", "inventory", "shipping", "messaging", "reporting", "pricing", "catalog", "claims"}
	kinds := []string{"core", "edge", "gateway", "worker", "portal", "mobile", "partner", "internal"}
	things := []string{"accounts", "invoices", "customers", "sessions", "documents", "appointments", "payments", "addresses", "products", "notes", "prescriptions", "devices", "teams", "roles", "events", "exports"}
	verbs := []string{"approve", "cancel", "export", "import", "archive", "verify", "assign", "merge"}
	sites := []inventory.Site{{Name: "acme"}, {Name: "labs"}, {Name: "retail"}}
	v := &inventory.Inventory{Version: 31, At: now, NextID: identity.EndpointID(n + 1)}
	for id := 1; id <= n; {
		service := areas[r.IntN(len(areas))] + "-" + kinds[r.IntN(len(kinds))]
		site := &sites[min(r.IntN(10)/4, 2)]
		host := fmt.Sprintf("%s.%s.example", service, site.Name)
		version := 1 + r.IntN(3)
		owner := []string{"", "team-" + areas[r.IntN(len(areas))], "team-platform"}[r.IntN(3)]
		for _, thing := range things[:2+r.IntN(len(things)-2)] {
			base := fmt.Sprintf("/v%d/%s", version, thing)
			if r.IntN(3) == 0 {
				base = fmt.Sprintf("/api/%s/v%d/%s", strings.Split(service, "-")[0], version, thing)
			}
			for _, op := range [][2]string{
				{"GET", base},
				{"POST", base},
				{"GET", base + "/{id}"},
				{"PUT", base + "/{id}"},
				{"DELETE", base + "/{id}"},
				{"GET", base + "/{id}/history"},
				{"POST", base + "/{id}/" + verbs[r.IntN(len(verbs))]},
				{"GET", base + "/{id}/" + things[r.IntN(len(things))] + "/{ref}"},
			} {
				if id > n {
					break
				}
				e := inventory.Endpoint{
					ID: identity.EndpointID(id), Site: site.Name, Host: host, Method: op[0], Template: op[1], State: inventory.Confirmed, Documented: r.IntN(4) > 0, Confidence: 1,
					Lifecycle: []string{}, Credentials: []string{"bearer"}, Requests: uint64(float64(r.IntN(900)) * r.ExpFloat64() * 900), Callers: r.Uint64N(4000), Auth: inventory.AuthEnforced,
					FirstSeen: now.Add(-time.Duration(r.IntN(9000)) * time.Hour), LastSeen: now.Add(-time.Duration(r.ExpFloat64()*40) * time.Hour), Access: inventory.AccessOf(op[0]),
					Purpose: []string{"", "", "account", "payment", "search", "health"}[r.IntN(6)], Owner: owner, Risk: inventory.Risk{Confirmed: true, Terms: []inventory.RiskTerm{}},
				}
				id++
				if e.Owner != "" && r.IntN(4) == 0 {
					e.Labels = []string{[]string{"pci", "gdpr", "public", "partner"}[r.IntN(4)]}
				}
				dress(&e, r)
				site.Endpoints = append(site.Endpoints, e)
			}
		}
	}
	for i := range sites {
		slices.SortFunc(sites[i].Endpoints, func(a, b inventory.Endpoint) int { return int(a.ID) - int(b.ID) })
	}
	v.Sites = sites
	return v
}

// dress gives an endpoint a posture.
func dress(e *inventory.Endpoint, r *rand.Rand) {
	if r.IntN(6) == 0 {
		e.Sensitive = append(e.Sensitive, inventory.Sensitive{Class: []string{"email", "card", "iban", "us-ssn", "phone"}[r.IntN(5)], Where: "response.body.items[].value"})
		e.Risk.Score += 15
	}
	switch r.IntN(14) {
	case 0:
		e.Auth, e.Credentials = inventory.AuthNone, []string{}
		e.Risk.Score += float64(25 + r.IntN(40))
	case 1:
		e.Auth = inventory.AuthMixed
		e.Risk.Score += float64(10 + r.IntN(20))
	}
	switch r.IntN(16) {
	case 0:
		e.Lifecycle, e.Documented, e.State, e.Risk.Confirmed = []string{"new", "shadow"}, false, inventory.Candidate, false
		e.Risk.Score += 12
	case 1:
		e.Lifecycle = []string{"changed"}
	case 2:
		e.Lifecycle = []string{"zombie", "deprecated"}
	case 3:
		e.State, e.Requests, e.Callers, e.FirstSeen, e.LastSeen, e.Documented, e.Auth = inventory.Unseen, 0, 0, time.Time{}, time.Time{}, true, inventory.AuthUnknown
		e.Risk.Score = 0
	}
	e.Detail = &inventory.Detail{}
}

// surface is a handler with everything behind its guards, and a browser without JavaScript that is signed in.
type surface struct {
	tb      testing.TB
	w       *admintest.World
	server  *httptest.Server
	browser *http.Client
}

func open(tb testing.TB, w *admintest.World) *surface {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	h, err := admin.Handler(admin.Surface{
		Config: config.Admin{Address: "127.0.0.1:9901"}, Log: log, API: http.NotFoundHandler(), Web: web.New(web.Options{Admin: w.Admin, Log: log}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	v := &surface{tb, w, s, &http.Client{Jar: jar, Timeout: time.Minute}}
	w.SignIn(tb)
	if code, body := v.post("/sign-in", "/sign-in", url.Values{"name": {admintest.Name}, "password": {admintest.Password}}); code != http.StatusOK {
		tb.Fatal(code, body)
	}
	return v
}

func (s *surface) do(method, path string, form url.Values, header ...string) (int, string, *http.Response) {
	s.tb.Helper()
	r, err := http.NewRequestWithContext(s.tb.Context(), method, s.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.tb.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := s.browser.Do(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	return resp.StatusCode, string(b), resp
}

func (s *surface) get(path string) (int, string) {
	s.tb.Helper()
	code, body, _ := s.do("GET", path, nil)
	return code, body
}

var csrf = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// post fills in the proof of the page at from.
func (s *surface) post(from, path string, form url.Values) (int, string) {
	s.tb.Helper()
	_, page := s.get(from)
	m := csrf.FindStringSubmatch(page)
	if m == nil {
		s.tb.Fatalf("%s has no form", from)
	}
	form.Set("csrf", m[1])
	code, body, _ := s.do("POST", path, form)
	return code, body
}
