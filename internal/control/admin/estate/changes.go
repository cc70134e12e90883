package estate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"merlon/internal/model/inventory"
)

// Changes is what happened to endpoints since a moment. Ignored ones are left out.
type Changes struct {
	// New were first seen, Confirmed got enough independent callers, Changed differ from what they were. An endpoint
	// counts in each that applies.
	New, Confirmed, Changed int
	// Risky are those of them whose risk is medium or worse.
	Risky int
	// List is the worst and latest of them.
	List []Changed
}

// Any tells whether anything happened.
func (c *Changes) Any() bool { return c.New+c.Confirmed+c.Changed > 0 }

// Changed is an endpoint with what happened to it, in words, and when that last was.
type Changed struct {
	Endpoint inventory.Endpoint // without Detail
	What     []string
	At       time.Time
}

// riskyFrom is the score from which a change is worth saying first: medium.
const riskyFrom = 20

// Words of the history that are no change of what the endpoint is.
const (
	firstSeen = "first seen"
	confirmed = "confirmed"
)

// Changes are what happened since a moment, in these sites (all where none is named), with a list of most at most: by risk,
// then the latest first.
func (x *Index) Changes(since time.Time, within []string, most int) (out Changes) {
	if x == nil {
		return out
	}
	var in []bool
	if len(within) > 0 {
		in = x.within(within)
	}
	var worst []touched
	for row, e := range x.rows {
		if e.Ignored || len(in) > 0 && !in[x.dims[Site].codes[row]] {
			continue
		}
		t, ok := touch(e, since)
		if !ok {
			continue
		}
		out.count(e, t.history)
		worst = keep(worst, t, most)
	}
	for i := len(worst) - 1; i >= 0; i-- {
		out.List = append(out.List, worst[i].told())
	}
	return out
}

// keep puts t into its place among the worst, of which there are most at most: ascending, so that the first is the next to go.
func keep(worst []touched, t touched, most int) []touched {
	if most < 1 || len(worst) == most && t.before(worst[0]) >= 0 {
		return worst
	}
	if len(worst) == most {
		worst = slices.Delete(worst, 0, 1)
	}
	i := 0
	for i < len(worst) && worst[i].before(t) > 0 {
		i++
	}
	return slices.Insert(worst, i, t)
}

// touched is an endpoint with the part of its history that is news; an empty one where only the time first seen is known.
type touched struct {
	e       *inventory.Endpoint
	history []inventory.Change
	at      time.Time
}

// touch finds the news of an endpoint. A history is in the order of time.
func touch(e *inventory.Endpoint, since time.Time) (t touched, ok bool) {
	if e.Detail != nil {
		h := e.Detail.History
		from := len(h)
		for from > 0 && h[from-1].At.After(since) {
			from--
		}
		if from < len(h) {
			return touched{e, h[from:], h[len(h)-1].At}, true
		}
	}
	if e.FirstSeen.After(since) { // its history was cut, or is not known
		return touched{e, nil, e.FirstSeen}, true
	}
	return t, false
}

// before orders by risk where it matters, so that among the harmless the latest comes first.
func (t touched) before(o touched) int {
	risk := func(e *inventory.Endpoint) float64 {
		if e.Risk.Score < riskyFrom {
			return 0
		}
		return e.Risk.Score
	}
	return cmp.Or(cmp.Compare(risk(o.e), risk(t.e)), o.at.Compare(t.at), cmp.Compare(t.e.ID, o.e.ID))
}

// told is what happened in words.
func (t touched) told() Changed {
	c := Changed{Endpoint: *t.e, At: t.at}
	c.Endpoint.Detail = nil
	for _, h := range t.history {
		if !slices.Contains(c.What, h.What) {
			c.What = append(c.What, h.What)
		}
	}
	if len(c.What) == 0 {
		c.What = []string{firstSeen}
	}
	if slices.Contains(c.What, firstSeen) && slices.Contains(t.e.Lifecycle, "shadow") {
		c.What = append(c.What, "in no description")
	}
	return c
}

// count adds one endpoint.
func (c *Changes) count(e *inventory.Endpoint, history []inventory.Change) {
	var born, sure, others bool
	for i := range history {
		switch history[i].What {
		case firstSeen:
			born = true
		case confirmed:
			sure = true
		default:
			others = true
		}
	}
	for _, n := range [...]struct {
		is bool
		to *int
	}{{born || len(history) == 0, &c.New}, {sure, &c.Confirmed}, {others, &c.Changed}, {e.Risk.Score >= riskyFrom, &c.Risky}} {
		if n.is {
			*n.to++
		}
	}
}

// Words is what happened as a phrase: first seen, confirmed.
func (c *Changed) Words() string { return strings.Join(c.What, ", ") }

// Near counts the candidates that have at least this share of what would confirm them, 0..1.
func (x *Index) Near(share float64, within []string) int {
	return x.tallied(within, func(e *inventory.Endpoint) bool { return e.State == inventory.Candidate && e.Confidence >= share })
}

// Carry counts the endpoints whose risk has a term of this name.
func (x *Index) Carry(term string, within []string) int {
	return x.tallied(within, func(e *inventory.Endpoint) bool {
		return slices.ContainsFunc(e.Risk.Terms, func(t inventory.RiskTerm) bool { return t.Name == term })
	})
}

// tallied counts what is in these sites and not ignored.
func (x *Index) tallied(within []string, is func(*inventory.Endpoint) bool) (n int) {
	if x == nil {
		return 0
	}
	var in []bool
	if len(within) > 0 {
		in = x.within(within)
	}
	for row, e := range x.rows {
		if !e.Ignored && (len(in) == 0 || in[x.dims[Site].codes[row]]) && is(e) {
			n++
		}
	}
	return n
}
