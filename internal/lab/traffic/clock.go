package traffic

import (
	"math"
	"sync/atomic"
	"time"
)

// Clock is event time: whoever is handed its Now lives in the time of the traffic. Safe for concurrent use.
type Clock struct{ ns atomic.Int64 }

// NewClock starts a clock at t.
func NewClock(t time.Time) *Clock {
	c := &Clock{}
	c.set(t)
	return c
}

// Now is the present in event time, UTC.
func (c *Clock) Now() time.Time { return time.Unix(0, c.ns.Load()).UTC() }

func (c *Clock) set(t time.Time) { c.ns.Store(t.UnixNano()) }

// season is the relative number of arrivals at t: a working day with a peak in the morning and a smaller one in the evening, quiet
// nights, and weekends at half. Its mean over a week is about 1 (TestSeason).
func season(t time.Time) float64 {
	h := float64(t.Hour()) + float64(t.Minute())/60
	bump := func(at, width float64) float64 { return math.Exp(-(h - at) * (h - at) / (2 * width * width)) }
	v := 0.16 + 2.35*bump(10.5, 2.6) + 1.45*bump(18.5, 2.4)
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		v *= 0.5
	}
	return v
}

// maxSeason bounds season.
const maxSeason = 2.7
