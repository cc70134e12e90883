package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"

	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/admin/rules"
	"merlon/internal/control/web"
	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/eventlist"
)

type cdpCommand[P, R any] = cdp.Command[P, R]

// files are GET routes that answer something else than a page.
var files = []string{"/inventory/export", "/activity/export", "/activity/live", "/activity/{id}/exchange", "/audit/export"}

// pages is every address to open, by the pattern of its route: each GET route of the dashboard stands for itself, and for
// what is listed here when it has parameters or more than one face.
func pages(t *testing.T, w *admintest.World) map[string][]string {
	t.Helper()
	ctx := t.Context()
	event := func(f store.EventFilter) string {
		f.Limit = 1
		found, err := eventlist.Page(ctx, w.Store, f)
		if err != nil || len(found.Events) == 0 {
			t.Fatalf("no event of %+v: %v", f, err)
		}
		return "/activity/" + found.Events[0].ID
	}
	rule, err := w.Admin.PutRule(ctx, w.SignIn(t).Caller, rules.RuleEntry{Text: "name: no reads\nmatch: {method: GET}\naction: block\nmode: watch\n", Why: `<img src=x onerror=alert(1)>`})
	if err != nil {
		t.Fatal(err)
	}
	faces := map[string][]string{
		"/{$}":               {"/", "/?span=24h", "/?span=7d"},
		"/inventory":         {"/inventory?view=all", "/inventory?sort=risk&auth=none", "/inventory?group=owner", "/inventory?q=nothing+at+all"},
		"/inventory/tree":    {"/inventory/tree", "/inventory/tree?site=acme&colour=known&size=requests"},
		"/inventory/edit":    {"/inventory/edit?all=1&method=POST"},
		"/inventory/{id}":    {"/inventory/5", "/inventory/11", "/inventory/18"},
		"/activity":          {"/activity", "/activity?action=block", "/activity?finding=nothing.such"},
		"/activity/{id}":     {"/activity/" + w.EventID(t, "wire.conflicting-length"), event(store.EventFilter{Action: "block"}), "/activity/" + w.AddEvent(t, hostile)},
		"/events":            {"/events"},
		"/events/{id}":       {"/events/" + w.EventID(t, "wire.conflicting-length")},
		"/audit":             {"/audit?verify=1", "/audit?actor=nobody"},
		"/policy/rules/{id}": {"/policy/rules/" + rule.ID},
		"/policy/new":        {"/policy/new", "/policy/new?endpoint=GET+%2Fv2%2Fpatients"},
		"/confirm":           {"/confirm?next=/people"},
		"/sign-in":           nil, // of those who are not signed in
		"/setup":             nil,
		"/join":              nil,
	}
	out, place := map[string][]string{}, regexp.MustCompile(`\{\w+\}`)
	for _, r := range web.Routes(web.Options{Admin: w.Admin}) {
		if r.Method != http.MethodGet || slices.Contains(files, r.Path) {
			continue
		}
		known, listed := faces[r.Path]
		switch {
		case listed:
			out[r.Path] = known
		case place.MatchString(r.Path):
			t.Errorf("nobody has said how to open %s: add it to faces", r.Path)
		default:
			out[r.Path] = []string{r.Path}
		}
	}
	return out
}

const hostile = "<img src=x onerror=alert(1)>\x1b[31m\u202e" + `"'=cmd|' /C calc'!A0`

// TestPagesInABrowser opens every page of the dashboard in Chromium, on a desk and on a telephone, light and dark (two of the
// four looks unless MERLON_SCREENSHOTS is set), as somebody
// who may see all and as somebody at the door. Nothing is asked of another origin, the browser has nothing to complain about,
// nothing moves or runs out of the window, and axe-core finds nothing serious.
func TestPagesInABrowser(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 60)
	populate(t, w)
	in := w.SignIn(t)
	_, join, err := w.Admin.Invite(t.Context(), in.Caller, "newcomer", account.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	all := pages(t, w)
	s, first := serve(t, w), admintest.New(t)
	setup, _, err := first.Admin.NewSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	origin, empty := local(s.URL), local(serve(t, first).URL)
	e, opened, heaviest, heavy := open(t), 0, int64(0), ""
	axe := e.axe
	look := func(name, origin, path string, status int) {
		faults, n := e.inspect(t, origin, path, status)
		for _, f := range faults {
			t.Errorf("%s %s: %s", name, path, f)
		}
		if opened++; n > heaviest {
			heaviest, heavy = n, path
		}
		shoot(t, e.ctx, "page"+strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(path, "-"), "-")+"-"+name)
	}
	for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			if os.Getenv("MERLON_SCREENSHOTS") == "" && (size[0] < 1000) == (scheme == "light") {
				continue // the gate sees a desk by day and a telephone by night; make screenshots sees all four
			}
			name := fmt.Sprint(size[0], "-", scheme)
			e.see(t, size[0], size[1], scheme)
			if e.axe = axe; size[0] < 1000 && scheme == "light" {
				e.axe = "" // the small layout is looked at in the dark, where colours are closer
			}
			call(t, e.ctx, network.ClearBrowserCookies, cdp.Empty{})
			look(name, origin, "/sign-in", 0)
			look(name, origin, "/join?token="+join, 0)
			look(name, empty, "/setup?token="+setup, 0)
			enter(t, e, in.Secret, origin)
			for _, paths := range all {
				for _, path := range paths {
					look(name, origin, path, 0)
				}
			}
			look(name, origin, "/nothing", http.StatusNotFound)
		}
	}
	t.Logf("%d pages opened; the heaviest is %s with %d bytes", opened, heavy, heaviest)
}

// enter gives the browser the cookie of a session.
func enter(t *testing.T, e *eyes, secret, origin string) {
	t.Helper()
	call(t, e.ctx, network.SetCookie, network.SetCookieParams{Name: "merlon_session", Value: secret, URL: origin + "/"})
}

// TestInspectionSees holds the inspection itself to account: a page with every fault is told of each.
func TestInspectionSees(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "style-src 'none'")
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<html><body style="color: red"><div id="top"></div><input><p>%s</p><b style="x">!</b><table width=3000><tr><td>wide</table><img src="%s/x.png">
			<script>requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById("top").append(Object.assign(document.createElement("canvas"), { height: 600, width: 400 })))); console.error("wrong")</script>`,
			strings.Repeat("text ", maxBytes/5), elsewhere.URL)
	}))
	defer s.Close()
	e := open(t)
	e.see(t, 390, 844, "light")
	faults, _ := e.inspect(t, s.URL, "/", 0)
	kinds := []string{"shift", "width", "policy", "console", "origin", "bytes"}
	if e.axe != "" {
		kinds = append(kinds, "axe")
	}
	for _, kind := range kinds {
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, kind+": ") }) {
			t.Errorf("nothing was said of %s in %q", kind, faults)
		}
	}
}
