package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	sampleEvery    = 2 * time.Second
	enduranceLimit = 40 * time.Minute
	rowsShown      = 24
)

// moment is Merlon at one time of an endurance run.
type moment struct {
	After   time.Duration `json:"after_ns"`
	Events  float64       `json:"events"`
	Learned float64       `json:"learned"`
	Dropped float64       `json:"dropped"`
	Memory  memory        `json:"memory"`
}

// endurance is a long run of Merlon alone.
type endurance struct {
	Wanted  int      `json:"wanted"`
	Load    outcome  `json:"load"`
	CPU     float64  `json:"cpu_us_per_request"`
	Moments []moment `json:"moments"`
}

// endure sends l.requests requests to Merlon and looks at its memory meanwhile.
func (f *field) endure(ctx context.Context, l load, progress io.Writer) (e endurance, err error) {
	e.Wanted = l.requests
	if err := f.forget(); err != nil {
		return e, err
	}
	c := f.merlon()
	proc, err := f.start(ctx, c)
	if err != nil {
		return e, err
	}
	stopped := false
	defer func() {
		if !stopped {
			_, stopErr := proc.stop()
			err = errors.Join(err, stopErr)
		}
	}()
	if err := f.faithful(ctx, c.base()); err != nil {
		return e, fmt.Errorf("%s: %w", c.name, err)
	}
	before, err := f.drain(ctx, c)
	if err != nil {
		return e, err
	}
	began := time.Now()
	look := func(m metrics, err error) error {
		if err != nil {
			return err
		}
		mem, err := treeMemory(proc.pid())
		if err != nil {
			return err
		}
		m = m.less(before)
		e.Moments = append(e.Moments, moment{time.Since(began), m[eventsTotal], m[learnedTotal], m[droppedTotal], mem})
		return nil
	}
	ctx, cancel := context.WithCancel(ctx) // ends wrk when a look at Merlon fails
	l.program, l.dir, l.address, l.duration = f.wrk, f.dir, c.listen, enduranceLimit
	type result struct {
		outcome
		err error
	}
	done := make(chan result, 1)
	running := true
	go func() {
		o, err := l.run(ctx)
		done <- result{o, err}
	}()
	defer func() {
		cancel()
		if running {
			<-done
		}
	}()
	again := time.NewTicker(sampleEvery)
	defer again.Stop()
	for running {
		select {
		case r := <-done:
			running = false
			if e.Load = r.outcome; r.err != nil {
				return e, r.err
			}
		case <-again.C:
			if err := look(scrape(ctx, f.client, c.admin)); err != nil {
				return e, err
			}
			if n := len(e.Moments); n%15 == 0 {
				m := e.Moments[n-1]
				fmt.Fprintf(progress, "%.0f of %d requests, RSS %.0f MB\n", m.Events, l.requests, float64(m.Memory.RSS)/mega)
			}
		}
	}
	if err := look(f.drain(ctx, c)); err != nil {
		return e, err
	}
	stopped = true
	cpu, err := proc.stop()
	e.CPU = float64(cpu) / float64(time.Microsecond) / float64(max(1, e.Load.Requests))
	return e, err
}

// quarter is the mean resident memory while the n-th quarter (from 1) of all events came in, 0 without a look at it.
func (e endurance) quarter(n int) float64 {
	if len(e.Moments) == 0 {
		return 0
	}
	all := e.Moments[len(e.Moments)-1].Events
	sum, count := 0.0, 0
	for _, m := range e.Moments {
		if m.Events > all*float64(n-1)/4 && m.Events <= all*float64(n)/4 {
			sum, count = sum+float64(m.Memory.RSS), count+1
		}
	}
	return sum / float64(max(1, count))
}

func (e endurance) print(w io.Writer) {
	fmt.Fprintf(w, "\n%10s %12s %12s %9s %8s %8s\n", "seconds", "events", "learned", "dropped", "RSS MB", "PSS MB")
	for i, m := range e.Moments {
		if step := max(1, len(e.Moments)/rowsShown); i%step != 0 && i != len(e.Moments)-1 {
			continue
		}
		fmt.Fprintf(w, "%10.0f %12.0f %12.0f %9.0f %8.0f %8.0f\n", m.After.Seconds(), m.Events, m.Learned, m.Dropped, float64(m.Memory.RSS)/mega, float64(m.Memory.PSS)/mega)
	}
	fmt.Fprintf(w, "%d requests in %.0f s, %.1f us CPU a request from start to end of the process; p50 %.2f ms, p99 %.2f ms, longest %.0f ms\n",
		e.Load.Requests, e.Load.Duration.Seconds(), e.CPU, e.Load.P50.Seconds()*1e3, e.Load.P99.Seconds()*1e3, e.Load.Max.Seconds()*1e3)
}

func (e endurance) verdicts() []verdict {
	second, last, peak := e.quarter(2), e.quarter(4), 0.0
	for _, m := range e.Moments {
		peak = max(peak, float64(m.Memory.RSS))
	}
	var end moment
	if n := len(e.Moments); n > 0 {
		end = e.Moments[n-1]
	}
	return append([]verdict{
		{Bar: "endurance: requests", Met: e.Load.Completed, Says: fmt.Sprintf("%d requests answered (bar: %d sent)", e.Load.Requests, e.Wanted)},
		{
			Bar: "endurance: memory", Met: second > 0 && last > 0 && last <= maxGrowth*second,
			Says: fmt.Sprintf("RSS %.0f MB in the second quarter, %.0f MB in the last, peak %.0f MB (bar: last at most %.2f times second)", second/mega, last/mega, peak/mega, maxGrowth),
		},
	}, sample{outcome: e.Load, Events: end.Events, Learned: end.Learned, Dropped: end.Dropped}.completeness("endurance")...)
}
