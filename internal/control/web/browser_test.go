package web_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"merlon/internal/control/admin/admintest"
)

// browser starts Chromium, or skips loudly.
func browser(t *testing.T, width, height int) context.Context {
	t.Helper()
	return browserFor(t, width, height, 2*time.Minute)
}

// browserFor is browser with a time of its own.
func browserFor(t *testing.T, width, height int, atMost time.Duration) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NO CHROMIUM: the pages were not opened in a browser; install the package chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(width, height), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, atMost)
	t.Cleanup(cancel)
	return ctx
}

// shoot keeps a picture of the page in $MERLON_SCREENSHOTS, when that is set.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("MERLON_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// complaints collects what the browser complains about: scripts that fail, and what the Content-Security-Policy refused.
func complaints(t *testing.T, ctx context.Context) func() []string {
	t.Helper()
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Level == "error" {
				all = append(all, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), all...)
	}
}

func TestBrowserFirstVisit(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 60)
	s := serve(t, w)
	token, needed, err := w.Admin.NewSetup(t.Context())
	if err != nil || !needed {
		t.Fatal(token, needed, err)
	}
	ctx := browser(t, 1400, 900)
	wrong := complaints(t, ctx)
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	text := func(sel string) string {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector(`+strconv.Quote(sel)+`).innerText`))
		if err != nil {
			t.Fatalf("%s: %v", sel, err)
		}
		return got
	}

	do("open the set-up link", chromedp.Navigate(s.URL+"/setup?token="+token), chromedp.WaitVisible(`input[name=again]`))
	shoot(t, ctx, "setup")
	do("create the account", chromedp.SendKeys(`input[name=name]`, admintest.Name), chromedp.SendKeys(`input[name=password]`, admintest.Password),
		chromedp.SendKeys(`input[name=again]`, admintest.Password), chromedp.Click(`button.primary`), chromedp.WaitVisible(`.tiles`))
	if got := text(".notice.ok"); !strings.Contains(got, "Welcome") {
		t.Errorf("after set-up: %q", got)
	}
	shoot(t, ctx, "overview")

	do("open the inventory", chromedp.Click(`.side nav a[href="/inventory"]`), chromedp.WaitVisible(`table.list`))
	if got := text("table.list tbody"); !strings.Contains(got, "/v2/patients/{patientId}") {
		t.Errorf("inventory: %q", got)
	}
	shoot(t, ctx, "inventory")

	do("open an endpoint", chromedp.Click(`a.endpoint[href="/inventory/5"]`), chromedp.WaitVisible(`.schema`))
	if got := text("h1"); got != "/v2/patients/{patientId}/records" {
		t.Errorf("endpoint: %q", got)
	}
	shoot(t, ctx, "endpoint")

	do("block it", chromedp.Click(`#act details:last-of-type summary`), chromedp.WaitVisible(`#act input[name=why]`),
		chromedp.SendKeys(`#act form[action="/blocks"] input[name=why]`, "leaks records"))
	shoot(t, ctx, "endpoint-block")
	do("send it", chromedp.Click(`#act form[action="/blocks"] button.danger`), chromedp.WaitVisible(`.notice.warn`))
	if got := text(".notice.warn"); !strings.Contains(got, "leaks records") {
		t.Errorf("after the block: %q", got)
	}
	standing := w.Standing()
	if len(standing.Entries) != 1 || standing.Entries[0].Value != "5" || standing.Entries[0].By != admintest.Name {
		t.Errorf("the engine was told %+v", standing)
	}

	do("open the blocks", chromedp.Navigate(s.URL+"/blocks"), chromedp.WaitVisible(`table.list`))
	shoot(t, ctx, "blocks")
	do("open the events", chromedp.Navigate(s.URL+"/events"), chromedp.WaitVisible(`#live-state[data-state=on]`))
	shoot(t, ctx, "events")
	w.AddEvent(t, "<img src=x onerror=alert(1)>")
	do("see a new event", chromedp.WaitVisible(`tr.fresh`))
	if got := text("tr.fresh .template"); got != "/<img src=x onerror=alert(1)>" {
		t.Errorf("live row: %q", got)
	}
	do("open an event", chromedp.Navigate(s.URL+"/events/"+w.EventID(t, "wire.conflicting-length")), chromedp.WaitVisible(`.finding`))
	shoot(t, ctx, "event")
	do("sign out", chromedp.Click(`.side .me button`), chromedp.WaitVisible(`input[autocomplete=current-password]`))
	shoot(t, ctx, "sign-in")
	if all := wrong(); len(all) > 0 {
		t.Errorf("the browser complains: %q", all)
	}
}

// TestBrowserFits opens every page on a telephone and on a desk, light and dark: nothing may run out of the window
// sideways, and the colours must follow what the browser prefers.
func TestBrowserFits(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	s := serve(t, w)
	w.SignIn(t)
	pages := map[string]string{
		"overview": "/", "overview-24h": "/?span=24h", "inventory": "/inventory?sort=risk", "endpoint": "/inventory/3", "events": "/events", "event": "/events/" + w.EventID(t, "wire.conflicting-length"), "blocks": "/blocks", "missing": "/nothing",
	}
	for _, look := range []struct {
		name          string
		width, height int
		dark          bool
	}{{"desk-dark", 1440, 900, true}, {"phone", 390, 844, false}} {
		t.Run(look.name, func(t *testing.T) {
			ctx := browser(t, look.width, look.height)
			scheme := "light"
			if look.dark {
				scheme = "dark"
			}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}); err != nil {
				t.Fatal(err)
			}
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(look.width), int64(look.height)), chromedp.Navigate(s.URL+"/sign-in"),
				chromedp.SendKeys(`input[name=name]`, admintest.Name), chromedp.SendKeys(`input[name=password]`, admintest.Password),
				chromedp.Click(`button.primary`), chromedp.WaitVisible(`.tiles`)); err != nil {
				t.Fatal(err)
			}
			for name, path := range pages {
				if err := chromedp.Do(ctx, chromedp.Navigate(s.URL+path)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				over, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - window.innerWidth`))
				if err != nil || over > 0 {
					t.Errorf("%s runs %d pixels out of the window (%v)", name, over, err)
				}
				light, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`getComputedStyle(document.body.parentElement).backgroundColor.match(/\d+/)[0] > 128`))
				if err != nil || light == look.dark {
					t.Errorf("%s is light: %v (%v)", name, light, err)
				}
				shoot(t, ctx, look.name+"-"+name)
			}
		})
	}
}

// TestBrowserOverview: the live chart takes the place of the drawn one and nothing moves; keys lead where they say; the menu
// of small screens opens without a script.
func TestBrowserOverview(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 60)
	s := serve(t, w)
	w.SignIn(t)
	ctx := browser(t, 1440, 900)
	wrong := complaints(t, ctx)
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	do("sign in", chromedp.Navigate(s.URL+"/sign-in"), chromedp.SendKeys(`input[name=name]`, admintest.Name),
		chromedp.SendKeys(`input[name=password]`, admintest.Password), chromedp.Click(`button.primary`), chromedp.WaitVisible(`.tiles`))
	for _, width := range []int64{1440, 390} {
		do("open the overview", chromedp.EmulateViewport(width, 900), chromedp.Navigate(s.URL+"/"), chromedp.WaitVisible(`.tiles`))
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.shift = 0; new PerformanceObserver((l) => l.getEntries().forEach((e) => (shift += e.value))).observe({ type: "layout-shift", buffered: true }); true`)); err != nil {
			t.Fatal(err)
		}
		do("wait for the live charts", chromedp.WaitVisible(`[data-plot=bad] .u-wrap canvas`))
		shift, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`shift`))
		if err != nil || shift > .001 {
			t.Errorf("at %d pixels the page moves by %.4f (%v)", width, shift, err)
		}
	}
	shoot(t, ctx, "overview-phone")
	do("the menu", chromedp.Click(`.bar summary`), chromedp.WaitVisible(`.sheet a[href="/inventory"]`))
	do("the keys", chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.URL+"/"), chromedp.WaitVisible(`.tiles`), chromedp.KeyEvent("?"), chromedp.WaitVisible(`#keys[open]`))
	shoot(t, ctx, "keys")
	do("to the inventory", chromedp.KeyEvent("\u001b"), chromedp.WaitNotVisible(`#keys`), chromedp.KeyEvent("g"), chromedp.KeyEvent("i"), chromedp.WaitVisible(`input[type=search]`))
	do("to the search", chromedp.KeyEvent("/"))
	at, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.activeElement.type`))
	if err != nil || at != "search" {
		t.Errorf("/ leads to %q %v", at, err)
	}
	if all := wrong(); len(all) > 0 {
		t.Errorf("the browser complains: %q", all)
	}
}
