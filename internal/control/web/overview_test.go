package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin/admintest"
)

// TestSinceYouLastLooked: what is new stands there until it is marked as read, and for nobody else less.
func TestSinceYouLastLooked(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	_, body := v.get("/")
	if !strings.Contains(body, "In the last day") || !strings.Contains(body, "new endpoint") {
		t.Fatalf("at first: %s", excerpt(body, "news"))
	}
	at := regexp.MustCompile(`name="at" value="(\d+)"`).FindStringSubmatch(body)
	if at == nil {
		t.Fatal("nothing to mark")
	}
	if code, body := v.post("/", "/looked", url.Values{"at": {at[1]}}); code != 200 || !strings.Contains(body, "Since you last looked") || !strings.Contains(body, "Nothing changed") {
		t.Errorf("marked: %d %s", code, excerpt(body, "news"))
	}
	w.Wait(time.Minute)
	w.AddEvent(t, "late")
	if _, body := v.get("/"); !strings.Contains(body, "Since you last looked") {
		t.Error(excerpt(body, "news"))
	}
	for _, wrong := range []string{"", "-1", "9999999999999999999999", "now"} {
		if code, _ := v.post("/", "/looked", url.Values{"at": {wrong}}); code != 200 {
			t.Errorf("at %q: %d", wrong, code)
		}
	}
}

func excerpt(body, around string) string {
	i := max(strings.Index(body, around), 0)
	return body[i:min(len(body), i+1500)]
}

// TestTheme: the choice is a form, holds for this browser, and leads back to the page it was made on.
func TestTheme(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	if _, body := v.get("/inventory"); strings.Contains(body, "data-theme") {
		t.Error("a theme without a choice")
	}
	for theme, attribute := range map[string]string{"dark": `data-theme="dark"`, "light": `data-theme="light"`} {
		if code, body := v.post("/inventory", "/theme", url.Values{"theme": {theme}, "back": {"/inventory?q=a&done=edited"}}); code != 200 || !strings.Contains(body, attribute) || !strings.Contains(body, `value="/inventory?q=a"`) {
			t.Errorf("%s: %d %s", theme, code, excerpt(body, "theme"))
		}
	}
	if _, body := v.post("/", "/theme", url.Values{"theme": {`"><script>`}, "back": {"/"}}); strings.Contains(body, "data-theme") {
		t.Error("anything else is no choice")
	}
	v.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	_, page := v.get("/inventory")
	csrf := token.FindStringSubmatch(page)[1]
	for back, want := range map[string]string{"https://evil.example/": "/", "//evil.example": "/", "/inventory#x": "/inventory", "%zz": "/", "": "/"} {
		_, _, resp := v.send("POST", "/theme", url.Values{"csrf": {csrf}, "theme": {"dark"}, "back": {back}}, nil)
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("back to %q leads to %q, want %q", back, got, want)
		}
	}
	if code, _, _ := v.send("POST", "/theme", url.Values{"theme": {"dark"}}, nil); code != http.StatusForbidden {
		t.Errorf("without proof: %d", code)
	}
}

// TestPageSize: a page of a large estate with everything it loads is below 300 KB on the wire, and was made in good time.
func TestPageSize(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5000)
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	loads := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)
	gzip := http.Header{"Accept-Encoding": {"gzip"}}
	for _, path := range []string{"/", "/inventory", "/inventory?sort=risk&page=3", "/inventory/5", "/activity", "/policy", "/people"} {
		_, plain := v.get(path)
		code, body, resp := v.send("GET", path, nil, gzip)
		if code == http.StatusNotFound {
			continue // a place that is not there
		}
		sum := len(body)
		for _, m := range loads.FindAllStringSubmatch(plain, -1) {
			_, asset, _ := v.send("GET", m[1], nil, gzip)
			sum += len(asset)
		}
		if strings.Contains(plain, "series.js") {
			sum += 24 << 10 // uplot.min.js, which that loads
		}
		if resp.Header.Get("Content-Encoding") != "gzip" || sum > 300<<10 {
			t.Errorf("%s: %d bytes, %d in all, encoding %q", path, len(body), sum, resp.Header.Get("Content-Encoding"))
		}
		t.Logf("%s: %d bytes plain, %d compressed, %d with what it loads", path, len(plain), len(body), sum)
	}
}

// TestNotCompressedForOthers: a page that another site asked for goes as it is, so its length tells nothing of what is in it.
func TestNotCompressedForOthers(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 50)
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	for from, want := range map[string]string{"same-origin": "gzip", "none": "gzip", "": "gzip", "cross-site": "", "same-site": ""} {
		header := http.Header{"Accept-Encoding": {"gzip"}}
		if from != "" {
			header.Set("Sec-Fetch-Site", from)
		}
		if _, _, resp := v.send("GET", "/inventory", nil, header); resp.Header.Get("Content-Encoding") != want {
			t.Errorf("asked for by %q: %q", from, resp.Header.Get("Content-Encoding"))
		}
	}
}
