package ui

import (
	"strconv"
	"time"

	"merlon/internal/control/admin"
)

// mostTimes is how many marks of time fit on a telephone.
const mostTimes = 7

// timeTicks are marks at whole hours, days or minutes, as the span is.
func timeTicks(from, to time.Time) (out []TimeTick) {
	span := to.Sub(from)
	step := 24 * time.Hour
	for _, s := range []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		if span/s <= mostTimes {
			step = s
			break
		}
	}
	for span/step > mostTimes {
		step += 24 * time.Hour
	}
	for at := from.UTC().Truncate(step); !at.After(to); at = at.Add(step) {
		if at.Before(from) {
			continue
		}
		share := float64(at.Sub(from)) / float64(span)
		if share > .97 {
			continue // it would stand outside, or upon the one before it
		}
		t := TimeTick{At: strconv.FormatFloat(share*100, 'f', 2, 64) + "%", Text: at.Format("15:04"), Anchor: "middle"}
		if step >= 24*time.Hour || step >= 4*time.Hour && at.Hour() == 0 && at.Minute() == 0 {
			t.Text = at.Format("Mon 2")
		}
		if share < .03 {
			t.Anchor = "start"
		}
		out = append(out, t)
	}
	return out
}

// mostRows is how many rows the table of a chart has.
const mostRows = 24

// rowsOf joins intervals until there are few enough to read.
func rowsOf(points []admin.Point) (out []ChartRow) {
	each := (len(points) + mostRows - 1) / mostRows
	for i, p := range points {
		if i%each == 0 {
			out = append(out, ChartRow{At: p.At})
		}
		r := &out[len(out)-1]
		r.Requests, r.Errors, r.Blocked = r.Requests+p.Requests, r.Errors+p.ServerErrors, r.Blocked+p.Blocked
	}
	return out
}

// lasting is a length of time in words: 10 min, 1 h.
func lasting(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " d"
	}
}
