package web_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"merlon/internal/control/admin/admintest"
)

// TestBrowserLiveList: rows come as text, never more than 200 stand on the page, and who reads is not disturbed.
func TestBrowserLiveList(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 10)
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
	number := func(js string) int {
		t.Helper()
		n, err := chromedp.Run(ctx, chromedp.Evaluate[int](js))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	do("sign in", chromedp.Navigate(s.URL+"/sign-in"), chromedp.SendKeys(`input[name=name]`, admintest.Name), chromedp.SendKeys(`input[name=password]`, admintest.Password),
		chromedp.Click(`button.primary`), chromedp.WaitVisible(`.app`))
	do("open", chromedp.Navigate(s.URL+"/activity"), chromedp.WaitVisible(`#live-state[data-state=on]`))
	id := w.AddEvent(t, "<img src=x onerror=alert(1)>")
	do("see it", chromedp.WaitVisible(`tr.fresh[data-id="`+id+`"]`))
	if n := number(`document.querySelectorAll("#live img").length`); n != 0 {
		t.Error("a caller's text became an image")
	}
	for i := range 150 {
		id = w.AddEvent(t, "row "+strconv.Itoa(i))
	}
	do("the latest", chromedp.WaitVisible(`tr[data-id="`+id+`"]`))
	if n := number(`document.querySelectorAll("#live tbody tr").length`); n > 200 {
		t.Errorf("%d rows stand on the page", n)
	}
	rows := number(`(window.scrollTo(0, 1500), document.querySelectorAll("#live tbody tr").length)`)
	id = w.AddEvent(t, "while reading")
	do("told of it", chromedp.WaitVisible(`#live-more`))
	if n := number(`document.querySelectorAll("#live tbody tr").length`); n != rows {
		t.Errorf("%d rows became %d under a reader's eyes", rows, n)
	}
	do("go there", chromedp.Click(`#live-more`), chromedp.WaitVisible(`tr[data-id="`+id+`"]`))
	if all := wrong(); len(all) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(all, "; "))
	}
}
