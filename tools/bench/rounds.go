package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	warmUp     = 2 * time.Second
	drainLimit = 2 * time.Minute
)

// variant is one composition of callers.
type variant struct {
	Name       string `json:"name"`
	Principals int    `json:"principals"`
	Addresses  int    `json:"addresses"`
	HTTP2      bool   `json:"http2,omitempty"` // over TLS, by h2load, beside nginx
}

// base is the contender that others are compared with.
func (v variant) base() string {
	if v.HTTP2 {
		return "nginx"
	}
	return "haproxy"
}

// of are the contenders of a variant.
func (f *field) of(v variant) []contender {
	if v.HTTP2 {
		return f.secure
	}
	return f.contenders
}

// plan says how long and how often is measured.
type plan struct {
	rounds   int
	duration time.Duration
	conns    int
	settle   time.Duration // how long Merlon may take to distil and save by itself; 0: it is stopped, which does both
	force    bool
}

// sample is one contender in one round.
type sample struct {
	outcome
	CPU           time.Duration `json:"cpu_ns"` // user and system time of the process tree
	Memory        memory        `json:"memory"`
	Events        float64       `json:"events,omitempty"`
	Learned       float64       `json:"learned,omitempty"`
	Dropped       float64       `json:"dropped,omitempty"`
	Distillations float64       `json:"distillations,omitempty"` // while it ran; one more when it was stopped
	Snapshots     float64       `json:"snapshots,omitempty"`
}

// perRequest is processor time for each answered request, in microseconds.
func (s sample) perRequest() float64 {
	return float64(s.CPU) / float64(time.Microsecond) / float64(max(1, s.Requests))
}

// results are the samples of one variant, by contender, round by round.
type results struct {
	Variant variant             `json:"variant"`
	Samples map[string][]sample `json:"samples"`
}

// measure runs the rounds of a variant: in each, every contender once, each time in another order. A round that others
// disturbed is thrown away and repeated, as often as there are rounds; then the measurement is given up.
func (f *field) measure(ctx context.Context, v variant, p plan, quiet *readiness, progress io.Writer) (results, error) {
	out := results{Variant: v, Samples: map[string][]sample{}}
	if err := f.forget(); err != nil {
		return out, err
	}
	for round, repeats := 0, 0; round < p.rounds; {
		got, err := f.round(ctx, v, p, round, quiet)
		var busy *busyError
		if errors.As(err, &busy) && repeats < p.rounds {
			repeats++
			fmt.Fprintf(progress, "workload %s, round %d is repeated: %s\n", v.Name, round+1, busy.reason)
			continue
		}
		if err != nil {
			return out, err
		}
		for name, s := range got {
			out.Samples[name] = append(out.Samples[name], s)
		}
		round++
		fmt.Fprintf(progress, "workload %s, round %d of %d:", v.Name, round, p.rounds)
		for _, c := range f.of(v) {
			fmt.Fprintf(progress, " %s %.1f", c.name, got[c.name].perRequest())
		}
		fmt.Fprintln(progress, " us/request")
	}
	return out, nil
}

// round measures every contender once.
func (f *field) round(ctx context.Context, v variant, p plan, number int, quiet *readiness) (map[string]sample, error) {
	if err := quiet.wait(ctx); err != nil && !p.passes(err) {
		return nil, err
	}
	out := map[string]sample{}
	contenders := f.of(v)
	for i := range contenders {
		c := contenders[(i+number)%len(contenders)]
		s, err := f.once(ctx, c, v, p, quiet)
		if err != nil {
			return nil, err
		}
		out[c.name] = s
	}
	return out, nil
}

// passes tells whether err is only that the machine is busy, and that does not matter.
func (p plan) passes(err error) bool {
	var busy *busyError
	return p.force && errors.As(err, &busy)
}

// once starts a contender, warms it up, measures it and ends it.
func (f *field) once(ctx context.Context, c contender, v variant, p plan, quiet *readiness) (s sample, err error) {
	proc, err := f.start(ctx, c)
	if err != nil {
		return s, err
	}
	stopped := false
	defer func() {
		if !stopped {
			_, stopErr := proc.stop()
			err = errors.Join(err, stopErr)
		}
	}()
	if err := f.faithful(ctx, c.base()); err != nil {
		return s, fmt.Errorf("%s: %w", c.name, err)
	}
	run := func(d time.Duration) (outcome, error) {
		if v.HTTP2 {
			return f.h2load(ctx, c.listen, p.conns, d)
		}
		l := load{program: f.wrk, dir: f.dir, address: c.listen, conns: p.conns, duration: d, principals: v.Principals, addresses: v.Addresses}
		return l.run(ctx)
	}
	if _, err := run(warmUp); err != nil {
		return s, err
	}
	before, err := f.drain(ctx, c)
	if err != nil {
		return s, err
	}
	if err := quiet.mark(); err != nil {
		return s, err
	}
	from, err := treeTime(proc.pid())
	if err != nil {
		return s, err
	}
	if s.outcome, err = run(p.duration); err != nil {
		return s, err
	}
	if s.Memory, err = treeMemory(proc.pid()); err != nil {
		return s, err
	}
	after, err := f.drain(ctx, c)
	if err != nil {
		return s, err
	}
	if err := quiet.during(); err != nil && !p.passes(err) {
		return s, err
	}
	if c.admin != "" && p.settle > 0 {
		if after, err = f.settled(ctx, c, after, p.settle); err != nil {
			return s, err
		}
	}
	grown := after.less(before)
	s.Events, s.Learned, s.Dropped = grown[eventsTotal], grown[learnedTotal], grown[droppedTotal]
	s.Distillations, s.Snapshots = grown[distillations], grown[snapshots]
	to, err := treeTime(proc.pid())
	if err != nil {
		return s, err
	}
	stopped = true
	whole, err := proc.stop()
	if c.admin != "" && p.settle == 0 {
		to = whole // with the last distillation and snapshot, which an orderly stop does
	}
	s.CPU = to - from
	return s, err
}

// drain waits until every event is learned or dropped, and returns the metrics then. Nothing for a contender without.
func (f *field) drain(ctx context.Context, c contender) (metrics, error) {
	if c.admin == "" {
		return metrics{}, nil
	}
	return f.until(ctx, c, drainLimit, "the queue did not drain", metrics.drained)
}

// settled waits until a distillation and a snapshot have begun and ended since.
func (f *field) settled(ctx context.Context, c contender, since metrics, limit time.Duration) (metrics, error) {
	for _, name := range []string{distillations, snapshots} {
		if _, ok := since[name]; !ok {
			return nil, fmt.Errorf("/metrics lacks %s, so -settle cannot be used", name)
		}
	}
	return f.until(ctx, c, limit, "no distillation and snapshot", func(m metrics) bool {
		return m.drained() && m[distillations] > since[distillations] && m[snapshots] > since[snapshots]
	})
}

// until scrapes c until the metrics please.
func (f *field) until(ctx context.Context, c contender, limit time.Duration, otherwise string, pleases func(metrics) bool) (metrics, error) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		m, err := scrape(ctx, f.client, c.admin)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if pleases(m) {
			return m, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			return nil, fmt.Errorf("%s: %s within %v: %.0f events, %.0f learned, %.0f dropped", c.name, otherwise, limit, m[eventsTotal], m[learnedTotal], m[droppedTotal])
		case <-again.C:
		}
	}
}
