package ui

import (
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin"
)

func start() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }

func pointsOf(step time.Duration, requests ...uint64) (out []admin.Point) {
	for i, n := range requests {
		out = append(out, admin.Point{At: start().Add(time.Duration(i) * step), Step: int64(step / time.Second), Requests: n})
	}
	return out
}

func TestScaleEndsOnRoundNumbers(t *testing.T) {
	for _, tt := range []struct {
		most  float64
		n     int
		least float64
		want  string // the marks
		top   float64
	}{
		{0, 4, 0, "0 1", 1},
		{1, 2, 1, "0 1 2", 2},
		{3, 2, 1, "0 2 4", 4},
		{17.3, 4, 0, "0 5 10 15 20", 20},
		{20, 4, 0, "0 5 10 15 20 25", 25},
		{1_000_000, 4, 0, "0 500k 1.0M 1.5M", 1_500_000},
		{0.013, 4, 0, "0 0.005 0.01 0.015", 0.015},
	} {
		p := Plot{Height: 100}
		top := p.scale(tt.most, tt.n, tt.least)
		var marks []string
		for _, k := range p.Ticks {
			marks = append(marks, k.Text)
			if k.At < -1e-9 || k.At > 100.0001 {
				t.Errorf("%v: the mark %s stands at %v of 100", tt.most, k.Text, k.At)
			}
		}
		if got := strings.Join(marks, " "); got != tt.want || top < tt.top*.999 || top > tt.top*1.001 || top <= tt.most {
			t.Errorf("%v: %s up to %v, want %s up to %v", tt.most, got, top, tt.want, tt.top)
		}
	}
}

// TestLastIntervalCountsForItsPart: half an interval with half the requests is the same rate, not a fall.
func TestLastIntervalCountsForItsPart(t *testing.T) {
	points := pointsOf(10*time.Minute, 600, 600, 300)
	rates := ratesOf(points, start().Add(25*time.Minute))
	if rates[0] != 1 || rates[2] != 1 {
		t.Errorf("%v, wanted 1 a second throughout", rates)
	}
	begun := start().Add(20*time.Minute + time.Second)
	if rates := ratesOf(pointsOf(10*time.Minute, 600, 600, 1), begun); rates[2] != rates[1] {
		t.Errorf("a second of ten minutes tells of no fall: %v", rates)
	}
	if rates := ratesOf(pointsOf(10*time.Minute, 0, 0, 9), begun); rates[2] <= 0 {
		t.Errorf("the first requests there are do not show: %v", rates)
	}
	if rates := ratesOf(points, time.Time{}); rates[2] != .5 {
		t.Errorf("an interval that is over counts whole: %v", rates)
	}
}

func TestChartSaysWhatItShows(t *testing.T) {
	points := pointsOf(time.Hour, 10, 0, 5_000_000, 1)
	points[1].ServerErrors, points[2].Blocked = 1, 2
	c := NewChart(points)
	if c.Unit != "s" || c.Every != "1 h" || c.Empty || c.SumRequests != 5_000_011 {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(c.Label, "1 server error and 2 blocked") {
		t.Error(c.Label)
	}
	if c.Bad.Below == "" || c.Bad.Top == "" || strings.Count(c.Bad.Top, "M") != 1 {
		t.Errorf("%q %q", c.Bad.Below, c.Bad.Top)
	}
	var sum uint64
	for _, r := range c.Rows {
		sum += r.Requests
	}
	if sum != c.SumRequests {
		t.Errorf("the table sums up to %d", sum)
	}
	for _, empty := range [][]admin.Point{nil, pointsOf(time.Hour, 3), pointsOf(time.Hour, 0, 0, 0)} {
		if c := NewChart(empty); !c.Empty {
			t.Errorf("%d points: %+v", len(empty), c)
		}
	}
}

func TestUnitFitsTheRate(t *testing.T) {
	for unit, n := range map[string]uint64{"s": 100_000, "min": 600, "h": 2} {
		if c := NewChart(pointsOf(time.Hour, n, n)); c.Unit != unit {
			t.Errorf("%d an hour is shown per %s, wanted %s", n, c.Unit, unit)
		}
	}
}

func TestMarksOfTime(t *testing.T) {
	for _, span := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour} {
		from := start().Add(7*time.Hour + 13*time.Minute)
		ticks := timeTicks(from, from.Add(span))
		if len(ticks) < 2 || len(ticks) > mostTimes+1 {
			t.Errorf("%v: %d marks", span, len(ticks))
		}
		seen := map[string]bool{}
		for _, k := range ticks {
			if seen[k.Text] {
				t.Errorf("%v: %s stands there twice", span, k.Text)
			}
			seen[k.Text] = true
		}
	}
}

func TestTableOfAChartIsShort(t *testing.T) {
	requests := make([]uint64, 1000)
	for i := range requests {
		requests[i] = 1
	}
	if rows := rowsOf(pointsOf(time.Minute, requests...)); len(rows) > mostRows {
		t.Errorf("%d rows", len(rows))
	}
}

func TestSharesFillTheBar(t *testing.T) {
	for _, counts := range [][]uint64{{1, 1_000_000, 0, 3}, {0, 0}, {5}} {
		var all []Part
		for _, n := range counts {
			all = append(all, Part{Count: n})
		}
		for _, p := range parts(all) {
			if strings.HasPrefix(p.w, "-") || strings.HasPrefix(p.w, "0.00") {
				t.Errorf("%v: a part cannot be seen: %+v", counts, p)
			}
		}
	}
}

func TestPlurals(t *testing.T) {
	for n, want := range map[int]string{0: "0 endpoints", 1: "1 endpoint", 2: "2 endpoints", 12345: "12\u202f345 endpoints"} {
		if got := Plural(n, "endpoint", "endpoints"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// FuzzChart: whatever is counted, every number drawn is a number, inside its box.
func FuzzChart(f *testing.F) {
	f.Add(uint64(1), uint64(0), uint64(3), int64(60))
	f.Add(^uint64(0), uint64(1), ^uint64(0)/3, int64(1))
	f.Fuzz(func(t *testing.T, a, b, c uint64, step int64) {
		if step < 1 || step > 1<<30 {
			return
		}
		points := pointsOf(time.Duration(step)*time.Second, a, b, c)
		points[1].ServerErrors, points[2].Blocked = c/2, a/2
		got := ChartAt(points, points[2].At.Add(time.Second))
		for _, path := range []string{got.Rate.Line, got.Rate.Area, got.Bad.Below, got.Bad.Top} {
			if strings.Contains(path, "NaN") || strings.Contains(path, "Inf") {
				t.Fatal(path)
			}
		}
		for _, k := range append(got.Rate.Ticks, got.Bad.Ticks...) {
			if k.At < -1e-6 || k.At > tallPlot+1e-6 {
				t.Fatalf("a mark at %v", k.At)
			}
		}
	})
}
