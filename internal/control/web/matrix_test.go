package web_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/api"
	"merlon/internal/control/web"
	"merlon/internal/model/account"
)

// asker is one who asks for everything there is.
type asker struct {
	name string
	// proof: their browser has the proof of its cookie, whatever the cookie is worth by now.
	proof bool
	// may is what the table of permissions says of them; nil for somebody who is not signed in.
	may func(account.Permission) bool
	// dress puts on what they carry. It is called for every request, since some end the session they came with.
	dress func(*http.Request)
}

// operation is one route of the dashboard or the API.
type operation struct {
	method, path, body string
	needs              account.Permission
	api                bool
}

func operations(w *admintest.World) (out []operation) {
	for _, r := range web.Routes(web.Options{Admin: w.Admin}) {
		out = append(out, operation{r.Method, r.Path, "", r.Needs, false})
	}
	for _, r := range api.Routes() {
		out = append(out, operation{r.Method, r.Path, r.Body, r.Needs, true})
	}
	return out
}

// TestMatrix is the whole table: every page, form and operation of the API, asked for by a person and by a token of every
// role, by nobody, by those whose time has ended, and by tokens that were cut down.
func TestMatrix(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	h := handler(t, w)
	place, knocks := regexp.MustCompile(`\{\w+\}`), 0
	nextAddress := func() string {
		knocks++
		return fmt.Sprintf("10.%d.%d.%d", knocks>>16&255, knocks>>8&255, knocks&255)
	}
	all, askers := operations(w), cast(t, w, nextAddress)
	for _, o := range all {
		path := strings.NewReplacer("{$}", "", "{name}", "heap").Replace(o.path)
		path = place.ReplaceAllString(path, "1")
		for _, a := range askers {
			r := httptest.NewRequest(o.method, "http://localhost:9901"+path, strings.NewReader(o.body))
			r.RemoteAddr = nextAddress() + ":40000" // the doors are slow for those who knock often
			if o.method == http.MethodPost && !o.api {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			} else if o.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			if a.dress != nil {
				a.dress(r)
			}
			out := httptest.NewRecorder()
			h.ServeHTTP(out, r)
			if got, want := verdict(o, out), wanted(o, a); got != want {
				t.Errorf("%s %s as %s: %s (%d %s), want %s", o.method, o.path, a.name, got, out.Code, strings.TrimSpace(out.Body.String()[:min(200, out.Body.Len())]), want)
			}
			safe(t, o.method+" "+o.path+" as "+a.name, out.Result())
		}
	}
	t.Logf("%d routes as %d callers: %d answers", len(all), len(askers), len(all)*len(askers))
}

// handler is the whole surface of a world, without a port.
func handler(t *testing.T, w *admintest.World) http.Handler {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h, err := admin.Handler(admin.Surface{
		Config: config.Admin{Address: "127.0.0.1:9901"}, Log: log,
		API: api.New(api.Options{Admin: w.Admin, Metrics: http.NotFoundHandler(), Log: log}), Web: web.New(web.Options{Admin: w.Admin, Log: log}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// cast is everybody who asks.
func cast(t *testing.T, w *admintest.World, nextAddress func() string) []asker {
	t.Helper()
	ctx, boss := t.Context(), w.SignIn(t).Caller
	cookie := func(in admin.SignedIn) func(*http.Request) {
		return func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "merlon_session", Value: in.Secret})
			r.Header.Set("X-CSRF-Token", admin.ProofOf(in))
		}
	}
	bearer := func(secret string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
	}
	token := func(q admin.TokenRequest) string {
		_, secret, err := w.Admin.CreateToken(ctx, boss, q)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	join := func(name string, role account.Role) admin.SignedIn {
		_, link, err := w.Admin.Invite(ctx, boss, name, role)
		if err != nil {
			t.Fatal(err)
		}
		in, err := w.Admin.Accept(ctx, admin.Visitor{Address: nextAddress()}, link, admintest.Password)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	idle, gone, short := join("idle", account.Admin), join("gone", account.Admin), token(admin.TokenRequest{Name: "short", Role: account.Admin, Age: time.Hour})
	w.Wait(admin.SessionAge + time.Second)
	boss = w.SignIn(t).Caller
	gone = join("gone-too", account.Admin)
	if err := w.Admin.SetDisabled(ctx, boss, "gone-too", true); err != nil {
		t.Fatal(err)
	}
	taken, secret, err := w.Admin.CreateToken(ctx, boss, admin.TokenRequest{Name: "taken", Role: account.Admin})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.RevokeToken(ctx, boss, taken.ID); err != nil {
		t.Fatal(err)
	}
	out := []asker{
		{name: "nobody"},
		{name: "a session that has ended", proof: true, dress: cookie(idle)},
		{name: "a disabled account", proof: true, dress: cookie(gone)},
		{name: "a cookie that is none", dress: func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: "merlon_session", Value: strings.Repeat("A", 43)})
		}},
		{name: "a token that has ended", dress: bearer(short)},
		{name: "a token that was revoked", dress: bearer(secret)},
		{name: "another scheme", dress: func(r *http.Request) { r.SetBasicAuth(admintest.Name, admintest.Password) }},
	}
	machine := func(role account.Role, scopes ...account.Permission) func(account.Permission) bool {
		return func(p account.Permission) bool {
			return role.May(p) && !p.PersonOnly() && (len(scopes) == 0 || p == account.SignedIn || slices.Contains(scopes, p))
		}
	}
	for _, role := range account.Roles() {
		join("person-"+string(role), role)
		out = append(out,
			asker{name: "a " + string(role), may: role.May, dress: func(r *http.Request) {
				in, err := w.Admin.SignIn(ctx, admin.Visitor{Address: nextAddress()}, "person-"+string(role), admintest.Password)
				if err != nil {
					t.Fatal(err)
				}
				cookie(in)(r)
			}},
			asker{name: "a token of a " + string(role), may: machine(role), dress: bearer(token(admin.TokenRequest{Name: "all-" + string(role), Role: role}))})
	}
	return append(out,
		asker{name: "a token with one scope", may: machine(account.Admin, account.SeeEvents), dress: bearer(token(admin.TokenRequest{Name: "one", Role: account.Admin, Scopes: []account.Permission{account.SeeEvents}}))},
		asker{
			name: "a token with two scopes", may: machine(account.Security, account.SeeStanding, account.EditStanding),
			dress: bearer(token(admin.TokenRequest{Name: "two", Role: account.Security, Scopes: []account.Permission{account.SeeStanding, account.EditStanding}})),
		})
}

// wanted is what the table says.
func wanted(o operation, a asker) string {
	switch {
	case o.needs == account.Open && o.api:
		return "let in"
	case o.needs == account.Open:
		// Who brings a token that is none is told so everywhere, rather than taken for a visitor; forms need a proof.
		switch {
		case strings.HasPrefix(a.name, "a token that") || a.name == "another scheme":
			return refusedAtDoor(o)
		case o.method == http.MethodPost && a.may == nil && !a.proof:
			return "asked for a proof"
		}
		return "let in"
	case a.may == nil:
		return refusedAtDoor(o)
	case a.may(o.needs):
		return "let in"
	default:
		return "refused by role"
	}
}

func refusedAtDoor(o operation) string {
	if o.method == http.MethodGet && !o.api {
		return "sent to the door"
	}
	return "told to sign in"
}

// verdict reads an answer. What a use case says of an empty form is none of the table's business.
func verdict(o operation, out *httptest.ResponseRecorder) string {
	body := strings.ToLower(out.Body.String())
	switch {
	case out.Code >= 500:
		return fmt.Sprint("failed with ", out.Code)
	case out.Code == http.StatusSeeOther && (strings.HasPrefix(out.Header().Get("Location"), "/sign-in?next=") || o.path == "/{$}" && out.Header().Get("Location") == "/sign-in"):
		return "sent to the door"
	case out.Code == http.StatusUnauthorized && (strings.Contains(body, "session has ended") || strings.Contains(body, "sign in first")):
		return "told to sign in"
	case out.Code == http.StatusForbidden && strings.Contains(body, "your role does not permit"):
		return "refused by role"
	case out.Code == http.StatusForbidden && strings.Contains(body, "no longer valid"):
		return "asked for a proof"
	default:
		return "let in"
	}
}

// safe looks at the headers that every answer carries.
func safe(t *testing.T, what string, r *http.Response) {
	t.Helper()
	_, _ = io.Copy(io.Discard, r.Body)
	for name, want := range map[string]string{
		"Content-Security-Policy": admin.Policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, "merlon_") && c.Name != "merlon_theme" && (!c.HttpOnly || c.SameSite < http.SameSiteLaxMode || c.Path != "/") {
			t.Errorf("%s: cookie %+v", what, c)
		}
	}
	if strings.Contains(admin.Policy, "unsafe") {
		t.Error("the policy of content has an exception")
	}
}
