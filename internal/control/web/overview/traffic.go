package overview

import (
	"context"
	"math"
	"strconv"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
)

// number is one of the numbers above the chart, with its shape over time and how it was before.
type number struct {
	Name, Text, Unit string
	More             string // in small beneath: how it compares with the span before
	Spark            ui.Spark
	Label            string // of the spark, in words
	Warn             bool
}

// traffic asks for the span and the one before it, so that numbers can be compared.
func (s *room) traffic(ctx context.Context, p *ui.Page, v *view) error {
	all, err := s.Admin.Series(ctx, p.Caller, admin.SeriesQuery{From: v.Now.Add(-2 * v.Span.Length), To: v.Now, Step: v.Span.Step})
	if err != nil {
		return err
	}
	half := len(all) - int(v.Span.Length/v.Span.Step) - 1
	before, points := all[:max(half, 0)], all[max(half, 0):]
	v.Chart = ui.ChartAt(points, v.Now).Follow("", v.Span.Length)
	v.Numbers = numbers(points, before, v.Span)
	return nil
}

func numbers(points, before []admin.Point, span ui.Span) []number {
	was, now := sum(before), sum(points)
	out := []number{
		{Name: "Requests", Text: ui.Short(now.Requests), More: compared(float64(now.Requests), float64(was.Requests), span)},
		{Name: "Server errors", Text: share(now.ServerErrors, now.Requests), More: ui.Plural(now.ServerErrors, "request", "requests"), Warn: now.ServerErrors*50 > now.Requests},
		{Name: "Blocked", Text: ui.Short(now.Blocked), More: compared(float64(now.Blocked), float64(was.Blocked), span)},
		{Name: "Latency, p95", Text: "–", More: "no traffic in this span"},
	}
	series := make([][]float64, len(out))
	var latest float64
	for _, p := range points {
		series[0] = append(series[0], float64(p.Requests))
		series[1] = append(series[1], float64(p.ServerErrors)/float64(max(p.Requests, 1)))
		series[2] = append(series[2], float64(p.Blocked))
		series[3] = append(series[3], p.P95)
		if p.Requests > 0 {
			latest = p.P95
			out[3].More = "median " + ui.Millis(p.P50) + ", latest interval"
		}
	}
	if latest > 0 {
		out[3].Text = ui.Millis(latest)
	}
	for i := range out {
		out[i].Spark = ui.NewSpark(series[i])
		out[i].Label = out[i].Name + " over " + span.Text
	}
	return out
}

func sum(points []admin.Point) (s admin.Point) {
	for _, p := range points {
		s.Requests += p.Requests
		s.ServerErrors += p.ServerErrors
		s.Blocked += p.Blocked
	}
	return s
}

func share(part, whole uint64) string {
	if whole == 0 {
		return "–"
	}
	return ui.Percent(float64(part) / float64(whole))
}

// compared says how a sum differs from that of the span before; nothing where there was none to compare with.
func compared(now, was float64, span ui.Span) string {
	if was == 0 {
		return "in " + span.Text
	}
	change := (now - was) / was * 100
	switch {
	case math.Abs(change) < 1:
		return "as in the " + span.Text + " before"
	case change > 999:
		return "over ten times the " + span.Text + " before"
	}
	sign := "+"
	if change < 0 {
		sign = "−"
	}
	return sign + strconv.Itoa(int(math.Abs(change)+.5)) + " % on the " + span.Text + " before"
}
