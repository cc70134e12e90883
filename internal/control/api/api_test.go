package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/api"
	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

// surface is the API of a world behind the guards of the admin surface.
func surface(t *testing.T, w *admintest.World) http.Handler {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "merlon_events_total 1\n") })
	h, err := admin.Handler(admin.Surface{
		Config: config.Admin{Address: "127.0.0.1:9901", Hosts: []string{"merlon.acme.example"}}, Log: log,
		API: api.New(api.Options{Admin: w.Admin, Metrics: metrics, Log: log}), Web: http.NotFoundHandler(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

type call struct {
	method, path, body string
	header             map[string]string
	cookies            []*http.Cookie
}

func (c call) do(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), c.method, "http://127.0.0.1:9901"+c.path, strings.NewReader(c.body))
	r.RemoteAddr = "127.0.0.1:40000"
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		if k == "Host" {
			r.Host = v
			continue
		}
		r.Header.Set(k, v)
	}
	for _, k := range c.cookies {
		r.AddCookie(k)
	}
	out := httptest.NewRecorder()
	h.ServeHTTP(out, r)
	return out
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// TestMatrix asks for every route as every role, and as nobody: the answer is refused exactly where the table of
// permissions says so.
func TestMatrix(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	h := surface(t, w)
	in := w.SignIn(t)
	tokens := map[account.Role]string{"": ""}
	for _, r := range account.Roles() {
		tokens[r] = w.Token(t, in.Caller, r)
	}
	for _, route := range api.Routes() {
		for role, token := range tokens {
			path := strings.NewReplacer("{id}", "1", "{name}", "heap").Replace(route.Path)
			w.Wait(time.Second) // so that nobody meets the limit of requests
			c := call{method: route.Method, path: path, body: route.Body}
			if token != "" {
				c.header = bearer(token)
			}
			got := c.do(t, h).Code
			var want []int
			switch {
			case route.Needs == account.Open:
				want = []int{200, 201}
			case role == "":
				want = []int{401}
			case !role.May(route.Needs) || route.Needs.PersonOnly(): // these are tokens
				want = []int{403}
			default:
				want = []int{200, 201, 204, 404, 409, 400} // what a use case says of made-up ids is another test's
			}
			ok := false
			for _, s := range want {
				ok = ok || s == got
			}
			if !ok {
				t.Errorf("%s %s as %q: %d, want one of %v", route.Method, route.Path, role, got, want)
			}
		}
	}
}

// TestQueryParametersAreTaken asks with each documented parameter: none may be unknown to its handler.
func TestQueryParametersAreTaken(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	h := surface(t, w)
	token := bearer(w.Token(t, w.SignIn(t).Caller, account.Admin))
	values := map[string]string{
		"limit": "5", "cursor": "3", "state": "candidate", "auth": "none", "access": "read", "sensitive": "true", "sort": "id", "endpoint": "1", "severity": "high",
		"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z", "from": "2026-11-20T13:00:00Z", "to": "2026-11-20T14:00:00Z", "step": "60", "format": "csv", "site": "acme", "seconds": "1",
		"documented": "yes", "ignored": "all", "risk": "10", "facets": "true", "by": "owner", "size": "requests", "lines": "20", "depth": "2", "room": "inventory", "steps": "10",
		"action": "block", "would": "block", "mode": "watch", "matched": "no", "status": "5xx", "latency": "250ms", "strength": "claimed", "asn": "64500", "notable": "yes",
	}
	for _, r := range api.Routes() {
		path := strings.NewReplacer("{id}", "1", "{name}", "heap").Replace(r.Path)
		for _, p := range r.Query {
			v := values[p.Name]
			switch {
			case p.Name == "sort" && r.ID == "groupEndpoints":
				v = "requests"
			case p.Name == "format" && r.ID == "exportAudit":
				v = "ndjson"
			case p.Name == "seen" || p.Name == "first":
				v = "7d"
			case v == "":
				v = "x"
			}
			if p.Name == "cursor" && strings.HasPrefix(r.ID, "list") && r.ID != "listEndpoints" && r.ID != "listEvents" && r.ID != "listAudit" {
				continue // those stand at an entry; the pages are walked elsewhere
			}
			asker := token
			if r.Needs.PersonOnly() {
				continue
			}
			if got := (call{method: r.Method, path: path + "?" + p.Name + "=" + v, header: asker}).do(t, h); got.Code != 200 {
				t.Errorf("%s?%s=%s: %d %s", r.Path, p.Name, v, got.Code, got.Body)
			}
		}
		if strings.HasPrefix(r.Path, "/v1/") && r.Needs != account.Open && !r.Needs.PersonOnly() {
			got := (call{method: r.Method, path: path + "?mispelt=1", body: r.Body, header: token}).do(t, h)
			if got.Code != 400 || got.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s takes a parameter that it does not know: %d", r.Path, got.Code)
			}
		}
		w.Wait(10 * time.Second) // so that the limit of requests is not met
	}
}

func TestInventoryPages(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 57)
	h := surface(t, w)
	token := bearer(w.Token(t, w.SignIn(t).Caller, account.Viewer))
	for _, sort := range admin.Sorts() {
		seen, cursor := map[int]bool{}, ""
		for range 20 {
			path := "/v1/inventory?limit=10&sort=" + sort
			if cursor != "" {
				path += "&cursor=" + cursor
			}
			out := call{method: "GET", path: path, header: token}.do(t, h)
			var page struct {
				Items  []inventory.Endpoint
				Next   string `json:"next_cursor"`
				Total  int
				Detail *json.RawMessage
			}
			if err := json.Unmarshal(out.Body.Bytes(), &page); err != nil || page.Total != 57 {
				t.Fatalf("%s: %v %s", path, err, out.Body)
			}
			for _, e := range page.Items {
				if seen[int(e.ID)] || e.Detail != nil {
					t.Errorf("%s: endpoint %d twice, or with detail", path, e.ID)
				}
				seen[int(e.ID)] = true
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(seen) != 57 {
			t.Errorf("sorted by %s: %d of 57 endpoints", sort, len(seen))
		}
	}
}

func TestCookieNeedsProof(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	h := surface(t, w)
	w.SignIn(t)
	out := call{method: "POST", path: "/v1/session", body: `{"name":"ANA","password":"` + admintest.Password + `"}`}.do(t, h)
	var session struct {
		CSRF string `json:"csrf_token"`
		Name string
	}
	if err := json.Unmarshal(out.Body.Bytes(), &session); err != nil || out.Code != 201 || session.CSRF == "" || session.Name != "ana" {
		t.Fatalf("%d %s", out.Code, out.Body)
	}
	cookies := out.Result().Cookies()
	if len(cookies) != 2 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode || !cookies[1].HttpOnly || cookies[1].SameSite != http.SameSiteStrictMode {
		t.Fatalf("cookies: %+v", cookies)
	}
	block := `{"kind":"address","value":"192.0.2.7"}`
	tests := []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"without proof", nil, 403},
		{"wrong proof", map[string]string{"X-CSRF-Token": "x" + session.CSRF[1:]}, 403},
		{"from another site", map[string]string{"X-CSRF-Token": session.CSRF, "Sec-Fetch-Site": "cross-site"}, 403},
		{"from another origin", map[string]string{"X-CSRF-Token": session.CSRF, "Origin": "https://evil.example"}, 403},
		{"wrong token beside the cookie", map[string]string{"X-CSRF-Token": session.CSRF, "Authorization": "Bearer mrl_no"}, 401},
		{"with proof", map[string]string{"X-CSRF-Token": session.CSRF}, 201},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (call{method: "POST", path: "/v1/standing", body: block, header: tt.header, cookies: cookies}).do(t, h); got.Code != tt.want {
				t.Errorf("%d %s, want %d", got.Code, got.Body, tt.want)
			}
		})
	}
	if got := (call{method: "DELETE", path: "/v1/session", header: map[string]string{"X-CSRF-Token": session.CSRF}, cookies: cookies}).do(t, h); got.Code != 204 {
		t.Errorf("sign out: %d", got.Code)
	}
	if got := (call{method: "GET", path: "/v1/status", cookies: cookies}).do(t, h); got.Code != 401 {
		t.Errorf("after signing out: %d", got.Code)
	}
}

func TestHostsAndHeaders(t *testing.T) {
	w := admintest.New(t)
	h := surface(t, w)
	for host, want := range map[string]int{
		"127.0.0.1:9901": 200, "localhost:9901": 200, "LOCALHOST": 200, "[::1]:9901": 200, "merlon.acme.example": 200, "Merlon.Acme.Example.:443": 200,
		"evil.example": 421, "evil.example:9901": 421, "127.0.0.1.evil.example": 421, "0.0.0.0:9901": 421, "192.0.2.1": 421, "[::]:9901": 421,
	} {
		out := call{method: "GET", path: "/healthz", header: map[string]string{"Host": host}}.do(t, h)
		if out.Code != want {
			t.Errorf("%s: %d, want %d", host, out.Code, want)
		}
		if got := out.Header().Get("Content-Security-Policy"); got != admin.Policy || strings.Contains(got, "unsafe") || out.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", host, out.Header())
		}
	}
}

func TestBadInput(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	h := surface(t, w)
	token := bearer(w.Token(t, w.SignIn(t).Caller, account.Admin))
	tests := []struct {
		name, method, path, body string
		want                     int
	}{
		{"body too large", "POST", "/v1/standing", `{"why":"` + strings.Repeat("a", admin.MaxBody) + `"}`, 413},
		{"unknown member", "POST", "/v1/standing", `{"kind":"address","value":"192.0.2.7","oops":1}`, 400},
		{"two objects", "POST", "/v1/standing", `{"kind":"address","value":"192.0.2.7"}{}`, 400},
		{"whole internet", "POST", "/v1/standing", `{"kind":"address","value":"0.0.0.0/0"}`, 400},
		{"whole internet in v6", "POST", "/v1/standing", `{"kind":"address","value":"::/0"}`, 400},
		{"no address", "POST", "/v1/standing", `{"kind":"address","value":"example.com"}`, 400},
		{"no kind", "POST", "/v1/standing", `{"kind":"planet","value":"mars"}`, 400},
		{"unknown endpoint", "POST", "/v1/standing", `{"kind":"endpoint","value":"4711"}`, 400},
		{"ended already", "POST", "/v1/standing", `{"kind":"address","value":"192.0.2.7","until":"2020-01-01T00:00:00Z"}`, 400},
		{"line break", "POST", "/v1/standing", `{"kind":"address","value":"192.0.2.7","why":"a\nb"}`, 400},
		{"unknown role", "POST", "/v1/tokens", `{"name":"x","role":"root"}`, 400},
		{"no such endpoint", "GET", "/v1/inventory/99999", "", 404},
		{"no number", "GET", "/v1/inventory/abc", "", 404},
		{"no event id", "GET", "/v1/events/abc", "", 404},
		{"limit", "GET", "/v1/inventory?limit=501", "", 400},
		{"twice", "GET", "/v1/inventory?q=a&q=b", "", 400},
		{"long value", "GET", "/v1/inventory?q=" + strings.Repeat("a", 1025), "", 400},
		{"too many points", "GET", "/v1/series?from=2020-01-01T00:00:00Z&step=10", "", 400},
		{"odd step", "GET", "/v1/series?step=15", "", 400},
		{"no such path", "GET", "/v1/nothing", "", 404},
		{"no such site", "GET", "/v1/inventory/export?site=other", "", 400},
		{"escape", "GET", "/v1/inventory?q=%zz", "", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := call{method: tt.method, path: tt.path, body: tt.body, header: token}.do(t, h)
			if out.Code != tt.want || out.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s %s, want %d", out.Code, out.Header().Get("Content-Type"), out.Body, tt.want)
			}
		})
	}
	if len(w.Standing().Entries) != 0 {
		t.Errorf("something was blocked: %+v", w.Standing())
	}
	form := call{method: "POST", path: "/v1/standing", body: "kind=address", header: bearer(strings.TrimPrefix(token["Authorization"], "Bearer "))}
	form.header["Content-Type"] = "application/x-www-form-urlencoded"
	if got := form.do(t, h).Code; got != 415 {
		t.Errorf("a form: %d", got)
	}
}

func TestLiveEvents(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	s := httptest.NewServer(surface(t, w))
	defer s.Close()
	in := w.SignIn(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/events?limit=2", nil)
	if err != nil {
		t.Fatal(err)
	}
	secret := w.Token(t, in.Caller, account.Security)
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Accept", "text/event-stream")
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatal(got)
	}
	read := lines(resp.Body)
	for range 2 {
		next(t, read)
	}
	id := w.AddEvent(t, "a\nb\x1b[2J")
	line := next(t, read)
	if line["id"] != id || line["user_agent"] != "a\nb\x1b[2J" {
		t.Errorf("%v", line)
	}
	// A token that is taken back ends the list.
	all, err := w.Admin.Tokens(t.Context(), in.Caller)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := w.Admin.RevokeToken(t.Context(), in.Caller, all[0].ID); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := read(); err != nil {
			return // ended, as it must; if it did not, the test's own deadline would end it
		}
	}
}

// lines reads the data of server-sent events.
func lines(body io.Reader) func() (map[string]any, error) {
	var rest []byte
	return func() (map[string]any, error) {
		for {
			if i := bytes.Index(rest, []byte("\n\n")); i >= 0 {
				block := rest[:i]
				rest = rest[i+2:]
				if _, data, ok := bytes.Cut(block, []byte("data: ")); ok {
					var v map[string]any
					return v, json.Unmarshal(data, &v)
				}
				continue
			}
			buf := make([]byte, 4096)
			n, err := body.Read(buf)
			rest = append(rest, buf[:n]...)
			if err != nil {
				return nil, err
			}
		}
	}
}

func next(t *testing.T, read func() (map[string]any, error)) map[string]any {
	t.Helper()
	v, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestThrottledSignIn(t *testing.T) {
	w := admintest.New(t)
	h := surface(t, w)
	w.SignIn(t)
	try := func(name, password string) *httptest.ResponseRecorder {
		b, _ := json.Marshal(map[string]string{"name": name, "password": password})
		return call{method: "POST", path: "/v1/session", body: string(b)}.do(t, h)
	}
	codes := map[int]int{}
	for range 15 {
		codes[try(admintest.Name, "wrong password").Code]++
	}
	if codes[401] != 10 || codes[429] != 5 {
		t.Fatalf("%v", codes)
	}
	out := try(admintest.Name, admintest.Password)
	if out.Code != 429 || out.Header().Get("Retry-After") != "30" {
		t.Errorf("right password while throttled: %d %v", out.Code, out.Header())
	}
	w.Wait(31 * time.Second)
	if out := try(admintest.Name, admintest.Password); out.Code != 201 {
		t.Errorf("after waiting: %d %s", out.Code, out.Body)
	}
	if a, b := try("nobody", "wrong password").Body.String(), try(admintest.Name, "wrong password").Body.String(); a != b {
		t.Errorf("an unknown account answers otherwise: %s %s", a, b)
	}
}
