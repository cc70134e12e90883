package main

import (
	"fmt"
	"io"
	"slices"
)

// Bars of the product.
const (
	maxRatio  = 2.2 // Merlon's processor time for a request against HAProxy's in the same round
	maxRatio2 = 2.5 // the same over HTTP/2 and TLS, against nginx
	maxGrowth = 1.1 // memory in the last quarter of an endurance run against the second quarter
)

// verdict is one bar, and whether it was met.
type verdict struct {
	Bar  string `json:"bar"`
	Met  bool   `json:"met"`
	Says string `json:"says"`
}

// spread is median, least and greatest of one figure over the rounds.
type spread struct{ median, low, high float64 }

func over[T any](all []T, figure func(int, T) float64) spread {
	v := make([]float64, 0, len(all))
	for i, s := range all {
		v = append(v, figure(i, s))
	}
	if len(v) == 0 {
		return spread{}
	}
	slices.Sort(v)
	m := v[len(v)/2]
	if len(v)%2 == 0 {
		m = (m + v[len(v)/2-1]) / 2
	}
	return spread{m, v[0], v[len(v)-1]}
}

// ratio is Merlon (or whoever name is) against HAProxy of the same round, and with HTTP/2 against nginx.
func (r results) ratio(name string) spread {
	base := r.Samples[r.Variant.base()]
	return over(r.Samples[name], func(i int, s sample) float64 { return s.perRequest() / base[i].perRequest() })
}

const mega = 1 << 20

// print writes the table of one variant.
func (r results) print(w io.Writer, order []contender) {
	fmt.Fprintf(w, "\nworkload %s (principals: %d, client addresses: %d)\n", r.Variant.Name, r.Variant.Principals, r.Variant.Addresses)
	if r.Variant.HTTP2 {
		fmt.Fprintf(w, "HTTP/2 over TLS 1.3 with %s and ECDSA P-256, GET alone, %d streams a connection\n", h2Cipher, h2Streams)
	}
	fmt.Fprintf(w, "%-8s %11s %13s %9s %11s %8s %7s %7s %7s %7s %6s\n", "proxy", "CPU us/req", "[min-max]", "x "+r.Variant.base(), "[min-max]", "req/s", "p50 ms", "p99 ms", "RSS MB", "PSS MB", "bad")
	for _, c := range order {
		all := r.Samples[c.name]
		cpu, ratio := over(all, func(_ int, s sample) float64 { return s.perRequest() }), r.ratio(c.name)
		middle := func(figure func(sample) float64) float64 {
			return over(all, func(_ int, s sample) float64 { return figure(s) }).median
		}
		bad := 0
		for _, s := range all {
			bad += s.bad()
		}
		fmt.Fprintf(w, "%-8s %11.1f %13s %9.2f %11s %8.0f %7s %7s %7.0f %7.0f %6d\n", c.name,
			cpu.median, fmt.Sprintf("%.1f-%.1f", cpu.low, cpu.high), ratio.median, fmt.Sprintf("%.2f-%.2f", ratio.low, ratio.high),
			middle(outcome1(outcome.perSecond)), millis(middle(func(s sample) float64 { return s.P50.Seconds() * 1e3 })), millis(middle(func(s sample) float64 { return s.P99.Seconds() * 1e3 })),
			middle(func(s sample) float64 { return float64(s.Memory.RSS) / mega }), middle(func(s sample) float64 { return float64(s.Memory.PSS) / mega }), bad)
	}
	t := r.total()
	fmt.Fprintf(w, "merlon   learned %s of %.0f events, %.0f dropped; %d requests; while running %.0f distillations and %.0f snapshots\n",
		share(t.Learned, t.Events), t.Events, t.Dropped, t.Requests, t.Distillations, t.Snapshots)
}

// millis prints a time; h2load gives none.
func millis(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", ms)
}

func outcome1(f func(outcome) float64) func(sample) float64 {
	return func(s sample) float64 { return f(s.outcome) }
}

// total adds up Merlon's counts over all rounds.
func (r results) total() sample {
	var t sample
	for _, s := range r.Samples["merlon"] {
		t.Requests += s.Requests
		t.Refused += s.Refused
		t.Errors += s.Errors
		t.Events += s.Events
		t.Learned += s.Learned
		t.Dropped += s.Dropped
		t.Distillations += s.Distillations
		t.Snapshots += s.Snapshots
	}
	return t
}

// share never rounds up to 100 %.
func share(part, whole float64) string {
	if whole <= 0 {
		return "nothing"
	}
	if part >= whole {
		return "100 %"
	}
	return fmt.Sprintf("%.3f %%", min(99.999, 100*part/whole))
}

// verdicts holds a variant's results against the bars.
func (r results) verdicts() []verdict {
	ratio, bar := r.ratio("merlon"), maxRatio
	if r.Variant.HTTP2 {
		bar = maxRatio2
	}
	return append([]verdict{{
		Bar: r.Variant.Name + ": CPU", Met: ratio.median <= bar,
		Says: fmt.Sprintf("%.2f times the CPU of %s for a request (bar: at most %.2f)", ratio.median, r.Variant.base(), bar),
	}}, r.total().completeness(r.Variant.Name)...)
}

// completeness holds what was learned and answered against what was sent.
func (s sample) completeness(name string) []verdict {
	return []verdict{
		{
			Bar: name + ": learning", Met: s.Events >= float64(s.Requests) && s.Learned+s.Dropped >= s.Events && s.Events > 0,
			Says: fmt.Sprintf("%d requests made %.0f events, %s of them learned (bar: all)", s.Requests, s.Events, share(s.Learned, s.Events)),
		},
		{Bar: name + ": drops", Met: s.Dropped == 0, Says: fmt.Sprintf("%.0f events dropped (bar: 0)", s.Dropped)},
		{Bar: name + ": answers", Met: s.bad() == 0, Says: fmt.Sprintf("%d bad answers and errors (bar: 0)", s.bad())},
	}
}

// judge prints verdicts and tells whether all were met.
func judge(w io.Writer, all []verdict) bool {
	ok := true
	fmt.Fprintln(w)
	for _, v := range all {
		word := "met   "
		if !v.Met {
			word, ok = "MISSED", false
		}
		fmt.Fprintf(w, "%s  %-18s %s\n", word, v.Bar, v.Says)
	}
	return ok
}
