package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// span is a stretch of time that charts show.
type span struct {
	Key, Text string
	Length    time.Duration
	Step      time.Duration
}

func spans() []span {
	return []span{
		{"1h", "1 hour", time.Hour, time.Minute}, {"24h", "24 hours", 24 * time.Hour, 10 * time.Minute}, {"7d", "7 days", 7 * 24 * time.Hour, time.Hour},
	}
}

func spanOf(key string) span {
	all := spans()
	for _, s := range all {
		if s.Key == key {
			return s
		}
	}
	return all[0]
}

// overviewView is the first page.
type overviewView struct {
	Status           admin.Status
	Chart            chartData
	Span             span
	All              admin.InventoryPage
	Risky, Newest    []inventory.Endpoint
	Candidates, Open int
	Shadow, Personal int
	Blocks           int
	Now              time.Time
	Listen           string
	SeesBlocks       bool
}

// topRows is how many rows the short lists of the overview have.
const topRows = 6

func (s *server) overview(w http.ResponseWriter, r *http.Request, p *page) error {
	p.Title, p.Active = "Overview", "overview"
	v := overviewView{Status: p.Status, Now: s.Admin.Now(), Listen: listen(p.Status), Span: spanOf(r.URL.Query().Get("span")), SeesBlocks: p.Caller.May(account.SeeStanding)}
	ctx := r.Context()
	var err error
	count := func(q admin.InventoryQuery) (n int) {
		if err != nil {
			return 0
		}
		q.Limit = 1
		var found admin.InventoryPage
		found, err = s.Admin.Inventory(ctx, p.Caller, q)
		return found.Total
	}
	v.Candidates = count(admin.InventoryQuery{State: inventory.Candidate})
	v.Open = count(admin.InventoryQuery{Auth: inventory.AuthNone})
	v.Shadow = count(admin.InventoryQuery{Lifecycle: "shadow"})
	v.Personal = count(admin.InventoryQuery{Sensitive: true})
	if err != nil {
		return err
	}
	if v.All, err = s.Admin.Inventory(ctx, p.Caller, admin.InventoryQuery{Sort: "risk", Limit: topRows}); err != nil {
		return err
	}
	for _, e := range v.All.Endpoints {
		if e.Risk.Score > 0 {
			v.Risky = append(v.Risky, e)
		}
	}
	newest, err := s.Admin.Inventory(ctx, p.Caller, admin.InventoryQuery{Sort: "first_seen", Limit: topRows})
	if err != nil {
		return err
	}
	v.Newest = newest.Endpoints
	if v.SeesBlocks {
		blocks, err := s.Admin.Standing(ctx, p.Caller)
		if err != nil {
			return err
		}
		v.Blocks = len(blocks)
	}
	points, err := s.Admin.Series(ctx, p.Caller, admin.SeriesQuery{From: v.Now.Add(-v.Span.Length), To: v.Now, Step: v.Span.Step})
	if err != nil {
		return err
	}
	v.Chart = newChart(points)
	return s.show(w, r, http.StatusOK, overviewPage(p, v))
}

func endpointLink(id identity.EndpointID) templ.SafeURL {
	return templ.SafeURL("/inventory/" + strconv.FormatUint(uint64(id), 10))
}

func exportLink(site string) templ.SafeURL {
	return templ.SafeURL("/v1/inventory/export?" + url.Values{"format": {"openapi"}, "site": {site}}.Encode())
}

func eventsLink(key, value string) templ.SafeURL {
	return templ.SafeURL("/events?" + url.Values{key: {value}}.Encode())
}

// classes names the classes of sensitive data, each once, and at most so many before the rest is counted.
func classes(all []inventory.Sensitive, most int) (out []string) {
	var names []string
	for _, s := range all {
		if !slices.Contains(names, s.Class) {
			names = append(names, s.Class)
		}
	}
	if len(names) <= most {
		return names
	}
	return append(names[:most:most], "+"+strconv.Itoa(len(names)-most))
}

func warnIf(n int) string {
	if n > 0 {
		return "warn"
	}
	return ""
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// reason is an endpoint's weightiest risk term.
func reason(r inventory.Risk) string {
	best := inventory.RiskTerm{}
	for _, t := range r.Terms {
		if t.Value > best.Value {
			best = t
		}
	}
	return best.Name
}
