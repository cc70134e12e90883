package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/inventory"
)

// Bar is one row of bars. Width is in percent of the largest.
type Bar struct {
	Name  string
	Count uint64
	Class string
	Width string
}

// NewBars scales counts to the largest.
func NewBars(counts []inventory.Count, class func(name string) string) []Bar {
	var most uint64 = 1
	for _, c := range counts {
		most = max(most, c.Count)
	}
	out := make([]Bar, 0, len(counts))
	for _, c := range counts {
		out = append(out, Bar{c.Name, c.Count, class(c.Name), strconv.FormatFloat(max(1, float64(c.Count)/float64(most)*100), 'f', 1, 64)})
	}
	return out
}

func PlainBar(string) string { return "b-plain" }

// Chart is a drawn series: paths in a box of 720 by 120.
type Chart struct {
	Requests, Line, Errors, Blocked    string
	SumRequests, SumErrors, SumBlocked uint64
	From, To, Peak, Label              string
	Empty                              bool
}

const chartWidth, chartHeight, chartTop = 720.0, 120.0, 6.0

// NewChart draws points. Errors and blocks share the scale of requests, so that their shares can be seen.
func NewChart(points []admin.Point) Chart {
	var c Chart
	var most uint64
	for _, p := range points {
		most = max(most, p.Requests)
		c.SumRequests += p.Requests
		c.SumErrors += p.ServerErrors
		c.SumBlocked += p.Blocked
	}
	c.Empty = c.SumRequests == 0
	if len(points) < 2 {
		c.Empty = true
		return c
	}
	first, last := points[0], points[len(points)-1]
	layout := "15:04"
	if last.At.Sub(first.At) > 25*time.Hour {
		layout = "2 Jan 15:04"
	}
	c.From, c.To = first.At.Format(layout)+" UTC", last.At.Add(time.Duration(last.Step)*time.Second).Format(layout)+" UTC"
	perSecond := float64(most) / float64(max(first.Step, 1))
	c.Peak = Trimmed(perSecond) + "/s"
	c.Label = fmt.Sprintf("%d requests, %d server errors and %d blocked from %s to %s", c.SumRequests, c.SumErrors, c.SumBlocked, c.From, c.To)
	at := func(i int) float64 { return float64(i) / float64(len(points)-1) * chartWidth }
	up := func(n uint64) float64 { return chartHeight - float64(n)/float64(max(most, 1))*(chartHeight-chartTop) }
	trace := func(value func(admin.Point) uint64) string {
		var b strings.Builder
		for i, p := range points {
			fmt.Fprintf(&b, "%c%.1f %.1f", "ML"[min(i, 1)], at(i), up(value(p)))
		}
		return b.String()
	}
	area := func(value func(admin.Point) uint64) string {
		return fmt.Sprintf("%sL%.0f %.0fL0 %.0fZ", trace(value), chartWidth, chartHeight, chartHeight)
	}
	c.Line = trace(func(p admin.Point) uint64 { return p.Requests })
	c.Requests = area(func(p admin.Point) uint64 { return p.Requests })
	if c.SumErrors > 0 {
		c.Errors = area(func(p admin.Point) uint64 { return p.ServerErrors })
	}
	if c.SumBlocked > 0 {
		c.Blocked = area(func(p admin.Point) uint64 { return p.Blocked })
	}
	return c
}
