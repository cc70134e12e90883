package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/model/inventory"
)

// visitor is a browser without JavaScript.
type visitor struct {
	t *testing.T
	c *http.Client
	s *httptest.Server
}

func visit(t *testing.T, s *httptest.Server) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{Jar: jar, Timeout: time.Minute}, s}
}

func (v *visitor) send(method, path string, form url.Values, header http.Header) (int, string, *http.Response) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, v.s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	for k, all := range header {
		r.Header[k] = all
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.c.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp
}

func (v *visitor) get(path string) (int, string) {
	v.t.Helper()
	code, body, _ := v.send("GET", path, nil, nil)
	return code, body
}

var token = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// post fills in the proof of the page at from.
func (v *visitor) post(from, path string, form url.Values) (int, string) {
	v.t.Helper()
	_, page := v.get(from)
	m := token.FindStringSubmatch(page)
	if m == nil {
		v.t.Fatalf("%s has no form", from)
	}
	form.Set("csrf", m[1])
	code, body, _ := v.send("POST", path, form, nil)
	return code, body
}

func (v *visitor) signIn() {
	v.t.Helper()
	if code, body := v.post("/sign-in", "/sign-in", url.Values{"name": {admintest.Name}, "password": {admintest.Password}}); code != 200 || !strings.Contains(body, "Overview") {
		v.t.Fatalf("sign in: %d %s", code, body)
	}
}

func TestFirstVisitWithoutScript(t *testing.T) {
	w := admintest.New(t)
	s := serve(t, w)
	v := visit(t, s)
	if _, body := v.get("/"); !strings.Contains(body, "set-up link") {
		t.Fatalf("before set-up: %s", body)
	}
	secret, _, err := w.Admin.NewSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	link := "/setup?token=" + secret
	form := func(name, password, again, token string) url.Values {
		return url.Values{"name": {name}, "password": {password}, "again": {again}, "token": {token}}
	}
	for _, tt := range []struct {
		name string
		form url.Values
		code int
		says string
	}{
		{"short", form("ana", "short", "short", secret), 400, "at least 12"},
		{"differ", form("ana", admintest.Password, "other", secret), 400, "differ"},
		{"name", form("a b", admintest.Password, admintest.Password, secret), 400, "letters, digits"},
		{"token", form("ana", admintest.Password, admintest.Password, "x"+secret[1:]), 403, "set-up link"},
	} {
		if code, body := v.post(link, "/setup", tt.form); code != tt.code || !strings.Contains(body, tt.says) || strings.Contains(body, admintest.Password) {
			t.Errorf("%s: %d %s", tt.name, code, body)
		}
	}
	if code, body := v.post(link, "/setup", form("ana", admintest.Password, admintest.Password, secret)); code != 200 || !strings.Contains(body, "No endpoints yet") || !strings.Contains(body, "curl http://127.0.0.1:8080/") {
		t.Fatalf("set-up: %d %s", code, body)
	}
	// The link is used up, for this browser and any other.
	other := visit(t, s)
	if _, body := other.get(link); !strings.Contains(body, "current-password") {
		t.Errorf("the link still opens something: %s", body)
	}
	w.Fill(t, 250)
	for path, says := range map[string]string{
		"/": "Highest risk", "/inventory": "Page 1 of 3", "/inventory?page=3": "201–250 of 250", "/inventory?q=billing+adjust&method=POST": "/v2/billing/invoices/",
		"/inventory?q=nothing-has-this": "No endpoint fits", "/inventory/5": "To mend:", "/events": "wire.conflicting-length", "/events?finding=none": "No event fits",
		"/blocks": "Nothing is blocked", "/inventory?sort=oops": "use one of", "/inventory/11": "Missing: 2 more authenticated callers",
	} {
		if code, body := v.get(path); code != 200 || !strings.Contains(body, says) {
			t.Errorf("%s: %d, without %q", path, code, says)
		}
	}
	if code, body := v.post("/inventory/5", "/blocks", url.Values{"kind": {"endpoint"}, "value": {"5"}, "back": {"/inventory/5"}, "for": {"1h"}, "mode": {"watch"}}); code != 200 || !strings.Contains(body, "The block holds now") {
		t.Errorf("block: %d", code)
	}
	got := w.Standing().Entries
	if len(got) != 1 || got[0].Mode != "watch" || !got[0].Until.Equal(w.Now().Add(time.Hour)) || got[0].Site != "acme" {
		t.Errorf("%+v", got)
	}
	if code, body := v.post("/blocks", "/blocks", url.Values{"kind": {"address"}, "value": {"0.0.0.0/0"}}); code != 400 || !strings.Contains(body, "too much of the internet") {
		t.Errorf("the whole internet: %d", code)
	}
	if code, _ := v.post("/blocks", "/blocks/"+got[0].ID+"/remove", url.Values{}); code != 200 || len(w.Standing().Entries) != 0 {
		t.Errorf("unblock: %d %+v", code, w.Standing())
	}
	if code, body := v.post("/inventory/5", "/inventory/5", url.Values{"owner": {"records@acme.example"}, "labels": {"records, phi"}}); code != 200 || !strings.Contains(body, "records@acme.example") || !strings.Contains(body, ">phi<") {
		t.Errorf("edit: %d", code)
	}
	if code, body := v.get("/inventory?q=phi"); code != 200 || !strings.Contains(body, "1–1 of 1") {
		t.Errorf("search for a label: %d", code)
	}
}

func TestFormsNeedProof(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	block := url.Values{"kind": {"address"}, "value": {"192.0.2.7"}}
	_, page := v.get("/blocks")
	good := token.FindStringSubmatch(page)[1]
	for _, tt := range []struct {
		name, csrf string
		header     http.Header
	}{
		{"none", "", nil},
		{"wrong", "x" + good[1:], nil},
		{"from another site", good, http.Header{"Sec-Fetch-Site": {"cross-site"}}},
		{"from another origin", good, http.Header{"Origin": {"http://evil.example"}}},
	} {
		block.Set("csrf", tt.csrf)
		if code, _, _ := v.send("POST", "/blocks", block, tt.header); code != 403 {
			t.Errorf("%s: %d", tt.name, code)
		}
	}
	if n := len(w.Standing().Entries); n != 0 {
		t.Errorf("%d blocks", n)
	}
	// The door's forms need it as well, or another site could sign a browser in as somebody else.
	stranger := visit(t, v.s)
	if code, _, _ := stranger.send("POST", "/sign-in", url.Values{"name": {admintest.Name}, "password": {admintest.Password}}, nil); code != 403 {
		t.Errorf("sign in without proof: %d", code)
	}
}

func TestNextStaysHere(t *testing.T) {
	w := admintest.New(t)
	w.SignIn(t)
	s := serve(t, w)
	for next, want := range map[string]string{
		"/inventory?q=a": "/inventory?q=a", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", "javascript:alert(1)": "/", "/\t/evil.example": "/", "": "/", "/%0d%0aX: y": "/%0d%0aX: y",
	} {
		v := visit(t, s)
		v.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		_, page := v.get("/sign-in")
		form := url.Values{"csrf": {token.FindStringSubmatch(page)[1]}, "name": {admintest.Name}, "password": {admintest.Password}, "next": {next}}
		if code, _, resp := v.send("POST", "/sign-in", form, nil); code != 303 || resp.Header.Get("Location") != want {
			t.Errorf("%q: %d %q, want %q", next, code, resp.Header.Get("Location"), want)
		}
	}
}

// TestHostileText puts markup into everything that traffic can name, and looks at every page.
func TestHostileText(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}` + "\x1b[31m\u202e"
	w := admintest.New(t)
	w.Fill(t, 3)
	id := w.AddEvent(t, hostile)
	in := w.SignIn(t)
	estate := *w.Estate()
	site := estate.Sites[0]
	e := site.Endpoints[0]
	d := *e.Detail
	e.Site, e.Host, e.Method, e.Template, e.Operation, e.Purpose = hostile, hostile, hostile, "/"+hostile+"/{"+hostile+"}", hostile, hostile
	e.State, e.Auth, e.Lifecycle, e.Credentials = inventory.State(hostile), inventory.Authentication(hostile), []string{hostile}, []string{hostile}
	e.Sensitive = []inventory.Sensitive{{Class: hostile, Where: hostile}}
	e.Risk = inventory.Risk{Score: 90, Terms: []inventory.RiskTerm{{Name: hostile, Value: 90, Why: hostile}}}
	d.Support.Missing = hostile
	d.Parameters = []inventory.Parameter{{In: hostile, Name: hostile, State: inventory.State(hostile), Schema: []byte(`{"type":"string","enum":["<script>alert(1)</script>"],"pattern":"<script>"}`)}}
	d.Schemas = []inventory.Schema{{Message: "response", Status: hostile, MediaType: hostile, Schema: []byte(`{"type":"object","properties":{"<script>alert(1)</script>":{"type":"<script>"}}}`)}}
	d.Countries, d.Networks, d.Clients = []inventory.Count{{Name: hostile, Count: 1}}, []inventory.Count{{Name: hostile, Count: 1}}, []inventory.Count{{Name: hostile, Count: 1}}
	d.History = []inventory.Change{{At: w.Now(), What: hostile}}
	e.Detail = &d
	site.Name, site.Endpoints = hostile, []inventory.Endpoint{e}
	estate.Sites = []inventory.Site{site}
	w.SetEstate(&estate)
	if _, err := w.Admin.Block(t.Context(), in.Caller, admin.Block{Kind: "endpoint", Value: "GET /<script>alert(1)</script>", Why: "<script>alert(1)</script>"}); err != nil {
		t.Fatal(err)
	}
	v := visit(t, serve(t, w))
	v.signIn()
	// Nothing may open a script of its own, nor any attribute that runs something.
	bad := regexp.MustCompile(`(?i)<script>|<img|\son\w+\s*=\s*[^&\s]*alert\(1\)>|style=|\x1b`)
	for _, path := range []string{
		"/", "/inventory", "/inventory?q=" + url.QueryEscape(hostile), "/inventory?sort=" + url.QueryEscape(hostile), "/inventory/1", "/events", "/events?finding=" + url.QueryEscape(hostile),
		"/events?endpoint=1&actor=" + url.QueryEscape(hostile), "/events/" + id, "/blocks", "/sign-in?next=" + url.QueryEscape("/"+hostile), "/inventory/" + url.PathEscape(hostile), "/inventory?done=" + url.QueryEscape(hostile),
	} {
		code, body := v.get(path)
		if code >= 500 {
			t.Errorf("%s: %d", path, code)
		}
		if m := bad.FindString(body); m != "" && m != "\x1b" {
			i := strings.Index(body, m)
			t.Errorf("%s contains %q: …%s…", path, m, body[max(0, i-80):min(len(body), i+80)])
		}
		// What opens a script is a file of ours, whole and unmoved.
		if n, ours := strings.Count(strings.ToLower(body), "<script"), strings.Count(body, `<script src="/assets/`); n != ours {
			t.Errorf("%s has %d script elements, %d of them ours", path, n, ours)
		}
	}
}
