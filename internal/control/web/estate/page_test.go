package estate_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

var counted = regexp.MustCompile(`id="count"[^>]*>([^<]*)<`)

func count(t *testing.T, body string) string {
	t.Helper()
	m := counted.FindStringSubmatch(body)
	if m == nil {
		t.Fatal("no count on the page")
	}
	return strings.ReplaceAll(m[1], "\u202f", "")
}

func TestList(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 200)
	s := open(t, w)
	for _, tt := range []struct{ name, query, want string }{
		{"everything", "view=all", "200 endpoints"},
		{"words", "q=PATIENTS+records", "22 of 200 endpoints"},
		{"prefix", "prefix=/v2/patients", "6 of 200 endpoints"},
		{"nothing", "q=nowhere", "0 of 200 endpoints"},
		{"a mistake shows everything", "risk=much", "200 endpoints"},
		{"a sort that is none", "sort=colour", "200 endpoints"},
		{"groups", "group=label&sort=risk", "200 endpoints"},
		{"groups of nothing", "group=kitchen", "200 endpoints"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, body := s.get("/inventory?" + tt.query)
			if got := count(t, body); code != http.StatusOK || got != tt.want {
				t.Errorf("%d %s, want %s", code, got, tt.want)
			}
		})
	}
	// Every link that a page offers leads somewhere, and to what it promises.
	_, body := s.get("/inventory?auth=none&q=v2")
	link := regexp.MustCompile(`<a id="f-[^"]+" href="([^"]+)"[^>]*><span class="clip">([^<]*)</span> ?<span class="n">([0-9]+)<`)
	links := link.FindAllStringSubmatch(body, -1)
	for _, m := range links {
		code, body := s.get(strings.ReplaceAll(m[1], "&amp;", "&"))
		if strings.Contains(m[1], "auth=none") && strings.Contains(m[1], "q=v2") && (code != http.StatusOK || !strings.HasPrefix(count(t, body), m[3]+" ")) {
			t.Errorf("%s promises %s: %d %s", m[1], m[3], code, count(t, body))
		}
	}
	if len(links) < 10 {
		t.Errorf("%d filters", len(links))
	}
}

func TestPartial(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 200)
	s := open(t, w)
	code, body, resp := s.do("GET", "/inventory?q=records&site=&auth=&page=1", nil, "HX-Request", "true", "HX-Target", "result")
	if code != http.StatusOK || strings.Contains(body, "<html") || strings.Contains(body, `id="find"`) || !strings.Contains(body, `hx-swap-oob="innerHTML:#count"`) {
		t.Errorf("%d, %d bytes", code, len(body))
	}
	if got := resp.Header.Get("HX-Push-Url"); got != "/inventory?q=records" {
		t.Errorf("the address is %s", got)
	}
	if !strings.Contains(strings.Join(resp.Header.Values("Vary"), ","), "HX-Request") {
		t.Error("caches would mix the two forms up")
	}
}

func TestViewsOnPages(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 60)
	s := open(t, w)
	code, body := s.post("/inventory?auth=none", "/inventory/views", url.Values{"name": {"open <b>"}, "query": {"auth=none"}, "open": {"1"}})
	if code != http.StatusOK || !strings.Contains(body, "The view is saved.") || !strings.Contains(body, "open &lt;b&gt;") {
		t.Fatal(code, body)
	}
	// The room opens with it, and everything stays within reach.
	_, _, resp := s.do("GET", "/inventory", nil)
	if got := resp.Request.URL.Query(); got.Get("auth") != "none" || got.Get("view") == "" {
		t.Errorf("opens with %v", got)
	}
	if _, body := s.get("/inventory?view=all"); count(t, body) != "60 endpoints" {
		t.Error(count(t, body))
	}
	id := resp.Request.URL.Query().Get("view")
	if code, body = s.post("/inventory/views", "/inventory/views", url.Values{"id": {id}, "name": {""}}); code != http.StatusBadRequest || !strings.Contains(body, "Write a name.") {
		t.Error(code)
	}
	if _, body = s.post("/inventory/views", "/inventory/views", url.Values{"id": {id}, "name": {"renamed"}, "shared": {"1"}}); !strings.Contains(body, `value="renamed"`) || !strings.Contains(body, "shared") {
		t.Error("not renamed")
	}
	if _, body = s.post("/inventory/views", "/inventory/views", url.Values{"id": {""}, "do": {"open"}}); !strings.Contains(body, "opens with everything now") {
		t.Error("still opens with it")
	}
	if _, body = s.post("/inventory/views", "/inventory/views", url.Values{"id": {id}, "do": {"remove"}}); !strings.Contains(body, "No views yet") {
		t.Error("not removed")
	}
}

func TestEditOfMany(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 60)
	s := open(t, w)
	from := "/inventory/edit?all=1&method=POST&back=" + url.QueryEscape("/inventory?method=POST")
	form := url.Values{"query": {"method=POST"}, "back": {"/inventory?method=POST"}, "owner": {"team-x"}, "add": {"pci, eu"}, "do": {"preview"}}
	code, body := s.post(from, "/inventory/edit", form)
	m := regexp.MustCompile(`name="expect" value="(\d+)"`).FindStringSubmatch(body)
	if code != http.StatusOK || m == nil || !strings.Contains(body, "would change") {
		t.Fatal(code, body)
	}
	if page, err := w.Admin.Inventory(t.Context(), w.SignIn(t).Caller, admin.InventoryQuery{Owner: "team-x"}); err != nil || page.Total != 0 {
		t.Fatal("a preview changed something", err)
	}
	form.Set("do", "apply")
	form.Set("expect", "1")
	if _, body = s.post(from, "/inventory/edit", form); !strings.Contains(body, "The selection has changed") {
		t.Error("what nobody looked at was changed")
	}
	form.Set("expect", m[1])
	if code, body = s.post(from, "/inventory/edit", form); code != http.StatusOK || !strings.Contains(body, m[1]+" endpoints changed: owner team-x, labels added: eu pci") {
		t.Fatal(code, body)
	}
	if _, got := s.get("/inventory?owner=team-x&label=eu"); count(t, got) != m[1]+" of 60 endpoints" {
		t.Error(count(t, got))
	}
	id := regexp.MustCompile(`name="id" value="([0-9a-f]+)"`).FindStringSubmatch(body)
	if _, body = s.post("/inventory/changes", "/inventory/changes", url.Values{"id": {id[1]}}); !strings.Contains(body, m[1]+" endpoints are as before.") {
		t.Error("not undone")
	}
	if _, got := s.get("/inventory?owner=team-x"); count(t, got) != "0 of 60 endpoints" {
		t.Error(count(t, got))
	}
	// By hand, with a mistake, and with nothing picked.
	if code, body = s.get("/inventory/edit?id=1&id=2"); code != http.StatusOK || !strings.Contains(body, "Edit 2 endpoints") {
		t.Error(code)
	}
	if code, body = s.post("/inventory/edit?id=1", "/inventory/edit", url.Values{"id": {"1"}, "add": {strings.Repeat("x", 65)}, "do": {"preview"}}); code != http.StatusBadRequest || !strings.Contains(body, "Use at most 64 bytes.") {
		t.Error(code)
	}
	for _, path := range []string{"/inventory/edit", "/inventory/edit?id=x", "/inventory/edit?all=1&risk=much", "/inventory/export", "/inventory/export?format=exe", "/inventory/export?format=csv&seen=x"} {
		if code, _ := s.get(path); code != http.StatusBadRequest {
			t.Errorf("%s: %d", path, code)
		}
	}
	// Nobody is sent elsewhere.
	if _, body = s.get("/inventory/edit?id=1&back=" + url.QueryEscape("https://evil.example/inventory")); strings.Contains(body, `="https://evil`) {
		t.Error("leads out of the house")
	}
}

func TestTreePage(t *testing.T) {
	w := admintest.New(t)
	w.SetEstate(made(3000, w.Now()))
	s := open(t, w)
	links := regexp.MustCompile(`<a href="(/inventory/tree[^"]+)" class="t-`)
	path, seen := "/inventory/tree", 0
	for range 6 { // down the first boxes, by links alone
		code, body := s.get(path)
		if code != http.StatusOK || !strings.Contains(body, "The same as a table") {
			t.Fatal(code, path)
		}
		m := links.FindStringSubmatch(body)
		if m == nil {
			break
		}
		path = strings.ReplaceAll(m[1], "&amp;", "&")
		seen++
	}
	if seen < 3 || !strings.Contains(path, "prefix=") {
		t.Errorf("%d levels, down to %s", seen, path)
	}
	for _, q := range []string{"colour=known&size=requests", "prefix=/gone", "risk=x", "host=" + strings.Repeat("x", 2000)} {
		if code, _ := s.get("/inventory/tree?" + q); code != http.StatusOK {
			t.Errorf("%s: %d", q, code)
		}
	}
}

// evil are texts that somebody may put in a path, a host or an owner.
func evil() []string {
	return []string{
		`"><img src=x onerror=alert(1)>`, `</script><script>alert(1)</script>`, "\x1b[31mred\x1b[0m\x07", "\u202egnp.exe", "\u2066a\u200b", "=HYPERLINK(\"http://evil\")",
		"+1+1", "@SUM(A1)", "javascript:alert(1)", "{{constructor}}", "' onmouseover='x", strings.Repeat("A", 8<<10), strings.Repeat("/a", 4<<10), strings.Repeat("é", 4<<10), "\xff\xfe", "a\r\nSet-Cookie: x=1", "",
	}
}

func TestHostileTextsAreHarmless(t *testing.T) {
	w := admintest.New(t)
	v := &inventory.Inventory{Version: 1, At: w.Now(), Sites: []inventory.Site{{Name: "acme"}}}
	for i := range 120 {
		text := evil()[i%len(evil())]
		v.Sites[0].Endpoints = append(v.Sites[0].Endpoints, inventory.Endpoint{
			ID: identity.EndpointID(i + 1), Site: "acme", Host: text + fmt.Sprint(i), Method: cutTo(text, 40), Template: "/" + text, Operation: text, State: inventory.Confirmed, Lifecycle: []string{cutTo(text, 64)},
			Auth: inventory.AuthNone, Access: inventory.Read, Purpose: text, Owner: text, Labels: []string{text}, Sensitive: []inventory.Sensitive{{Class: text, Where: text}},
			Requests: 1, FirstSeen: w.Now(), LastSeen: w.Now().Add(-time.Hour), Risk: inventory.Risk{Score: 50}, Detail: &inventory.Detail{},
		})
	}
	w.SetEstate(v)
	s := open(t, w)
	c := w.SignIn(t).Caller
	for _, name := range evil() {
		if _, err := w.Admin.SaveView(t.Context(), c, admin.View{Room: "inventory", Name: cutTo(name, 60), Query: url.Values{"q": {cutTo(name, 200)}}.Encode()}); err != nil && !strings.Contains(err.Error(), "name") {
			t.Fatal(err)
		}
	}
	paths := []string{
		"/inventory?view=all", "/inventory?group=owner", "/inventory?group=host", "/inventory?group=segment", "/inventory?group=label&open=" + url.QueryEscape(evil()[0]), "/inventory/tree", "/inventory/tree?colour=known",
		"/inventory/views", "/inventory/edit?all=1", "/inventory/changes",
	}
	for _, text := range evil() {
		paths = append(paths, "/inventory?q="+url.QueryEscape(cutTo(text, 256))+"&owner="+url.QueryEscape(cutTo(text, 1024)), "/inventory/tree?prefix="+url.QueryEscape("/"+cutTo(text, 1000)))
	}
	for _, path := range paths {
		code, body, resp := s.do("GET", path, nil)
		if code != http.StatusOK {
			t.Errorf("%.80s: %d", path, code)
		}
		text := regexp.MustCompile(`value="[^"]*"`).ReplaceAllString(body, "") // what was typed stays as it was
		for _, bad := range []string{"<img", "<script>alert", "onmouseover='", "href=\"javascript", "\x1b", "\x07"} {
			if strings.Contains(text, bad) {
				t.Errorf("%.80s holds %q", path, bad)
			}
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) || r == '\u200b' }); i >= 0 {
			t.Errorf("%.80s turns or hides text: %q", path, text[max(0, i-60):i+10])
		}
		if n := len(body); n > 300<<10 {
			t.Errorf("%.80s is %d KiB large", path, n>>10)
		}
		if resp.Header.Get("X") != "" || len(resp.Header.Values("Set-Cookie")) > 1 {
			t.Errorf("%.80s sets headers", path)
		}
	}
	_, body := s.get("/inventory/export?format=csv")
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 121 {
		t.Fatal(len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if first := strings.TrimLeft(cell, " "); first != "" && strings.ContainsAny(first[:1], "=+-@") || strings.ContainsAny(cell, "\x1b\x07\r\u202e") {
				t.Errorf("a spreadsheet would run %.40q", cell)
			}
		}
	}
	for _, f := range []string{"json", "openapi"} {
		if code, body := s.get("/inventory/export?format=" + f); code != http.StatusOK || !strings.HasPrefix(body, "[") && !strings.HasPrefix(body, "{") {
			t.Errorf("%s: %d", f, code)
		}
	}
}

func cutTo(s string, n int) string { return s[:min(len(s), n)] }

// pages are what is measured at 100,000 endpoints.
func pages() []struct{ name, path string } {
	return []struct{ name, path string }{
		{"list", "/inventory?view=all"},
		{"list by risk", "/inventory?sort=risk"},
		{"search", "/inventory?q=invoices+cancel"},
		{"filters", "/inventory?auth=none&risk=40&sensitive=1"},
		{"groups", "/inventory?group=owner&open=team-platform"},
		{"groups of hosts", "/inventory?group=host"},
		{"tree", "/inventory/tree"},
		{"tree of a site", "/inventory/tree?site=acme"},
		{"edit all", "/inventory/edit?all=1"},
		{"export csv", "/inventory/export?format=csv&site=labs&risk=40"},
	}
}

// TestSizeOfPages: however many endpoints there are, a page stays small.
func TestSizeOfPages(t *testing.T) {
	w := admintest.New(t)
	w.SetEstate(made(100_000, w.Now()))
	s := open(t, w)
	for _, p := range pages() {
		code, body := s.get(p.path)
		if code != http.StatusOK || len(body) > 300<<10 && !strings.HasPrefix(p.name, "export") {
			t.Errorf("%s: %d, %d KiB", p.name, code, len(body)>>10)
		}
		if n := strings.Count(body, `<rect class="b"`); n > 400 {
			t.Errorf("%s draws %d boxes", p.name, n)
		}
	}
}

// cpu is the processor's time that this process has used: on a machine that does other things, too, it says more than the
// clock on the wall.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPages is the time for each page at 100,000 endpoints, the client's share included, and what is sent before and
// after compression.
func BenchmarkPages(b *testing.B) {
	w := admintest.New(b)
	w.SetEstate(made(100_000, w.Now()))
	s := open(b, w)
	for _, p := range pages() {
		b.Run(p.name, func(b *testing.B) {
			_, packed, _ := s.do("GET", p.path, nil, "Accept-Encoding", "gzip")
			var body string
			b.ReportAllocs()
			from := cpu(b)
			for b.Loop() {
				_, body = s.get(p.path)
			}
			b.ReportMetric(float64((cpu(b)-from).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(len(body))/1024, "KiB")
			b.ReportMetric(float64(len(packed))/1024, "KiB-sent")
		})
	}
}

// BenchmarkFirstPage is what the first page after a distillation costs.
func BenchmarkFirstPage(b *testing.B) {
	w := admintest.New(b)
	v := made(100_000, w.Now())
	w.SetEstate(v)
	s := open(b, w)
	from := cpu(b)
	for b.Loop() {
		next := *v
		w.SetEstate(&next)
		s.get("/inventory?view=all")
	}
	b.ReportMetric(float64((cpu(b)-from).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkEditAll is a change of every endpoint there is, and its undoing.
func BenchmarkEditAll(b *testing.B) {
	w := admintest.New(b)
	w.SetEstate(made(100_000, w.Now()))
	c := w.SignIn(b).Caller
	from := cpu(b)
	for b.Loop() {
		label := []string{"bulk"}
		batch, err := w.Admin.ApplyEdits(b.Context(), c, admin.Selection{}, admin.EndpointChange{AddLabels: label}, 100_000)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := w.Admin.UndoEdits(b.Context(), c, batch.ID); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-from).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
