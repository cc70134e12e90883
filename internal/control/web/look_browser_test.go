package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	maxShift = 0.1       // cumulative layout shift that people do not notice (web.dev/cls)
	maxBytes = 300 << 10 // a page with all it loads, on the wire, with a cold cache
)

// watcher is put into every page before anything of it runs.
const watcher = `
window.__shift = 0; window.__refused = [];
new PerformanceObserver((l) => { for (const e of l.getEntries()) if (!e.hadRecentInput) window.__shift += e.value; }).observe({ type: "layout-shift", buffered: true });
document.addEventListener("securitypolicyviolation", (e) => window.__refused.push(e.effectiveDirective + " " + e.blockedURI));`

// settled waits for what a page does after it was loaded: fonts, live charts, the live list; and two frames for it to be drawn.
const settled = `new Promise((done) => {
  const until = performance.now() + 8000;
  const frames = (n) => n ? requestAnimationFrame(() => frames(n - 1)) : done("");
  const look = () => {
    const chart = document.querySelector("figure[data-series]"), live = document.getElementById("live-state");
    const wait = chart && !chart.querySelector(".live canvas") ? "the live chart" : live && live.dataset.state !== "on" ? "the live list" : "";
    if (!wait) document.fonts.ready.then(() => frames(2));
    else if (performance.now() > until) done(wait);
    else setTimeout(look, 20);
  };
  look();
})`

// axeRun has axe-core look at the page, and lists what is serious or critical, with the first places.
const axeRun = `axe.run(document, { preload: false, resultTypes: ["violations"] }).then((r) => JSON.stringify(
  r.violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => v.id + ": " +
    v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " (" + (n.any[0] || n.all[0] || n.none[0] || {}).message + ")").join("; "))))`

// eyes look at pages in one browser.
type eyes struct {
	ctx  context.Context
	axe  string // axe-core, or "" where it is not there
	mu   sync.Mutex
	said []string // what the browser complains about
	sent []string // addresses that were asked for
	wire int64    // bytes that came
}

// open starts a browser that listens to everything.
func open(t *testing.T) *eyes {
	t.Helper()
	ctx := browserFor(t, 1440, 900, 8*time.Minute)
	e := &eyes{ctx: ctx}
	if b, err := os.ReadFile(filepath.Join("..", "..", "..", "bin", "axe.min.js")); err == nil {
		e.axe = string(b)
	} else {
		t.Log("NO AXE-CORE: nothing looks at accessibility; make deps fetches bin/axe.min.js")
	}
	if err := chromedp.Listen(ctx, e.hear); err != nil {
		t.Fatal(err)
	}
	call(t, ctx, network.Enable, network.EnableParams{})
	call(t, ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	call(t, ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watcher})
	return e
}

func (e *eyes) hear(ev any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		e.said = append(e.said, "exception: "+ev.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == "error" || ev.Type == "warning" || ev.Type == "assert" {
			e.said = append(e.said, fmt.Sprintf("console.%s %s", ev.Type, ev.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level == "error" {
			e.said = append(e.said, "log: "+ev.Entry.Text+" "+ev.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		e.sent = append(e.sent, ev.Request.URL)
	case *network.EventDataReceived:
		e.wire += ev.EncodedDataLength
	}
}

// see sets the window's size and the colours that the browser prefers.
func (e *eyes) see(t *testing.T, width, height int64, scheme string) {
	t.Helper()
	call(t, e.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	act(t, e.ctx, "set the size", chromedp.EmulateViewport(width, height))
}

// inspect opens a page and says what is wrong with it: "kind: what". status is that of a page that is meant to fail, or 0.
func (e *eyes) inspect(t *testing.T, origin, path string, status int) (faults []string, bytes int64) {
	t.Helper()
	e.mu.Lock()
	e.said, e.sent, e.wire = nil, nil, 0
	e.mu.Unlock()
	act(t, e.ctx, path, chromedp.Navigate(origin+path), chromedp.WaitReady(`body`))
	if wait := await[string](t, e.ctx, settled); wait != "" {
		faults = append(faults, "wait: "+wait+" did not come")
	}
	if shift := evaluate[float64](t, e.ctx, `window.__shift`); shift >= maxShift {
		faults = append(faults, fmt.Sprintf("shift: %.3f", shift))
	}
	if over := evaluate[float64](t, e.ctx, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
		faults = append(faults, fmt.Sprintf("width: %v pixels out of the window", over))
	}
	if refused := evaluate[string](t, e.ctx, `window.__refused.join(", ")`); refused != "" {
		faults = append(faults, "policy: "+refused)
	}
	e.mu.Lock()
	for _, text := range e.said {
		if status != 0 && strings.Contains(text, fmt.Sprintf("status of %d", status)) && strings.HasSuffix(text, path) {
			continue // the page itself was meant to be refused
		}
		faults = append(faults, "console: "+text)
	}
	for _, url := range e.sent {
		if !strings.HasPrefix(url, origin+"/") && !strings.HasPrefix(url, "data:") {
			faults = append(faults, "origin: "+url)
		}
	}
	bytes = e.wire
	e.mu.Unlock()
	if bytes >= maxBytes {
		faults = append(faults, fmt.Sprintf("bytes: %d", bytes))
	}
	if e.axe != "" {
		act(t, e.ctx, "load axe-core", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](e.axe+";true"))
			return err
		}))
		var found []string
		if err := json.Unmarshal([]byte(await[string](t, e.ctx, axeRun)), &found); err != nil {
			t.Fatal(err)
		}
		for _, v := range found {
			faults = append(faults, "axe: "+v)
		}
	}
	return faults, bytes
}

func call[P, R any](t *testing.T, ctx context.Context, command cdpCommand[P, R], params P) R {
	t.Helper()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await evaluates what promises a value.
func await[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", script[:min(80, len(script))], err)
	}
	return v
}
