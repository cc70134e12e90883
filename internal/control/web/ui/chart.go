package ui

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
)

// Heights of the plots in pixels, and the width of their inner box, which is stretched to whatever there is. Text stands
// outside that box, so it is never stretched.
const (
	tallPlot  = 200.0
	shortPlot = 72.0
	plotWidth = 1000.0
)

// Chart is traffic over time: the rate of requests above, server errors and blocks stacked below on a scale of their own,
// where a few of them can be seen beside a million requests.
type Chart struct {
	Rate, Bad                          Plot
	Times                              []TimeTick
	Rows                               []ChartRow // the same as a table
	SumRequests, SumErrors, SumBlocked uint64
	Unit                               string // of the rate: s, min or h
	Every                              string // the interval in words: 10 min
	Label                              string // the whole in a sentence
	Live                               string // where a live chart asks for the same, "" for none
	Step, Span                         int64  // seconds
	Empty                              bool
}

// Plot is one field of a chart with its scale.
type Plot struct {
	Height     float64
	Ticks      []Tick
	Area, Line string // of the rate
	Below, Top string // columns: errors, and blocks on top of them
}

// Tick is a mark of the scale, at pixels from the top.
type Tick struct {
	At   float64
	Text string
}

// TimeTick is a mark of time, at a share of the width. Anchor keeps the text inside.
type TimeTick struct {
	At     string // percent
	Text   string
	Anchor string // start or middle
}

// ChartRow is one row of the table: a few intervals together, so that it stays short.
type ChartRow struct {
	At                        time.Time
	Requests, Errors, Blocked uint64
}

// NewChart draws points of equal steps.
func NewChart(points []admin.Point) Chart { return ChartAt(points, time.Time{}) }

// ChartAt draws points as of now: the last interval is not over yet, and counts for the part of it that is.
func ChartAt(points []admin.Point, now time.Time) Chart {
	var c Chart
	for _, p := range points {
		c.SumRequests += p.Requests
		c.SumErrors += p.ServerErrors
		c.SumBlocked += p.Blocked
	}
	c.Empty = len(points) < 2 || c.SumRequests == 0
	if len(points) < 2 {
		return c
	}
	first, last := points[0], points[len(points)-1]
	c.Step = max(first.Step, 1)
	c.Every = lasting(time.Duration(c.Step) * time.Second)
	end := last.At.Add(time.Duration(c.Step) * time.Second)
	rates := ratesOf(points, now)
	c.Unit = c.draw(points, rates)
	c.Times = timeTicks(first.At, end)
	c.Rows = rowsOf(points)
	c.Label = fmt.Sprintf("%s, %s and %s blocked from %s to %s.", Plural(c.SumRequests, "request", "requests"), Plural(c.SumErrors, "server error", "server errors"),
		Count(c.SumBlocked), Stamp(first.At), Stamp(end))
	return c
}

// Follow makes the chart live: it asks for the same span up to now, of one endpoint or, with "", of all together.
func (c Chart) Follow(endpoint string, span time.Duration) Chart {
	c.Live, c.Span = "/v1/series?step="+strconv.FormatInt(c.Step, 10), int64(span/time.Second)
	if endpoint != "" {
		c.Live += "&endpoint=" + url.QueryEscape(endpoint)
	}
	return c
}

// ratesOf are requests a second.
func ratesOf(points []admin.Point, now time.Time) []float64 {
	out := make([]float64, len(points))
	for i, p := range points {
		over := float64(max(p.Step, 1))
		if i == len(points)-1 && !now.IsZero() {
			part := now.Sub(p.At).Seconds()
			if part < over/5 && i > 0 {
				// Too little of it to tell of a fall, but not of a rise.
				out[i] = max(out[i-1], float64(p.Requests)/(over/5))
				continue
			}
			over = min(over, max(part, over/5))
		}
		out[i] = float64(p.Requests) / over
	}
	return out
}

// draw fills the plots and returns the unit of the rate.
func (c *Chart) draw(points []admin.Point, rates []float64) string {
	most, bad := 0.0, uint64(0)
	for i, p := range points {
		most, bad = max(most, rates[i]), max(bad, p.ServerErrors+p.Blocked)
	}
	unit, times := "s", 1.0
	if most > 0 && most < .95 {
		unit, times = "min", 60
		if most*60 < .95 {
			unit, times = "h", 3600
		}
	}
	c.Rate = Plot{Height: tallPlot}
	top := c.Rate.scale(most*times, 4, 0)
	at := func(i int) float64 { return (float64(i) + .5) / float64(len(points)) * plotWidth }
	var line strings.Builder
	for i, r := range rates {
		fmt.Fprintf(&line, "%c%.1f %.1f", "ML"[min(i, 1)], at(i), tallPlot*(1-r*times/top))
	}
	c.Rate.Line = line.String()
	c.Rate.Area = fmt.Sprintf("%sV%.0fH%.1fZ", c.Rate.Line, tallPlot, at(0))

	c.Bad = Plot{Height: shortPlot}
	top = c.Bad.scale(float64(bad), 2, 1)
	width := plotWidth / float64(len(points))
	var errs, blocks strings.Builder
	for i, p := range points {
		from := 0.0
		for _, part := range []struct {
			n  uint64
			to *strings.Builder
		}{{p.ServerErrors, &errs}, {p.Blocked, &blocks}} {
			if part.n == 0 {
				continue
			}
			h := max(1.5, shortPlot*float64(part.n)/top) // one of a million is still there
			fmt.Fprintf(part.to, "M%.1f %.1fh%.1fv%.1fh-%.1fz", at(i)-width*.38, shortPlot-from-h, width*.76, h, width*.76)
			from += h
		}
	}
	c.Bad.Below, c.Bad.Top = errs.String(), blocks.String()
	return unit
}

// scale sets the marks of a plot, about n above nought and no closer than least, and returns what its top stands for.
func (p *Plot) scale(most float64, n int, least float64) float64 {
	step := max(niceStep(most, n), least)
	top := step
	for top < most*1.001 {
		top += step
	}
	for v := 0.0; v <= top*1.001; v += step {
		p.Ticks = append(p.Ticks, Tick{p.Height * (1 - v/top), tickText(v)})
	}
	return top
}

func tickText(v float64) string {
	if v >= 1000 {
		return Short(uint64(v + .5))
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// niceStep is 1, 2 or 5 times a power of ten, so that about n of them reach most; 1 where there is nothing.
func niceStep(most float64, n int) float64 {
	if most <= 0 {
		return 1
	}
	step := 1.0
	for step*float64(n) >= most {
		step /= 10
	}
	for step*float64(n)*10 < most {
		step *= 10
	}
	for _, f := range []float64{1, 2, 5} {
		if step*f*float64(n) >= most {
			return step * f
		}
	}
	return step * 10
}
