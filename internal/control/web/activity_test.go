package web_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
)

func TestActivityWithoutScript(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	for path, says := range map[string]string{
		"/activity":                                        "wire.conflicting-length",
		"/activity?action=block":                           ">203.0.113.66</a>",
		"/activity?action=block&country=DE":                "No event fits",
		"/activity?status=4xx&severity=high":               "conflicting-length",
		"/activity?address=198.51.100.0/24&agent=CURL":     "198.51.100.",
		"/activity?q=403":                                  `<span class="is">403</span>`,
		"/activity?q=203.0.113.0%2F24+agent:curl":          `<span class="is">203.0.113.0/24</span>`,
		"/activity?q=wire.conflicting-length&action=allow": `<span class="what">Finding</span>`,
		"/activity?status=oops":                            "is no status",
		"/activity?address=1.2.3.4%2F99":                   "is no network",
		"/activity?latency=fast":                           "is no duration",
		"/activity?since=yesterday":                        "is no time",
		"/activity?mode=off":                               "use one of watch, enforce",
		"/activity?endpoint=5&matched=no":                  "No event fits",
		"/activity?since=1h":                               `aria-current="true"`,
		"/events?action=block":                             ">203.0.113.66</a>",
	} {
		if _, body := v.get(path); !strings.Contains(body, says) {
			t.Errorf("%s: without %q", path, says)
		}
	}
	// Pages go both ways and meet.
	_, first := v.get("/activity")
	older := link(t, first, "next")
	_, second := v.get(older)
	_, back := v.get(link(t, second, "prev"))
	if ids(first)[0] != ids(back)[0] || len(ids(second)) != 100 || ids(second)[0] == ids(first)[99] {
		t.Errorf("pages do not meet: %d and %d events", len(ids(first)), len(ids(second)))
	}
	// A bar of the histogram leads to its time.
	bar := regexp.MustCompile(`<a href="(/activity\?since=[^"]+)" aria-label="[^"]*: (\d+) events?`).FindStringSubmatch(first)
	if bar == nil {
		t.Fatal("the histogram has no bars")
	}
	if _, body := v.get(strings.ReplaceAll(bar[1], "&amp;", "&")); !strings.Contains(body, "<b>"+bar[2]+"</b> events") {
		t.Errorf("a bar of %s events leads to another number", bar[2])
	}
	// Views.
	if code, body := v.post("/activity?action=block", "/activity/views", url.Values{"name": {"Blocked"}, "query": {"action=block"}}); code != 200 || !strings.Contains(body, ">Blocked</a>") {
		t.Errorf("save a view: %d", code)
	}
}

func link(t *testing.T, page, rel string) string {
	t.Helper()
	m := regexp.MustCompile(`rel="` + rel + `" href="([^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no link to %s", rel)
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

func ids(page string) (out []string) {
	for _, m := range regexp.MustCompile(`data-id="([0-9A-Z]{26})"`).FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestEventStepByStep(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	id := w.EventID(t, "wire.conflicting-length")
	_, body := v.get("/activity/" + id)
	at := 0
	for _, says := range []string{
		"Who and what it was", "What the bodies hold", "Attacks visible in it", "1 departure from", "wire.conflicting-length", "cwe.mitre.org/data/definitions/444.html",
		"What policy decides", "watch: what it says is recorded only", "Would have done", "What was done", "response.body.records[].ssn", "merlon inspect --event " + id, "Copy as exchange line",
	} {
		next := strings.Index(body[at:], says)
		if next < 0 && !strings.Contains(body, says) {
			t.Errorf("without %q", says)
		} else if next < 0 && at > 0 && !strings.HasPrefix(says, "merlon") && !strings.HasPrefix(says, "Copy") {
			t.Errorf("%q stands out of its order", says)
		}
		at += max(next, 0)
	}
	for _, none := range []string{"Whether the caller may", "Whether it keeps the contract", "Attacks visible over time"} {
		if strings.Contains(body, none) {
			t.Errorf("a stage that said nothing is shown: %s", none)
		}
	}
	code, line := v.get("/activity/" + id + "/exchange")
	var entry struct {
		Request struct{ Method, URL string }
		Event   struct {
			Observed  []string
			Anomalies []string
		} `json:"_event"`
	}
	if err := json.Unmarshal([]byte(line), &entry); err != nil || code != 200 || entry.Event.Anomalies[0] != "wire.cl-te" || !strings.HasPrefix(entry.Request.URL, "http://api.acme.example/") {
		t.Errorf("exchange line: %d %v %+v", code, err, entry)
	}
}

// TestHostileTextInActivity: what a caller writes reaches no page, live row, sheet or line as anything but text.
func TestHostileTextInActivity(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 10)
	w.SignIn(t)
	s := serve(t, w)
	v := visit(t, s)
	v.signIn()
	for _, hostile := range []string{
		`<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, "=HYPERLINK(\"http://x\")", "@SUM(1)", "a\x1b[2J\x07b", "javascript:alert(1)", "x\r\ndata: y\n\nid: 1", "\u202egnp.exe", "'); DROP TABLE events;--",
	} {
		id := w.AddEvent(t, hostile)
		for _, path := range []string{"/activity", "/activity/" + id, "/activity?agent=" + url.QueryEscape(hostile), "/activity?site=" + url.QueryEscape(hostile), "/activity?q=" + url.QueryEscape(hostile)} {
			_, body := v.get(path)
			if strings.Contains(body, "<img src=x") || strings.Contains(body, "<script>alert") || strings.Contains(body, `href="javascript:`) || strings.ContainsAny(body, "\x1b\x07\u202e") {
				t.Errorf("%q acts in %s", hostile, path)
			}
		}
		_, sheet := v.get("/activity/export?format=csv")
		rows, err := csv.NewReader(strings.NewReader(sheet)).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+@", rune(cell[0])) || strings.ContainsAny(cell, "\x1b\x07\u202e") {
					t.Errorf("%q is a formula, or acts on a terminal, in a sheet", cell)
				}
			}
		}
		_, lines := v.get("/activity/export")
		for line := range strings.Lines(lines) {
			if !json.Valid([]byte(line)) || strings.ContainsAny(line, "\x1b\x07\u202e") {
				t.Errorf("not a harmless line: %q", line)
			}
		}
	}
}

// TestLiveActivity: rows come as the list writes them, go on behind the last one after a break, and say how many were left
// out.
func TestLiveActivity(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 10)
	w.SignIn(t)
	s := serve(t, w)
	v := visit(t, s)
	v.signIn()
	latest, err := w.Admin.Events(t.Context(), w.SignIn(t).Caller, admin.EventQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/activity/live?severity=high&after=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", "3")
	resp, err := v.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 1<<20)
	next := func() (b struct {
		Rows string
		Left int
	},
	) {
		for in.Scan() {
			if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &b); err != nil {
					t.Fatal(err)
				}
				return b
			}
		}
		t.Fatal("the stream ended")
		return b
	}
	if b := next(); len(ids(b.Rows)) != 12 || b.Left != 0 { // of the 200 before, those with the finding
		t.Errorf("%d rows, %d left out: after row 3 of %d", len(ids(b.Rows)), b.Left, latest[0].Row)
	}
	id := w.AddEvent(t, "<b>\n\n")
	if b := next(); len(ids(b.Rows)) != 1 || ids(b.Rows)[0] != id || strings.Contains(b.Rows, "<b>") {
		t.Errorf("%+v", b)
	}
}
