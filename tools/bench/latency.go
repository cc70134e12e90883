package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	openRate   = 2000                 // requests a second, whatever becomes of them
	openConns  = 64                   // connections that take turns
	openSlice  = time.Second          // how long one target is asked before the other
	openSlices = 4                    // of each target in a round
	openAim    = time.Millisecond     // what Merlon may add at the 99th percentile
	openLimit  = 10 * time.Second     // an answer that takes longer is an error
	openLate   = 2 * time.Millisecond // a sender that is later than this at the median tells of the machine, not of the server
)

// quantiles of one target.
type quantiles struct {
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
}

// latency is what an open-loop client saw: requests leave by the clock, and each is timed from when it was due. A client
// that waits for answers would leave out just those requests that a pause holds up.
type latency struct {
	Requests int                  `json:"requests"` // of each target
	Errors   int                  `json:"errors"`
	Of       map[string]quantiles `json:"of"`
	order    []string
}

// added is what name adds to asking the upstream directly.
func (l latency) added(name string) quantiles {
	d, m := l.Of["direct"], l.Of[name]
	return quantiles{m.P50 - d.P50, m.P99 - d.P99, m.P999 - d.P999}
}

// openLoop asks the upstream directly, through HAProxy and through Merlon, in short turns, so that whatever else the
// machine does hits all alike.
func (f *field) openLoop(ctx context.Context, p plan, progress io.Writer) (l latency, err error) {
	if err := f.forget(); err != nil {
		return l, err
	}
	targets := []struct{ name, address string }{{"direct", f.address}}
	for _, c := range f.contenders {
		if c.name == "nginx" {
			continue
		}
		proc, err := f.start(ctx, c)
		if err != nil {
			return l, err
		}
		defer func() {
			_, stopErr := proc.stop()
			err = errors.Join(err, stopErr)
		}()
		targets = append(targets, struct{ name, address string }{c.name, c.listen})
	}
	senders := make([]*opener, len(targets))
	for i, t := range targets {
		l.order = append(l.order, t.name)
		if senders[i], err = f.newOpener(ctx, t.address); err != nil {
			return l, fmt.Errorf("%s: %w", t.name, err)
		}
		defer senders[i].close()
		senders[i].run(ctx, openSlice) // to warm up
		senders[i].took, senders[i].errors = nil, 0
	}
	for round := range p.rounds {
		for range openSlices {
			for i := range senders {
				senders[(i+round)%len(senders)].run(ctx, openSlice)
			}
		}
		fmt.Fprintf(progress, "latency, round %d of %d\n", round+1, p.rounds)
	}
	l.Of = map[string]quantiles{}
	for i, s := range senders {
		slices.Sort(s.took)
		if len(s.took) == 0 {
			return l, fmt.Errorf("%s answered nothing", targets[i].name)
		}
		at := func(q float64) time.Duration { return s.took[min(len(s.took)-1, int(q*float64(len(s.took))))] }
		l.Of[targets[i].name] = quantiles{at(0.5), at(0.99), at(0.999)}
		l.Requests, l.Errors = len(s.took), l.Errors+s.errors
	}
	return l, ctx.Err()
}

// opener sends to one target.
type opener struct {
	conns    []net.Conn
	requests []string
	next     int
	took     []time.Duration
	errors   int
}

func (f *field) newOpener(ctx context.Context, address string) (*opener, error) {
	o := &opener{}
	for i, p := range f.work.pieces {
		number := fmt.Sprintf("%0*d", numberBytes, i)
		if p.numberFirst {
			o.requests = append(o.requests, p.a+number+p.b+f.token+p.c)
		} else {
			o.requests = append(o.requests, p.a+f.token+p.b+number+p.c)
		}
	}
	var d net.Dialer
	for range openConns {
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			o.close()
			return nil, err
		}
		o.conns = append(o.conns, c)
	}
	return o, nil
}

func (o *opener) close() {
	for _, c := range o.conns {
		_ = c.Close()
	}
}

// job is one request and when it is due.
type job struct {
	due  time.Time
	text string
}

// run sends for d and adds to took.
func (o *opener) run(ctx context.Context, d time.Duration) {
	n := int(d.Seconds() * openRate)
	jobs := make(chan job, n) // so that the clock never waits for an answer
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range o.conns {
		wg.Go(func() {
			var took []time.Duration
			failed := 0
			br := bufio.NewReader(c)
			for j := range jobs {
				_ = c.SetDeadline(j.due.Add(openLimit))
				if err := ask(c, br, j.text); err != nil {
					failed++
					continue
				}
				took = append(took, time.Since(j.due))
			}
			mu.Lock()
			o.took, o.errors = append(o.took, took...), o.errors+failed
			mu.Unlock()
		})
	}
	// The kernel's own sleep on a thread of its own: the runtime's timers are a millisecond late on an idle machine.
	runtime.LockOSThread()
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / openRate)
		if wait := time.Until(due); wait > 0 {
			t := syscall.NsecToTimespec(int64(wait))
			_ = syscall.Nanosleep(&t, nil)
		}
		if ctx.Err() != nil {
			break
		}
		jobs <- job{due, o.requests[o.next%len(o.requests)]}
		o.next++
	}
	runtime.UnlockOSThread()
	close(jobs)
	wg.Wait()
}

// ask sends a request and reads its answer, which has a length.
func ask(c net.Conn, br *bufio.Reader, request string) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	line, err := br.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(line), "HTTP/1.1 2") {
		return fmt.Errorf("answered %q", line)
	}
	length := -1
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			break
		}
		if name, value, ok := strings.Cut(text, ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err = br.Discard(length)
	return err
}

func (l latency) print(w io.Writer) {
	fmt.Fprintf(w, "\nlatency at %d requests/s by the clock, %d of each target (in ms, from when each was due)\n", openRate, l.Requests)
	fmt.Fprintf(w, "%-8s %8s %8s %8s   %10s %10s %10s\n", "through", "p50", "p99", "p999", "added p50", "p99", "p999")
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	for _, name := range l.order {
		q, a := l.Of[name], l.added(name)
		fmt.Fprintf(w, "%-8s %8.3f %8.3f %8.3f   %10.3f %10.3f %10.3f\n", name, ms(q.P50), ms(q.P99), ms(q.P999), ms(a.P50), ms(a.P99), ms(a.P999))
	}
	if l.Of["direct"].P50 > openLate {
		fmt.Fprintln(w, "asking directly is slow already: the machine is too busy for these figures to mean much")
	}
}

func (l latency) verdicts() []verdict {
	a := l.added("merlon")
	return []verdict{
		{Bar: "latency: p99", Met: a.P99 < openAim, Says: fmt.Sprintf("adds %.3f ms at the 99th percentile (aim: below %.0f ms)", a.P99.Seconds()*1e3, openAim.Seconds()*1e3)},
		{Bar: "latency: answers", Met: l.Errors == 0, Says: fmt.Sprintf("%d errors (bar: 0)", l.Errors)},
	}
}
