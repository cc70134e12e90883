package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"merlon/internal/control/admin/admintest"
)

// beats takes the clock out of a page: what it would do again and again is kept, for the test to do.
const beats = `window.__beats = []; window.setInterval = (f) => window.__beats.push(f);`

// held is what a page keeps after everything that nobody needs was collected.
type held struct {
	Nodes, Listeners int64
	Heap             float64
}

func (e *eyes) held(t *testing.T) held {
	t.Helper()
	for range 3 {
		call(t, e.ctx, heapprofiler.CollectGarbage, cdp.Empty{})
	}
	dom, heap := call(t, e.ctx, memory.GetDOMCounters, cdp.Empty{}), call(t, e.ctx, runtime.GetHeapUsage, cdp.Empty{})
	return held{dom.Nodes, dom.JsEventListeners, heap.UsedSize}
}

// bounded wants a page to keep no more after many updates than after some.
func bounded(t *testing.T, what string, some, many held) {
	t.Helper()
	t.Logf("%s: %+v, then %+v", what, some, many)
	if many.Nodes > some.Nodes+some.Nodes/10+100 || many.Listeners > some.Listeners+some.Listeners/10+20 || many.Heap > some.Heap*1.1+512<<10 {
		t.Errorf("%s grows: %+v, then %+v", what, some, many)
	}
}

// TestLivePagesDoNotGrow counts updates instead of waiting for an hour: the live list takes more rows than it may hold, and
// then as many again; the chart of the overview is drawn as often as in an
// hour, and as often again.
func TestLivePagesDoNotGrow(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	in := w.SignIn(t)
	origin := local(serve(t, w).URL)
	e := open(t)
	e.see(t, 1440, 900, "light")
	call(t, e.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: beats})
	enter(t, e, in.Secret, origin)

	act(t, e.ctx, "the live list", chromedp.Navigate(origin+"/activity"), chromedp.WaitVisible(`#live-state[data-state=on]`))
	more := func(batches int) held {
		for range batches {
			var last string
			for range 10 {
				last = w.AddEvent(t, "a caller")
			}
			act(t, e.ctx, "rows come", chromedp.WaitReady(fmt.Sprintf(`tr[data-id="%s"]`, last)))
		}
		return e.held(t)
	}
	some := more(25)
	many := more(50)
	if rows := evaluate[int](t, e.ctx, `document.querySelectorAll("#live tbody tr").length`); rows > 200 {
		t.Errorf("the list holds %d rows", rows)
	}
	bounded(t, "the live list after 250 and 750 rows", some, many)

	for _, at := range []string{"/?span=1h"} {
		act(t, e.ctx, at, chromedp.Navigate(origin+at), chromedp.WaitReady(`.live canvas`))
		n := evaluate[int](t, e.ctx, `window.__beats.length`)
		if n < 2 {
			t.Fatalf("%s beats %d times only: its chart does not follow", at, n)
		}
		beat := func(rounds int) held {
			await[bool](t, e.ctx, fmt.Sprintf(`(async () => { for (let i = 0; i < %d; i++) for (const f of window.__beats) await f(); return true; })()`, rounds))
			return e.held(t)
		}
		some := beat(360) // once in ten seconds, the shortest there is
		bounded(t, "the chart of "+at+" after 360 and 720 updates", some, beat(360))
	}
}
