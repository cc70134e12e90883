package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"merlon/internal/control/admin/admintest"
)

// keys works a page with nothing but keys.
type keys struct {
	t *testing.T
	*eyes
}

func (k keys) press(text string) {
	k.t.Helper()
	act(k.t, k.ctx, "press "+text, chromedp.KeyEvent(text))
}

// to presses the tabulator until what has the focus is what was looked for, and looks whether the focus can be seen.
func (k keys) to(selector string) {
	k.t.Helper()
	for range 250 {
		k.press(kb.Tab)
		if evaluate[bool](k.t, k.ctx, `document.activeElement.matches(`+quoted(selector)+`)`) {
			if !evaluate[bool](k.t, k.ctx, `(() => { const a = document.activeElement, s = getComputedStyle(a); return a.matches(":focus-visible") && (s.outlineStyle !== "none" || s.boxShadow !== "none" || s.borderColor !== ""); })()`) {
				k.t.Errorf("nobody sees that %s has the focus", selector)
			}
			return
		}
	}
	k.t.Fatalf("the tabulator never comes to %s", selector)
}

// place goes to a place by its keys, when the scripts of the page have run.
func (k keys) place(letter string) {
	k.t.Helper()
	await[bool](k.t, k.ctx, `new Promise((done) => document.readyState === "complete" ? done(true) : addEventListener("load", () => done(true)))`)
	k.press("g" + letter)
}

// search goes to the search of the page by its key, and types. A key that a page takes for itself must not be typed as well:
// it is sent as one event that makes the character, as a keyboard does.
func (k keys) search(text string) {
	k.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
		p := input.DispatchKeyEventParams{Type: kind, Key: "/", Code: "Slash", WindowsVirtualKeyCode: 191}
		if kind == "keyDown" {
			p.Text = "/"
		}
		call(k.t, k.ctx, input.DispatchKeyEvent, p)
	}
	k.press(text)
}

func (k keys) wait(selector string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(selector)); err != nil {
		k.t.Fatalf("%s does not come on %s: %v", selector, evaluate[string](k.t, k.ctx, `location.href + " with the focus on " + document.activeElement.outerHTML.slice(0, 200)`), err)
	}
}

func (k keys) text(selector string) string {
	k.t.Helper()
	return evaluate[string](k.t, k.ctx, `document.querySelector(`+quoted(selector)+`).innerText`)
}

func quoted(s string) string { return "`" + s + "`" }

// TestKeyboardAlone does the main tasks with key events only: after the address was opened, nothing is clicked, focused or
// navigated to by the test.
func TestKeyboardAlone(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	w.SignIn(t)
	origin := local(serve(t, w).URL)
	k := keys{t, open(t)}
	k.see(t, 1440, 900, "light")
	act(t, k.ctx, "open the door", chromedp.Navigate(origin+"/"))

	// Sign in: the first field has the focus.
	k.wait(`input[name=password]`)
	k.press(admintest.Name + kb.Tab + admintest.Password + kb.Enter)
	k.wait(`.tiles`)

	// Take the tour away.
	k.wait(`.tour`)
	k.to(`.tour button.ghost`)
	k.press(kb.Enter)
	act(t, k.ctx, "the tour goes", chromedp.WaitNotPresent(`.tour`))

	// Find an endpoint by search, and open it.
	k.place("i")
	k.wait(`table.endpoints`)
	k.search("adjust")
	k.wait(`#pick input[name=back][value*="q=adjust"] ~ .scroll`)
	k.to(`a.endpoint`)
	k.press(kb.Enter)
	k.wait(`form[action="/blocks"], [data-series], .schema`)
	if got := k.text("h1"); !strings.HasSuffix(got, "/adjust") {
		t.Fatalf("opened %q", got)
	}

	// Block it, and take the block back.
	at := evaluate[string](t, k.ctx, `location.pathname`)
	k.to(`details:has(form[action="/blocks"]) > summary`)
	k.press(kb.Enter)
	k.to(`form[action="/blocks"] input[name=why]`)
	k.press("tried with keys" + kb.Enter)
	k.wait(`form[action^="/blocks/"][action$="/remove"]`)
	if s := w.Standing(); len(s.Entries) != 1 || s.Entries[0].Value != strings.TrimPrefix(at, "/inventory/") {
		t.Fatalf("the engine was told %+v", s)
	}
	k.to(`form[action^="/blocks/"][action$="/remove"] button`)
	k.press(kb.Enter)
	act(t, k.ctx, "the block goes", chromedp.WaitNotPresent(`form[action^="/blocks/"][action$="/remove"]`))
	if s := w.Standing(); len(s.Entries) != 0 {
		t.Fatalf("the engine still holds %+v", s)
	}

	// Filter events, and open one.
	k.place("a")
	k.wait(`#live-state[data-state=on]`)
	k.search("wire.conflicting-length" + kb.Enter)
	k.wait(`a.condition[title*="wire.conflicting-length"]`)
	k.to(`tbody a.time`)
	k.press(kb.Enter)
	k.wait(`.finding`)

	// Keep a view of the inventory.
	k.place("i")
	k.wait(`table.endpoints`)
	k.to(`.rail a[href*="auth=none"]`)
	k.press(kb.Enter)
	k.wait(`.chip`)
	k.press(kb.Escape)
	k.to(`details.menu:has(#keep) > summary`)
	k.press(kb.Enter)
	k.to(`#view-name`)
	k.press("open doors" + kb.Enter)
	k.wait(`details.menu:has(#keep) > summary`)
	if views := evaluate[string](t, k.ctx, `[...document.querySelectorAll(".pop.views > a")].map((a) => a.textContent).join()`); !strings.Contains(views, "open doors") {
		t.Errorf("the views are %q", views)
	}
	if len(k.said) > 0 {
		t.Errorf("the browser complains: %q", k.said)
	}
}
