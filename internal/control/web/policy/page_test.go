package policy_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/web"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/account"
)

// browser is one without JavaScript, signed in as the administrator.
type browser struct {
	t      *testing.T
	w      *admintest.World
	server *httptest.Server
	client *http.Client
}

func open(t *testing.T, w *admintest.World) *browser {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h, err := admin.Handler(admin.Surface{
		Config: config.Admin{Address: "127.0.0.1:9901"}, Log: log, API: http.NotFoundHandler(), Web: web.New(web.Options{Admin: w.Admin, Log: log}),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t, w, s, &http.Client{Jar: jar, Timeout: time.Minute}}
	w.SignIn(t)
	b.post("/sign-in", "/sign-in", url.Values{"name": {admintest.Name}, "password": {admintest.Password}}, http.StatusOK)
	return b
}

func (b *browser) do(method, path string, form url.Values, want int) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp.StatusCode != want {
		b.t.Fatalf("%s %s: %d, want %d\n%s", method, path, resp.StatusCode, want, body)
	}
	return string(body)
}

func (b *browser) get(path string) string {
	b.t.Helper()
	return b.do("GET", path, nil, http.StatusOK)
}

var csrf = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func (b *browser) post(from, path string, form url.Values, want int) string {
	b.t.Helper()
	m := csrf.FindStringSubmatch(b.get(from))
	if m == nil {
		b.t.Fatalf("%s has no form", from)
	}
	form.Set("csrf", m[1])
	return b.do("POST", path, form, want)
}

func holds(t *testing.T, page string, all ...string) {
	t.Helper()
	for _, s := range all {
		if !strings.Contains(page, s) {
			t.Errorf("the page does not say %q\n%s", s, page[max(0, strings.Index(page, "<main")):])
		}
	}
}

func TestPolicyInForce(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	b := open(t, w)
	holds(t, b.get("/policy"), "billing writes from the office only", "acme.policy.yaml:8:5", "modes.default", "known bad", "expired", "5 d left", "10.0.0.0/8", "obs-fold")
	b.do("GET", "/policy?site=elsewhere", nil, http.StatusNotFound)
}

// TestRuleFromFormToForce follows a person who makes a rule, sees what it would do, saves it, and changes it.
func TestRuleFromFormToForce(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	b := open(t, w)
	holds(t, b.get("/policy/new?endpoint=GET+%2Fv2%2Fpatients"), `value="GET /v2/patients"`)
	page := b.post("/policy/new", "/policy/rules", url.Values{"do": {"compose"}, "name": {"no reads"}, "method": {"get"}, "action": {"block"}}, http.StatusOK)
	holds(t, page, "name: no reads\nmatch: {method: GET}\naction: block\nmode: watch", "It applies to", "of all 200 events", "198.51.100.")
	if len(w.Added()) != 0 {
		t.Fatal("a trial put something in force")
	}
	text := "name: no reads\r\nmatch: {method: GET}\r\naction: block\r\nmode: watch\r\n"
	page = b.post("/policy/new", "/policy/rules", url.Values{"do": {"save"}, "text": {text + "colour: red"}, "why": {"kept"}}, http.StatusBadRequest)
	holds(t, page, `aria-invalid="true"`, "5:1 colour", "colour: red</textarea>", `value="kept"`)
	if len(w.Added()) != 0 {
		t.Fatal("what is wrong is in force")
	}
	holds(t, b.post("/policy/new", "/policy/rules", url.Values{"do": {"save"}, "text": {text}, "site": {"acme"}}, http.StatusOK), "The entry is saved", "no reads")
	id := w.Added()[0].ID
	alter := func(do string) string {
		t.Helper()
		return b.post("/policy/rules", "/policy/rules/"+id+"/alter", url.Values{"do": {do}}, http.StatusOK)
	}
	holds(t, alter("enforce"), "The mode is changed", "Only watch")
	holds(t, alter("off"), "switched off", "Switch on")
	if len(w.Added()) != 0 {
		t.Error("still in force")
	}
	holds(t, b.get("/policy/rules/"+id), "mode: enforce", "Save, still off")
	b.post("/policy/rules/"+id, "/policy/rules/"+id, url.Values{"do": {"save"}, "text": {strings.Replace(text, "GET", "PUT", 1)}}, http.StatusOK)
	if len(w.Added()) != 0 {
		t.Error("saving switched it on")
	}
	holds(t, alter("on"), "is in force")
	holds(t, b.get("/policy"), "no reads", `href="/policy/rules/`+id)
	b.post("/policy/rules", "/policy/rules/"+id+"/alter", url.Values{"do": {"explode"}}, http.StatusBadRequest)
	w.LeaveOut(id, policy.Mistake{Source: policy.SourceOf(id), Message: "a second rule of that name"})
	holds(t, b.get("/policy"), "not in force")
	holds(t, b.get("/policy/rules"), "a second rule of that name")
	w.LeaveOut(id)
	holds(t, alter("remove"), "The entry is removed", "No rule was made here")
	b.do("GET", "/policy/rules/"+id, nil, http.StatusNotFound)
}

func TestHostileTexts(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	w.AddEvent(t, `<img src=x onerror=alert(1)>`)
	b := open(t, w)
	evil := `<script>alert(1)</script>"'` + "\u202e"
	page := b.post("/policy/new", "/policy/rules", url.Values{"do": {"compose"}, "name": {evil}, "when": {"true"}, "endpoint": {evil}, "why": {evil}}, http.StatusOK)
	page += b.get("/policy/new?" + url.Values{"name": {evil}, "text": {evil}, "when": {evil}}.Encode())
	page += b.post("/policy/new", "/policy/rules", url.Values{"do": {"check"}, "text": {"name: x\nmatch: {}\nwhen: 'true'\naction: tag\n"}}, http.StatusOK)
	page += b.post("/policy/new", "/policy/rules", url.Values{"do": {"save"}, "text": {"name: '<script>alert(1)</script>\"'\nmatch: {method: GET}\naction: tag\n"}}, http.StatusOK)
	page += b.get("/policy") + b.get("/policy/rules")
	for _, bad := range []string{"<script>alert", "<img src=x"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in a page as it is", bad)
		}
	}
	holds(t, page, "&lt;script&gt;alert(1)")
}

// TestWhoMaySee: developers read, viewers do not, and neither is offered what they may not do.
func TestWhoMaySee(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	b := open(t, w)
	b.post("/policy/new", "/policy/rules", url.Values{"do": {"save"}, "text": {"{name: x, match: {method: GET}, action: tag}"}}, http.StatusOK)
	id := w.Added()[0].ID
	for _, c := range []struct {
		role account.Role
		want int
	}{{account.Viewer, http.StatusForbidden}, {account.Developer, http.StatusOK}, {account.Operations, http.StatusOK}} {
		token := w.Token(t, w.SignIn(t).Caller, c.role)
		for _, path := range []string{"/policy", "/policy/rules", "/policy/rules/" + id} {
			r, err := http.NewRequestWithContext(t.Context(), "GET", b.server.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != c.want || strings.Contains(string(body), `action="/policy`) || strings.Contains(string(body), `href="/policy/new"`) {
				t.Errorf("%s as %s: %d", path, c.role, resp.StatusCode)
			}
		}
	}
}
