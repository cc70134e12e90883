package traffic

import (
	"math"
	"math/rand/v2"
	"time"
)

// Exchanges in one session, on average; they turn Rate into arrivals (TestRateAndDays holds them to the truth).
const (
	browserExchanges = 10.45
	mobileExchanges  = 8.53
	staffExchanges   = 11.4
)

// plan starts everything that comes between two moments: arrivals of people by a Poisson process over the season, programs at their
// times, campaigns at theirs. end may be far away: streams plan one step at a time.
func plan(o *Options, c *crowd, start, end time.Time, launch func(time.Time, func(*session))) {
	total := o.Mix.Browser + o.Mix.Mobile + o.Mix.Staff
	for i, p := range []struct {
		weight, size float64
		run          func(*session)
	}{{o.Mix.Browser, browserExchanges, c.browse}, {o.Mix.Mobile, mobileExchanges, c.app}, {o.Mix.Staff, staffExchanges, c.desk}} {
		if o.Rate > 0 && p.weight > 0 {
			arrivals(o.Rate*p.weight/total/p.size, o.flat, rand.New(rand.NewPCG(o.Seed, uint64(20+i))), start, end, launch, p.run)
		}
	}
	every := func(on bool, first time.Time, gap time.Duration, run func(*session)) {
		if on {
			recurring(first, gap, start, end, launch, run)
		}
	}
	midnight := start.UTC().Truncate(24 * time.Hour)
	night, gap := midnight.Add(2*time.Hour+10*time.Minute), 24*time.Hour
	if o.Mix.BatchEvery > 0 {
		night, gap = start.Add(o.Mix.BatchEvery/4), o.Mix.BatchEvery
	}
	every(o.Mix.Vendors, night, gap, c.nightly)
	every(o.Mix.Vendors, night.Add(gap/36), gap, c.legacy)
	every(o.Mix.Integrator, midnight.Add(7*time.Minute), time.Hour, c.poll)
	every(o.Mix.Probe, midnight, 2*time.Minute, c.watch)
	every(o.Mix.Crawler, midnight.Add(5*time.Hour), 12*time.Hour, c.crawl)
	for _, a := range o.Attacks {
		at := a.At
		if at.IsZero() {
			at = start
		}
		if at.Before(start) { // it belongs to an earlier drive of the same options
			continue
		}
		launch(at, func(s *session) { c.attack(s, a) })
	}
}

// arrivals is a Poisson process of the given mean rate (sessions a second) thinned by the season (unless flat). Each arrival plans the next one.
func arrivals(rate float64, flat bool, r *rand.Rand, from, end time.Time, launch func(time.Time, func(*session)), run func(*session)) {
	top, at := maxSeason, season
	if flat {
		top, at = 1, func(time.Time) float64 { return 1 }
	}
	var next func(time.Time)
	next = func(t time.Time) {
		for {
			t = t.Add(time.Duration(math.Max(r.ExpFloat64()/(rate*top), 1e-6) * float64(time.Second)))
			if !t.Before(end) {
				return
			}
			if r.Float64() < at(t)/top {
				break
			}
		}
		launch(t, func(s *session) {
			next(t)
			run(s)
		})
	}
	next(from)
}

// recurring launches run every gap from first on, beginning with the first time that is not before start.
func recurring(first time.Time, gap time.Duration, start, end time.Time, launch func(time.Time, func(*session)), run func(*session)) {
	var next func(time.Time)
	next = func(t time.Time) {
		if t.Before(end) {
			launch(t, func(s *session) {
				next(t.Add(gap))
				run(s)
			})
		}
	}
	if late := start.Sub(first); late > 0 {
		first = first.Add((late + gap - 1) / gap * gap)
	}
	next(first)
}
