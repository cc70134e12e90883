package policy

import (
	"fmt"
	"slices"
	"time"

	"merlon/internal/model/bundle"
)

// Expiry is an exception of a policy with its end.
type Expiry struct {
	Until   time.Time
	Mistake // the notice to tell people once it has expired, at its place
}

// Expiries lists the exceptions of a policy by their ends, soonest first.
func Expiries(p *bundle.Policy) []Expiry {
	var all []Expiry
	c := &compiler{in: p}
	for i := range p.Exceptions {
		e := &p.Exceptions[i]
		if e.Until.IsZero() {
			continue
		}
		key := fmt.Sprintf("exceptions[%d]", i)
		c.begin(key, e.From)
		who := ""
		if e.Owner != "" {
			who = " of " + shorten(e.Owner)
		}
		m := c.at(Mistake{
			Key: key + ".until", Notice: true, Hint: "remove it, or give it another day",
			Message: fmt.Sprintf("the exception%s for %s has expired on %s: the finding counts again", who, shorten(e.Finding), e.Until.UTC().Format("2006-01-02 15:04 MST")),
		})
		all = append(all, Expiry{e.Until, m})
	}
	slices.SortStableFunc(all, func(a, b Expiry) int { return a.Until.Compare(b.Until) })
	return all
}

// Expired are the notices of the exceptions whose time was over at now.
func Expired(p *bundle.Policy, now time.Time) []Mistake {
	var all []Mistake
	for _, e := range Expiries(p) {
		if !now.Before(e.Until) {
			all = append(all, e.Mistake)
		}
	}
	return sorted(all)
}
