package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"merlon/client"
	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/api"
	"merlon/internal/model/account"
)

// real is a client of the API of a filled world.
func real(t *testing.T, role account.Role) (*client.Client, *admintest.World) {
	t.Helper()
	w := admintest.New(t)
	w.Fill(t, 700)
	log := slog.New(slog.DiscardHandler)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "merlon_events_total 1\n") })
	h, err := admin.Handler(admin.Surface{
		Config: config.Admin{Address: "127.0.0.1:9901"}, Log: log, API: api.New(api.Options{Admin: w.Admin, Metrics: metrics, Log: log}), Web: http.NotFoundHandler(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithToken(w.Token(t, w.SignIn(t).Caller, role)), client.WithHTTPClient(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

// exceptions are operations that no client method has, with the reason.
func exceptions(r api.Route) string {
	switch {
	case r.Needs.PersonOnly():
		return "no token may: a person does this in a browser"
	case r.ID == "signIn", r.ID == "signOut":
		return "cookies are for browsers: the client speaks for a token"
	}
	return ""
}

func TestEveryOperationHasAMethod(t *testing.T) {
	c := reflect.TypeFor[*client.Client]()
	for _, r := range api.Routes() {
		_, ok := c.MethodByName(methodOf(r.ID))
		if ok == (exceptions(r) != "") {
			t.Errorf("%s: a method %v, exception %q", r.ID, ok, exceptions(r))
		}
	}
}

func methodOf(id string) string {
	if id == "cpuProfile" {
		return "CPUProfile"
	}
	return strings.ToUpper(id[:1]) + id[1:]
}

// TestTypesHaveEveryMember compares the client's types with the description.
func TestTypesHaveEveryMember(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Description())
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]any{
		"Endpoint": client.Endpoint{}, "Detail": client.Detail{}, "Support": client.Support{}, "Parameter": client.Parameter{}, "Schema": client.Schema{}, "Posture": client.EstatePosture{},
		"Writer": client.Writer{}, "Distribution": client.Distribution{}, "EndpointEdit": client.EndpointEdit{}, "BulkEdit": client.BulkEdit{}, "EditPreview": client.EditPreview{},
		"EditBatch": client.EditBatch{}, "Facet": client.Facet{}, "FacetValue": client.FacetValue{}, "Group": client.Group{}, "Tree": client.Tree{}, "TreeNode": client.TreeNode{},
		"OverviewPage": client.Overview{}, "NextStep": client.NextStep{}, "Changes": client.Changes{}, "View": client.View{}, "ViewEdit": client.ViewEdit{}, "VerdictLine": client.Event{},
		"LineFinding": client.Finding{}, "Explanation": client.Explanation{}, "StoryStage": client.Stage{}, "StoryFact": client.Fact{}, "StoryPlace": client.Place{}, "Histogram": client.Histogram{},
		"Entry": client.Block{}, "NewBlock": client.NewBlock{}, "Status": client.Status{}, "Point": client.Point{}, "Settings": client.Settings{}, "Token": client.Token{}, "NewToken": client.NewToken{},
		"Person": client.Account{}, "Browser": client.Browser{}, "AuditEntry": client.AuditEntry{}, "Chain": client.Chain{}, "Session": client.Session{}, "Risk": client.Risk{}, "Rule": client.Rule{}, "RuleEdit": client.RuleEdit{}, "Mistake": client.Mistake{}, "RuleTrial": client.RuleTrial{},
	}
	for name, v := range types {
		s := doc.Components.Schemas[name]
		if s == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		have := map[string]bool{}
		for f := range reflect.TypeOf(v).Fields() {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			have[tag] = true
			if tag != "-" && s.Value.Properties[tag] == nil {
				t.Errorf("%s.%s is not in the description", name, tag)
			}
		}
		for member := range s.Value.Properties {
			if !have[member] {
				t.Errorf("%s has no %s", name, member)
			}
		}
	}
}

func count[T any](t *testing.T, what string, walk func(func(T, error) bool), least int) (last T) {
	t.Helper()
	n := 0
	for v, err := range walk {
		if err != nil {
			t.Fatal(what, err)
		}
		last = v
		n++
	}
	if n < least {
		t.Errorf("%s: %d, want %d", what, n, least)
	}
	return last
}

func TestAgainstTheAPI(t *testing.T) {
	c, w := real(t, account.Admin)
	ctx := t.Context()
	ok := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	count(t, "endpoints", c.ListEndpoints(ctx, nil), 700) // two pages
	n, facets, err := c.CountEndpoints(ctx, url.Values{"auth": {"none"}})
	if err != nil || n == 0 || len(facets) == 0 {
		t.Error(n, len(facets), err)
	}
	count(t, "groups", c.GroupEndpoints(ctx, "segment", nil), 10)
	e, err := c.Endpoint(ctx, 5)
	if err != nil || e.Detail == nil || e.Tag == "" || e.FirstSeen.IsZero() || len(e.Detail.Schemas) == 0 {
		t.Errorf("%+v %v", e, err)
	}
	owner := "ana"
	edited, err := c.EditEndpoint(ctx, 5, e.Tag, client.EndpointEdit{Owner: &owner, AddLabels: []string{"pci"}})
	if err != nil || edited.Owner != "ana" || edited.Tag == "" {
		t.Errorf("%+v %v", edited, err)
	}
	if _, err = c.EditEndpoint(ctx, 5, e.Tag, client.EndpointEdit{Owner: &owner}); !errors.Is(err, client.ErrChanged) {
		t.Errorf("an edit over another's: %v", err)
	}
	edit := client.BulkEdit{Filter: "owner=ana", Change: client.EndpointEdit{RemoveLabels: []string{"pci"}}}
	preview, err := c.PreviewEdit(ctx, edit)
	if err != nil || preview.Total != 1 || preview.Changed != 1 {
		t.Errorf("%+v %v", preview, err)
	}
	edit.Expect = preview.Total
	batch, err := c.ApplyEdit(ctx, edit)
	ok("apply", err)
	count(t, "edits", c.ListEdits(ctx), 1)
	if undone, left, err := c.UndoEdit(ctx, batch.ID); err != nil || undone != 1 || left != 0 {
		t.Error(undone, left, err)
	}
	tree, err := c.EndpointTree(ctx, url.Values{"depth": {"2"}})
	if err != nil || len(tree.Root.Children) == 0 {
		t.Errorf("%+v %v", tree, err)
	}
	overview, err := c.Overview(ctx)
	if err != nil || overview.Posture.Endpoints == 0 || len(overview.Steps) == 0 {
		t.Errorf("%+v %v", overview, err)
	}
	changes, err := c.Changes(ctx, w.Now().Add(-30*24*time.Hour))
	if err != nil || len(changes.Items) == 0 {
		t.Errorf("%+v %v", changes, err)
	}
	view, err := c.CreateView(ctx, client.ViewEdit{Room: "inventory", Name: "mine", Query: "owner=ana"})
	ok("view", err)
	view, err = c.ChangeView(ctx, view.ID, client.ViewEdit{Name: "ours", Query: "owner=ana", Shared: true})
	if err != nil || view.Name != "ours" {
		t.Errorf("%+v %v", view, err)
	}
	ok("default view", c.SetDefaultView(ctx, "inventory", view.ID))
	count(t, "views", c.ListViews(ctx, ""), 1)
	ok("remove view", c.RemoveView(ctx, view.ID))

	event := count(t, "events", c.ListEvents(ctx, url.Values{"severity": {"low"}}), 2)
	again, err := c.Event(ctx, event.ID)
	if err != nil || !reflect.DeepEqual(event, again) || len(event.Findings) == 0 {
		t.Errorf("%+v\n%+v %v", event, again, err)
	}
	told, err := c.ExplainEvent(ctx, event.ID)
	if err != nil || len(told.Stages) == 0 {
		t.Errorf("%+v %v", told, err)
	}
	line, err := c.ExchangeLine(ctx, event.ID)
	if err != nil || !strings.Contains(string(line), `"request"`) {
		t.Errorf("%s %v", line, err)
	}
	h, err := c.EventHistogram(ctx, nil, 10)
	if err != nil || h.Total == 0 {
		t.Errorf("%+v %v", h, err)
	}
	for what, open := range map[string]func() (io.ReadCloser, error){
		"inventory": func() (io.ReadCloser, error) { return c.ExportInventory(ctx, "csv", url.Values{"owner": {"ana"}}) },
		"events":    func() (io.ReadCloser, error) { return c.ExportEvents(ctx, nil) },
		"audit":     func() (io.ReadCloser, error) { return c.ExportAudit(ctx, "ndjson", nil) },
		"metrics":   func() (io.ReadCloser, error) { return c.Metrics(ctx) },
		"profile":   func() (io.ReadCloser, error) { return c.Profile(ctx, "heap") },
	} {
		r, err := open()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if b, err := io.ReadAll(r); err != nil || len(b) < 20 {
			t.Errorf("%s: %d bytes, %v", what, len(b), err)
		}
		ok(what, r.Close())
	}
	b, err := c.Block(ctx, client.NewBlock{Kind: "address", Value: "192.0.2.7", Until: w.Now().Add(time.Hour)})
	ok("block", err)
	count(t, "blocks", c.ListBlocks(ctx), 1)
	ok("unblock", c.Unblock(ctx, b.ID))

	rule, err := c.CreateRule(ctx, client.RuleEdit{Text: "{name: scripted, when: 'client.user_agent startsWith \"python\"', action: tag}"})
	ok("rule", err)
	count(t, "rules", c.ListRules(ctx), 1)
	ok("remove rule", c.RemoveRule(ctx, rule.ID))
	_, err = c.CreateRule(ctx, client.RuleEdit{Text: "{name: x, when: nonsense, action: tag}"})
	if p := new(client.Problem); !errors.As(err, &p) || len(p.Mistakes) == 0 {
		t.Errorf("a rule that does not hold: %v", err)
	}

	token, err := c.CreateToken(ctx, client.NewToken{Name: "ci", Role: "viewer", Scopes: []string{"inventory.see"}, Sites: []string{"acme"}})
	if err != nil || token.Secret == "" || len(token.Scopes) != 1 || len(token.Sites) != 1 {
		t.Errorf("%+v %v", token, err)
	}
	count(t, "tokens", c.ListTokens(ctx), 2)
	ok("revoke", c.RevokeToken(ctx, token.ID))
	count(t, "accounts", c.ListAccounts(ctx), 1)
	count(t, "sessions", c.ListAllSessions(ctx), 1)
	count(t, "invites", c.ListInvites(ctx), 0)
	count(t, "audit", c.ListAudit(ctx, url.Values{"action": {"token."}}), 3)
	chain, err := c.VerifyAudit(ctx)
	if err != nil || chain.Broken != 0 || chain.Last == 0 {
		t.Errorf("%+v %v", chain, err)
	}
	if s, err := c.Session(ctx); err != nil || s.Role != "admin" {
		t.Errorf("%+v %v", s, err)
	}
	if s, err := c.Status(ctx); err != nil || s.Version == "" || s.Events == 0 {
		t.Errorf("%+v %v", s, err)
	}
	if p, err := c.Series(ctx, "", 0, w.Now().Add(-time.Hour), w.Now(), time.Minute); err != nil || len(p) != 60 {
		t.Error(len(p), err)
	}
	if s, err := c.Settings(ctx); err != nil || len(s.Groups) == 0 {
		t.Errorf("%+v %v", s, err)
	}
	if d, err := c.Description(ctx); err != nil || len(d) < 10_000 {
		t.Error(len(d), err)
	}
	ok("health", c.Health(ctx))
	ok("ready", c.Readiness(ctx))
}

func TestErrors(t *testing.T) {
	c, _ := real(t, account.Viewer)
	ctx := t.Context()
	_, err := c.Block(ctx, client.NewBlock{Kind: "address", Value: "192.0.2.7"})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 403 || !errors.Is(err, client.ErrForbidden) || errors.Is(err, client.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := c.Endpoint(ctx, 99_999); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, err := range c.ListEndpoints(ctx, url.Values{"mispelt": {"1"}}) {
		if !errors.As(err, &p) || p.Field != "query" || !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%v", err)
		}
	}
	for range c.ListEndpoints(ctx, nil) {
		break // a walk may end early
	}
	for _, bad := range []string{"", "127.0.0.1:9901", "ftp://x", "http://"} {
		if _, err := client.New(bad); err == nil {
			t.Errorf("%q is taken for a server", bad)
		}
	}
}

// TestRetries counts what arrives.
func TestRetries(t *testing.T) {
	tests := []struct {
		name, retryAfter string
		status           int
		ask              func(context.Context, *client.Client) error
		want             int32
	}{
		{"busy", "", 503, func(ctx context.Context, c *client.Client) error { _, err := c.Status(ctx); return err }, 3},
		{"a wish that can be granted", "1", 429, func(ctx context.Context, c *client.Client) error { return c.Unblock(ctx, "x") }, 3},
		{"a wish too long", "3600", 429, func(ctx context.Context, c *client.Client) error { _, err := c.Status(ctx); return err }, 1},
		{"a mistake", "", 400, func(ctx context.Context, c *client.Client) error { _, err := c.Status(ctx); return err }, 1},
		{"a fault", "", 500, func(ctx context.Context, c *client.Client) error { _, err := c.Status(ctx); return err }, 1},
		{"an edit", "", 503, func(ctx context.Context, c *client.Client) error {
			_, err := c.EditEndpoint(ctx, 1, "", client.EndpointEdit{})
			return err
		}, 1},
		{"a key makes it safe", "", 502, func(ctx context.Context, c *client.Client) error {
			_, err := c.Block(ctx, client.NewBlock{})
			return err
		}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int32
			keys := make(chan string, 9)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				keys <- r.Header.Get("Idempotency-Key")
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, "<html>not JSON")
			}))
			defer s.Close()
			c, err := client.New(s.URL, client.WithRetries(2, 2*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			err = tt.ask(t.Context(), c)
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != tt.status || p.Title == "" {
				t.Errorf("%v", err)
			}
			if got := asked.Load(); got != tt.want {
				t.Errorf("asked %d times, want %d", got, tt.want)
			}
			first := <-keys
			for range tt.want - 1 {
				if <-keys != first {
					t.Error("a repeat has another key")
				}
			}
		})
	}
	t.Run("nobody waits for who has gone", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			cancel()
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(503)
		}))
		defer s.Close()
		c, _ := client.New(s.URL)
		if _, err := c.Status(ctx); err == nil {
			t.Error("an answer")
		}
	})
	t.Run("too large", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%q", strings.Repeat("a", 5000)) }))
		defer s.Close()
		c, _ := client.New(s.URL, client.WithMaxBody(1000))
		if _, err := c.Status(t.Context()); !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
}
