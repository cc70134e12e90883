package endpoint_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/web"
	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

type surface struct {
	t      *testing.T
	w      *admintest.World
	server *httptest.Server
	tokens map[account.Role]string
}

func open(t *testing.T, w *admintest.World) *surface {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h, err := admin.Handler(admin.Surface{
		Config: config.Admin{Address: "127.0.0.1:9901"}, Log: log, API: http.NotFoundHandler(), Web: web.New(web.Options{Admin: w.Admin, Log: log}),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &surface{t, w, httptest.NewServer(h), map[account.Role]string{}}
	t.Cleanup(s.server.Close)
	in := w.SignIn(t)
	for _, role := range []account.Role{account.Viewer, account.Admin} {
		s.tokens[role] = w.Token(t, in.Caller, role)
	}
	return s
}

func (s *surface) ask(role account.Role, method, path string, form url.Values) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.tokens[role])
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (s *surface) says(role account.Role, path string, all ...string) string {
	s.t.Helper()
	code, body := s.ask(role, "GET", path, nil)
	if code != http.StatusOK {
		s.t.Fatalf("%s: %d", path, code)
	}
	for _, want := range all {
		if !strings.Contains(body, want) {
			s.t.Errorf("%s does not say %q\n%s", path, want, body[strings.Index(body, "<main"):])
		}
	}
	return body
}

// write is an undocumented write of the estate, adjust.
const write = "/inventory/11"

func TestTabs(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	s := open(t, w)
	s.says(account.Admin, write, `id="writers"`, "9f2c81d07be4a613", "never wrote before", "813 reads since", `id="act"`, "/policy/new?endpoint=POST", "To mend:", "Missing: 2 more authenticated callers",
		"/activity?endpoint=11&amp;status=404", "p99", "133 ms")
	s.says(account.Admin, "/inventory/3?tab=schema", "openapi: 3.1.1", "patientId", "14.3 %", "one of &#34;records&#34;, &#34;visits&#34;", "never the values of a request", "?tab=schema&amp;as=json")
	body := s.says(account.Admin, "/inventory/3?tab=schema&as=json", `id="openapi"`)
	_, text, _ := strings.Cut(body, `<code id="openapi">`)
	text, _, _ = strings.Cut(text, "</code>")
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(strings.NewReplacer("&#34;", `"`, "&lt;", "<", "&gt;", ">", "&#39;", "'", "&amp;", "&").Replace(text)), &doc); err != nil || len(doc.Paths) != 1 {
		t.Errorf("the description is not one of one operation: %v %v", doc.Paths, err)
	}
	s.says(account.Admin, "/inventory/3?tab=callers", "AcmeMobile", "AS3320", "with a credential", "IP Geolocation by DB-IP")
	s.says(account.Admin, "/inventory/3?tab=history", "first seen", "/v1/patients/<var>{id}")
	if body := s.says(account.Admin, "/inventory/3"); strings.Contains(body, `id="writers"`) {
		t.Error("a read has writers")
	}
	if body := s.says(account.Viewer, write); strings.Contains(body, `id="act"`) || strings.Contains(body, "<form method=\"post\" action=\"/inventory") || strings.Contains(body, `href="/activity`) && strings.Contains(body, "principal=") {
		t.Error("a viewer is offered what they may not do")
	}
}

func TestActing(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	s := open(t, w)
	post := func(role account.Role, form url.Values, want int) string {
		t.Helper()
		code, body := s.ask(role, "POST", "/inventory/3", form)
		if code != want {
			t.Fatalf("%v: %d, want %d\n%s", form, code, want, body)
		}
		return body
	}
	post(account.Viewer, url.Values{"do": {"ignore"}}, http.StatusForbidden)
	body := post(account.Admin, url.Values{"template": {"no path"}, "owner": {"kept@acme.example"}}, http.StatusBadRequest)
	if !strings.Contains(body, `value="no path"`) || !strings.Contains(body, "kept@acme.example") {
		t.Error("what was typed is gone")
	}
	post(account.Admin, url.Values{"template": {"/patients/{who}"}, "owner": {"records@acme.example"}, "labels": {"phi, records"}}, http.StatusOK)
	// What is matched stays as learned, in rules and in the description.
	s.says(account.Admin, "/inventory/3", "{who}", "Learned as", "%2Fv2%2Fpatients%2F%7BpatientId%7D")
	s.says(account.Admin, "/inventory/3?tab=schema", "/v2/patients/{patientId}:")
	post(account.Admin, url.Values{"do": {"ignore"}}, http.StatusOK)
	s.says(account.Admin, "/inventory/3", ">ignored<", "Show it again", "records@acme.example")
	post(account.Admin, url.Values{"do": {"show"}}, http.StatusOK)
	if body := s.says(account.Admin, "/inventory/3"); strings.Contains(body, ">ignored<") {
		t.Error("still ignored")
	}
}

func TestHostileEndpoint(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 3)
	evil := `<script>alert(1)</script>"'` + "\x1b[31m\u202e"
	v := *w.Estate()
	e := v.Sites[0].Endpoints[0]
	d := *e.Detail
	e.Method, e.Template, e.Host, e.Owner, e.Access = "P<b>", "/v1/"+evil+"/{"+evil+"}", evil, evil, inventory.Write
	d.Writers = []inventory.Writer{{Principal: evil, NeverBefore: true}}
	d.History = []inventory.Change{{What: evil}}
	d.Clients = []inventory.Count{{Name: evil, Count: 1}}
	d.Parameters = append(d.Parameters, inventory.Parameter{In: "query", Name: evil, Seen: 1 << 60, Classes: []string{evil}, Schema: json.RawMessage(`{"type":"string","enum":["` + "<script>alert(1)" + `"]}`)})
	d.Schemas = append(d.Schemas, inventory.Schema{Message: "request", MediaType: evil, Schema: json.RawMessage(`{"type":"object","properties":{"<script>alert(1)":` + strings.Repeat(`{"type":"array","items":`, 400) + `{}` + strings.Repeat(`}`, 400) + `}}`)})
	e.Detail = &d
	v.Sites = []inventory.Site{{Name: "acme", Endpoints: []inventory.Endpoint{e}}}
	w.SetEstate(&v)
	s := open(t, w)
	for _, path := range []string{"/inventory/1", "/inventory/1?tab=schema", "/inventory/1?tab=schema&as=json", "/inventory/1?tab=callers", "/inventory/1?tab=history", "/inventory/1?tab=" + url.QueryEscape(evil)} {
		body := s.says(account.Admin, path)
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "P<b>") {
			t.Errorf("%s has text of an attacker as it is", path)
		}
		if len(body) > 300<<10 {
			t.Errorf("%s is %d bytes", path, len(body))
		}
	}
}
