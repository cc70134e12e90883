package estate_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"merlon/internal/control/admin/admintest"
)

// TestSearchAsYouType: results follow the keys without a new page, the address follows them, filters and groups do the same,
// the keyboard alone gets everywhere, and the browser has nothing to complain about.
func TestSearchAsYouType(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NO CHROMIUM: the pages were not opened in a browser; install the package chromium")
	}
	w := admintest.New(t)
	w.SetEstate(made(3000, w.Now()))
	s := open(t, w)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900))...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	var complaints []string
	if err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Level == "error" {
				complaints = append(complaints, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v (%v)", what, err, complaints)
		}
	}
	text := func(js string) string {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](js))
		if err != nil {
			t.Fatalf("%s: %v", js, err)
		}
		return got
	}
	do("sign in", chromedp.Navigate(s.server.URL+"/sign-in"), chromedp.WaitVisible(`input[name=password]`),
		chromedp.SendKeys(`input[name=name]`, admintest.Name), chromedp.SendKeys(`input[name=password]`, admintest.Password),
		chromedp.Click(`button.primary`), chromedp.WaitVisible(`.side nav`))
	do("open", chromedp.Navigate(s.server.URL+"/inventory?auth=none"), chromedp.WaitVisible(`table.endpoints`))
	text(`window.same = "yes"`)
	do("type", chromedp.SendKeys(`#find input[name=q]`, "invoices"), chromedp.WaitVisible(`#pick input[name=back][value*="q=invoices"] ~ .scroll`))
	if got := text(`location.search`); got != "?auth=none&q=invoices" {
		t.Errorf("the address is %s", got)
	}
	if got := text(`document.activeElement.name + " " + document.querySelector("#find input[name=q]").value`); got != "q invoices" {
		t.Errorf("the focus is on %s", got)
	}
	do("filter", chromedp.Click(`.rail a[href*="site=acme"]`), chromedp.WaitVisible(`.rail a[aria-current][id^="f-site-"]`))
	if got := text(`location.search`); got != "?auth=none&q=invoices&site=acme" {
		t.Errorf("the address is %s", got)
	}
	// Typing goes on from the filter that was just set.
	do("type on", chromedp.SendKeys(`#find input[name=q]`, " v1"), chromedp.WaitVisible(`#pick input[name=back][value*="v1"] ~ .scroll`))
	if got := text(`location.search`); got != "?auth=none&q=invoices+v1&site=acme" {
		t.Errorf("the address is %s", got)
	}
	if got := text(`document.querySelector("#count").textContent`); !strings.Contains(got, " of ") {
		t.Errorf("the count says %s", got)
	}
	do("take it away by keyboard", chromedp.Focus(`.rail a[aria-current][id^="f-site-"]`), chromedp.KeyEvent(kb.Enter), chromedp.WaitNotPresent(`.rail a[aria-current][id^="f-site-"]`))
	if got := text(`document.activeElement.id.slice(0, 7)`); got != "f-site-" {
		t.Errorf("the focus went to %s", got)
	}
	do("pick", chromedp.Click(`#pick tbody tr:first-child input[name=id]`), chromedp.WaitEnabled(`[data-picked]`))
	if got := text(`document.querySelector("[data-picked]").textContent`); got != "Edit 1 selected" {
		t.Errorf("the button says %s", got)
	}
	if got := text(`window.same`); got != "yes" {
		t.Error("the page was loaded anew")
	}
	do("edit", chromedp.Click(`[data-picked]`), chromedp.WaitVisible(`#edit input[name=owner]`), chromedp.SendKeys(`#edit input[name=owner]`, "team-x"+kb.Enter),
		chromedp.WaitVisible(`button[value=apply]`), chromedp.Click(`button[value=apply]`), chromedp.WaitVisible(`.notice.ok form button`))
	do("undo", chromedp.Click(`.notice.ok form button`), chromedp.WaitVisible(`.crumb`))
	do("group", chromedp.Navigate(s.server.URL+"/inventory?group=owner"), chromedp.WaitVisible(`table.groups`), chromedp.Click(`.groups tbody tr:first-child a.fold`), chromedp.WaitVisible(`.inside .endpoints`))
	do("tree", chromedp.Navigate(s.server.URL+"/inventory/tree"), chromedp.WaitReady(`svg.tree a`), chromedp.Focus(`svg.tree a`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(`.trail li:nth-child(2)`))
	if got := text(`location.search`); !strings.Contains(got, "site=") {
		t.Errorf("a box leads to %s", got)
	}
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %v", complaints)
	}
}
