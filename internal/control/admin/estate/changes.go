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
	// undescribed is said beside firstSeen, of what no description has.
	undescribed = "in no description"
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
	for row, e := range x.rows {
		if e.Ignored || in != nil && !in[x.dims[Site].codes[row]] {
			continue
		}
		c, ok := changed(e, since)
		if !ok {
			continue
		}
		out.count(&c)
		if e.Risk.Score >= riskyFrom {
			out.Risky++
		}
		out.List = append(out.List, c)
	}
	slices.SortFunc(out.List, func(a, b Changed) int {
		return cmp.Or(cmp.Compare(risky(b), risky(a)), b.At.Compare(a.At), cmp.Compare(a.Endpoint.ID, b.Endpoint.ID))
	})
	out.List = slices.Clip(out.List[:min(len(out.List), most)])
	for i := range out.List {
		out.List[i].Endpoint.Detail = nil
	}
	return out
}

// count adds one endpoint.
func (c *Changes) count(one *Changed) {
	others := 0
	for _, what := range one.What {
		switch what {
		case firstSeen:
			c.New++
		case confirmed:
			c.Confirmed++
		case undescribed:
		default:
			others++
		}
	}
	if others > 0 {
		c.Changed++
	}
}

// risky is the score where it matters, so that among the harmless the latest comes first.
func risky(c Changed) float64 {
	if c.Endpoint.Risk.Score < riskyFrom {
		return 0
	}
	return c.Endpoint.Risk.Score
}

// changed is what the history of an endpoint says since a moment.
func changed(e *inventory.Endpoint, since time.Time) (c Changed, ok bool) {
	if e.Detail != nil {
		for _, h := range e.Detail.History {
			if !h.At.After(since) || slices.Contains(c.What, h.What) {
				continue
			}
			c.What, c.At = append(c.What, h.What), h.At
		}
	}
	if len(c.What) == 0 && e.FirstSeen.After(since) { // its history was cut, or is not known
		c.What, c.At = []string{firstSeen}, e.FirstSeen
	}
	if len(c.What) == 0 {
		return c, false
	}
	if slices.Contains(e.Lifecycle, "shadow") && slices.Contains(c.What, firstSeen) {
		c.What = append(c.What, undescribed)
	}
	c.Endpoint = *e
	return c, true
}

// Words is what happened as a phrase: first seen, confirmed.
func (c *Changed) Words() string { return strings.Join(c.What, ", ") }

// Near counts the candidates that have at least this share of what would confirm them, 0..1.
func (x *Index) Near(share float64, within []string) (n int) {
	if x == nil {
		return 0
	}
	var in []bool
	if len(within) > 0 {
		in = x.within(within)
	}
	for row, e := range x.rows {
		if e.State == inventory.Candidate && !e.Ignored && e.Confidence >= share && (in == nil || in[x.dims[Site].codes[row]]) {
			n++
		}
	}
	return n
}
