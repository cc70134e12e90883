package activity

import (
	"fmt"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
)

// graphSteps is how many bars the list's histogram has: as many as can be hit with a finger on a small screen, twice.
const graphSteps = 60

// graph is the list over time as drawn in a box of 600 by 64: each bar leads to its time.
type graph struct {
	Bars         []graphBar
	From, To     string
	Peak         string
	Total        string
	Refused      string
	Note         string // what is not counted, or only roughly
	Out          templ.SafeURL
	Label        string
	Zoomed, Drew bool
}

type graphBar struct {
	Link       templ.SafeURL
	X, W       string
	Y, H       string // all
	BadY, BadH string // refused
	Title      string
	Any, Bad   bool
	Count      int
}

const graphWidth, graphHeight = 600.0, 64.0

func newGraph(h admin.EventHistogram, f filter) graph {
	g := graph{Drew: h.Total > 0, Zoomed: f.Get("since") != "" || f.Get("until") != "", Out: f.without("since", "until")}
	if len(h.Events) == 0 {
		return g
	}
	most, bad := 1, 0
	for i, n := range h.Events {
		most, bad = max(most, n), bad+h.Refused[i]
	}
	layout := "15:04:05"
	if whole := h.Step * time.Duration(len(h.Events)); whole > 48*time.Hour {
		layout = "2 Jan 15:04"
	} else if whole > time.Hour {
		layout = "15:04"
		if whole > 20*time.Hour {
			layout = "2 Jan 15:04"
		}
	}
	end := h.From.Add(h.Step * time.Duration(len(h.Events)))
	g.From, g.To, g.Peak = h.From.Format(layout), end.Format(layout)+" UTC", ui.Short(uint64(most))
	g.Total, g.Refused = ui.Count(uint64(h.Total)), ui.Count(uint64(bad))
	g.Label = fmt.Sprintf("%d events, %d of them blocked, from %s to %s", h.Total, bad, g.From, g.To)
	switch {
	case !h.Since.IsZero():
		g.Note = "counted back to " + ui.Stamp(h.Since)
	case h.Approximate:
		g.Note = "counted roughly: one of the conditions is on values that are only kept with the events"
	}
	width := graphWidth / float64(len(h.Events))
	for i, n := range h.Events {
		from := h.From.Add(h.Step * time.Duration(i))
		high, low := graphHeight*float64(n)/float64(most), graphHeight*float64(h.Refused[i])/float64(most)
		if n > 0 {
			high = max(high, 1.5)
		}
		if h.Refused[i] > 0 {
			low = max(low, 1.5)
		}
		out := f.clone()
		out.Set("since", from.UTC().Format(time.RFC3339Nano))
		out.Set("until", from.Add(h.Step).UTC().Format(time.RFC3339Nano))
		title := fmt.Sprintf("%s UTC: %s", from.Format(layout), ui.Plural(n, "event", "events"))
		if h.Refused[i] > 0 {
			title += fmt.Sprintf(", %d blocked", h.Refused[i])
		}
		g.Bars = append(g.Bars, graphBar{
			Link: out.link(), X: px(float64(i) * width), W: px(width - 1.5), Y: px(graphHeight - high), H: px(high), BadY: px(graphHeight - low), BadH: px(low),
			Title: title, Any: n > 0, Bad: h.Refused[i] > 0, Count: n,
		})
	}
	return g
}

func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
