package ui

import (
	"fmt"
	"strconv"
	"strings"

	"merlon/internal/model/inventory"
)

// Spark is a small line without a scale: the shape of a number over time, beside the number.
type Spark struct{ Line, Area string }

// The box of a spark.
const sparkWidth, sparkHeight = 100.0, 30.0

// NewSpark draws values from nought to the largest.
func NewSpark(values []float64) (s Spark) {
	if len(values) < 2 {
		return s
	}
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	if most == 0 {
		most = 1
	}
	var b strings.Builder
	for i, v := range values {
		fmt.Fprintf(&b, "%c%.1f %.1f", "ML"[min(i, 1)], float64(i)/float64(len(values)-1)*sparkWidth, sparkHeight-1-v/most*(sparkHeight-2))
	}
	s.Line = b.String()
	s.Area = s.Line + fmt.Sprintf("V%.0fH0Z", sparkHeight)
	return s
}

// Bin is a column of a histogram: From up to To.
type Bin struct {
	From, To string
	Count    uint64
	X, Y     string // of a box of 100 by 72
	W, H     string
}

// NewHistogram draws counts side by side, without gaps, as their ranges touch.
func NewHistogram(bins []Bin) []Bin {
	var most uint64 = 1
	for _, b := range bins {
		most = max(most, b.Count)
	}
	f := func(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
	width := 100 / float64(max(len(bins), 1))
	for i := range bins {
		h := float64(bins[i].Count) / float64(most) * shortPlot
		if bins[i].Count > 0 {
			h = max(h, 1.5)
		}
		bins[i].X, bins[i].W, bins[i].Y, bins[i].H = f(float64(i)*width), f(width*.94), f(shortPlot-h), f(h)
	}
	return bins
}

// Bar is one row of bars. Width is in percent of the largest.
type Bar struct {
	Name  string
	Count uint64
	Class string
	Width string
	Href  string // where the bar leads, "" for nowhere
}

// NewBars scales counts to the largest.
func NewBars(counts []inventory.Count, class func(name string) string) []Bar {
	var most uint64 = 1
	for _, c := range counts {
		most = max(most, c.Count)
	}
	out := make([]Bar, 0, len(counts))
	for _, c := range counts {
		share := float64(c.Count) / float64(most) * 100
		if c.Count > 0 {
			share = max(share, 1)
		}
		out = append(out, Bar{Name: c.Name, Count: c.Count, Class: class(c.Name), Width: strconv.FormatFloat(share, 'f', 1, 64)})
	}
	return out
}

// PlainBar is the class of bars that mean no more than their length.
func PlainBar(string) string { return "b-plain" }

// Part is a share of a whole, for StackBar.
type Part struct {
	Name  string
	Count uint64
	Class string // of its fill: f-critical, f-good ...
	Href  string
	x, w  string
}

// parts lays shares side by side; one that is there at all can be seen.
func parts(all []Part) []Part {
	var sum float64
	for _, p := range all {
		sum += float64(p.Count)
	}
	out, x := make([]Part, 0, len(all)), 0.0
	for _, p := range all {
		if p.Count == 0 {
			continue
		}
		w := max(.6, float64(p.Count)/max(sum, 1)*100)
		p.x, p.w = strconv.FormatFloat(x, 'f', 2, 64), strconv.FormatFloat(max(w-.4, .4), 'f', 2, 64)
		x += w
		out = append(out, p)
	}
	return out
}
