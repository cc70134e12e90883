package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/api"
	"merlon/internal/model/account"
)

// described is the description as a client's generator reads it.
func described(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Description())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDescriptionIsValid(t *testing.T) {
	doc := described(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Error(doc.OpenAPI)
	}
	ids := map[string]bool{}
	n := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			n++
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || op.Responses.Default() == nil {
				t.Errorf("%s %s: %+v", method, path, op)
			}
			ids[op.OperationID] = true
		}
	}
	if n != len(api.Routes()) {
		t.Errorf("%d operations described, %d served", n, len(api.Routes()))
	}
	for _, r := range api.Routes() {
		op := doc.Paths.Value(r.Path).GetOperation(r.Method)
		for _, p := range r.Query {
			if op.Parameters.GetByInAndName("query", p.Name) == nil || p.About == "" {
				t.Errorf("%s: the parameter %s is not described", r.ID, p.Name)
			}
		}
		if (r.In != nil) != (r.Body != "") || (r.In != nil) != (op.RequestBody != nil) {
			t.Errorf("%s: body", r.ID)
		}
		if r.In != nil {
			var example any
			if err := json.Unmarshal([]byte(r.Body), &example); err != nil {
				t.Fatal(err)
			}
			conforms(t, r.ID+" example", doc, op.RequestBody.Value.Content["application/json"].Schema, example)
		}
	}
}

// conforms holds a value to a schema, and to its names: what is not described is not answered.
func conforms(t *testing.T, what string, doc *openapi3.T, ref *openapi3.SchemaRef, v any) {
	t.Helper()
	if err := ref.Value.VisitJSON(v, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
		t.Errorf("%s: %.600s", what, err)
	}
	undescribed(t, what, ref, v)
}

func undescribed(t *testing.T, at string, ref *openapi3.SchemaRef, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if len(ref.Value.Properties) == 0 {
			return // anything
		}
		for name, member := range v {
			p := ref.Value.Properties[name]
			if p == nil {
				t.Errorf("%s.%s is not described", at, name)
				continue
			}
			undescribed(t, at+"."+name, p, member)
		}
	case []any:
		for _, one := range v {
			if ref.Value.Items != nil {
				undescribed(t, at+"[]", ref.Value.Items, one)
			}
		}
	}
}

// step is one operation as it is asked for.
type step struct {
	id, path, body string
	machine        bool // by a token instead of a browser
}

// TestAnswersAreAsDescribed drives every operation over a filled estate and holds what comes back to the description.
func TestAnswersAreAsDescribed(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	h, doc := surface(t, w), described(t)
	in := w.SignIn(t)
	secret := w.Token(t, in.Caller, account.Admin)
	join := func(name string) {
		_, link, err := w.Admin.Invite(t.Context(), in.Caller, name, account.Developer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Admin.Accept(t.Context(), admin.Visitor{Address: "192.0.2.1"}, link, admintest.Password); err != nil {
			t.Fatal(err)
		}
	}
	join("bea")
	found, err := w.Admin.Events(t.Context(), in.Caller, admin.EventQuery{Limit: 1, MinSeverity: 1})
	if err != nil || len(found) == 0 {
		t.Fatal(len(found), err)
	}
	event := found[0].ID
	var last map[string]any // the answer before
	cookies := sessionCookies(t, in)
	seen := map[string]bool{}
	do := func(s step) map[string]any {
		t.Helper()
		i := slices.IndexFunc(api.Routes(), func(r api.Route) bool { return r.ID == s.id })
		if i < 0 {
			t.Fatal("no operation ", s.id)
		}
		r := api.Routes()[i]
		seen[s.id] = true
		path := s.path
		if path == "" {
			path = r.Path
		}
		if s.body == "" {
			s.body = r.Body
		}
		c := call{method: r.Method, path: path, body: s.body, header: bearer(secret)}
		if !s.machine && s.id != "signIn" {
			c.header, c.cookies = map[string]string{"X-CSRF-Token": admin.ProofOf(in)}, cookies
		}
		out := c.do(t, h)
		if out.Code != r.Status {
			t.Errorf("%s: %d %s, want %d", s.id, out.Code, out.Body, r.Status)
			return nil
		}
		op := doc.Paths.Value(r.Path).GetOperation(r.Method)
		answer := op.Responses.Status(out.Code).Value
		kind, _, _ := strings.Cut(out.Header().Get("Content-Type"), ";")
		if out.Code == http.StatusNoContent {
			if out.Body.Len() > 0 || len(answer.Content) > 0 {
				t.Errorf("%s: 204 with a body", s.id)
			}
			return nil
		}
		media := answer.Content[kind]
		if media == nil {
			t.Errorf("%s answers %s, which is not described", s.id, kind)
			return nil
		}
		if media.Schema == nil {
			return nil
		}
		var v any
		if err := json.Unmarshal(out.Body.Bytes(), &v); err != nil {
			t.Fatal(s.id, err)
		}
		conforms(t, s.id, doc, media.Schema, v)
		last, _ = v.(map[string]any)
		return last
	}
	id := func(of string) string { return fmt.Sprint(last[of]) }
	for _, plain := range []string{
		"health", "readiness", "metrics", "description", "session", "listSessions", "listTokens", "listAccounts", "listAllSessions", "listInvites", "status",
		"settings", "overview", "listEdits", "listViews", "listBlocks", "listAudit", "exportAudit", "verifyAudit", "endpointTree", "exportInventory", "groupEndpoints",
		"eventHistogram", "exportEvents", "series",
	} {
		do(step{id: plain})
	}
	do(step{id: "listEndpoints", path: "/v1/inventory?facets=true&limit=7"})
	do(step{id: "groupEndpoints", path: "/v1/inventory/groups?by=segment&limit=2"})
	do(step{id: "endpoint", path: "/v1/inventory/5"})
	do(step{id: "listEvents", path: "/v1/events?limit=50"})
	for one, path := range map[string]string{"event": "", "explainEvent": "/story", "exchangeLine": "/exchange"} {
		do(step{id: one, path: "/v1/events/" + event + path})
	}
	do(step{id: "changes", path: "/v1/changes?since=2026-10-01T00:00:00Z"})
	do(step{id: "markLooked"})
	do(step{id: "cpuProfile"})
	do(step{id: "profile", path: "/v1/profiles/heap"})
	do(step{id: "editEndpoint", path: "/v1/inventory/5"})
	do(step{id: "previewEdit"})
	do(step{id: "applyEdit"})
	do(step{id: "undoEdit", path: "/v1/inventory/edits/" + id("id") + "/undo"})
	do(step{id: "applyEdit", body: `{"filter":"owner=-","change":{"owner":"x@acme.example"},"expect":39}`})
	do(step{id: "listEdits"})
	do(step{id: "createView"})
	view := id("id")
	do(step{id: "changeView", path: "/v1/views/" + view})
	do(step{id: "setDefaultView"})
	do(step{id: "listViews"})
	do(step{id: "removeView", path: "/v1/views/" + view})
	do(step{id: "block"})
	do(step{id: "listBlocks"})
	do(step{id: "unblock", path: "/v1/standing/" + fmt.Sprint(last["items"].([]any)[0].(map[string]any)["id"])})
	do(step{id: "checkRule", body: `{"site":"acme","text":"{name: x, when: nonsense}"}`})
	do(step{id: "tryRule"})
	do(step{id: "createRule"})
	entry := id("id")
	do(step{id: "rule", path: "/v1/policy/rules/" + entry})
	do(step{id: "changeRule", path: "/v1/policy/rules/" + entry})
	do(step{id: "listRules"})
	do(step{id: "removeRule", path: "/v1/policy/rules/" + entry})
	do(step{id: "createToken"})
	do(step{id: "listTokens", machine: true})
	do(step{id: "createToken", machine: true, body: `{"name":"x","role":"viewer"}`})
	do(step{id: "revokeToken", path: "/v1/tokens/" + id("id")})
	do(step{id: "createInvite", body: `{"name":"cy","role":"viewer"}`})
	do(step{id: "revokeInvite", path: "/v1/invites/" + id("id")})
	do(step{id: "changeAccount", path: "/v1/accounts/bea"})
	do(step{id: "resetPassword", path: "/v1/accounts/bea/reset-password"})
	do(step{id: "listInvites"})
	do(step{id: "resetFactors", path: "/v1/accounts/bea/reset-factors"})
	do(step{id: "signOutAccount", path: "/v1/accounts/bea/sign-out"})
	do(step{id: "removeAccount", path: "/v1/accounts/bea"})
	do(step{id: "signIn"})
	do(step{id: "listSessions"})
	for _, one := range last["items"].([]any) {
		if s := one.(map[string]any); s["current"] == false {
			do(step{id: "revokeSession", path: "/v1/sessions/" + fmt.Sprint(s["id"])})
			break
		}
	}
	do(step{id: "revokeOtherSessions"})
	do(step{id: "confirm"})
	in = w.SignIn(t) // confirming replaced the session
	cookies = sessionCookies(t, in)
	do(step{id: "signOut"})
	for _, r := range api.Routes() {
		if !seen[r.ID] {
			t.Errorf("%s was not asked for", r.ID)
		}
	}
}

func sessionCookies(t *testing.T, in admin.SignedIn) []*http.Cookie {
	t.Helper()
	out := httptest.NewRecorder()
	admin.SetSession(out, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:9901/", nil), in)
	return out.Result().Cookies()
}

// TestProblems holds refusals to the description.
func TestProblems(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	h, doc := surface(t, w), described(t)
	in := w.SignIn(t)
	cookies := sessionCookies(t, in)
	w.Wait(11 * time.Minute)
	cut, secret, err := w.Admin.CreateToken(t.Context(), w.SignIn(t).Caller, admin.TokenRequest{Name: "cut", Role: account.Admin, Sites: []string{"acme"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = cut
	whole := w.Token(t, w.SignIn(t).Caller, account.Security)
	tests := []struct {
		name  string
		call  call
		want  int
		about string
	}{
		{"stale", call{method: "POST", path: "/v1/invites", body: `{"name":"bea","role":"viewer"}`, header: map[string]string{"X-CSRF-Token": admin.ProofOf(in)}, cookies: cookies}, 403, "urn:merlon:problem:stale"},
		{"of all sites", call{method: "GET", path: "/v1/status", header: bearer(secret)}, 403, "urn:merlon:problem:site"},
		{"its own site", call{method: "GET", path: "/v1/inventory?site=acme", header: bearer(secret)}, 200, ""},
		{"its own endpoint", call{method: "GET", path: "/v1/inventory/3", header: bearer(secret)}, 200, ""},
		{"another site", call{method: "GET", path: "/v1/inventory?site=labs", header: bearer(secret)}, 403, "urn:merlon:problem:site"},
		{"an entry that does not hold", call{method: "POST", path: "/v1/policy/rules", body: `{"text":"{name: x, when: nonsense, action: tag}"}`, header: bearer(whole)}, 400, "about:blank"},
		{"nobody", call{method: "GET", path: "/v1/status"}, 401, "about:blank"},
		{"method", call{method: "PUT", path: "/v1/status", header: bearer(secret)}, 405, "about:blank"},
		{"nothing", call{method: "GET", path: "/v1/nothing", header: bearer(secret)}, 404, "about:blank"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := tt.call.do(t, h)
			if out.Code != tt.want {
				t.Fatalf("%d %s", out.Code, out.Body)
			}
			if tt.about == "" {
				return
			}
			var v map[string]any
			if err := json.Unmarshal(out.Body.Bytes(), &v); err != nil || v["type"] != tt.about || out.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%v %s", err, out.Body)
			}
			conforms(t, tt.name, doc, &openapi3.SchemaRef{Value: doc.Components.Schemas["Problem"].Value}, v)
			if tt.want == 405 && out.Header().Get("Allow") != "GET, HEAD" {
				t.Error(out.Header())
			}
		})
	}
}
