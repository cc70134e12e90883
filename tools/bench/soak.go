package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// soakPlan says what happens how often.
type soakPlan struct {
	lasts      time.Duration
	reloads    time.Duration // SIGHUP with another configuration
	certs      time.Duration // and another certificate
	dying      time.Duration // an upstream dies
	dead       time.Duration // and returns after
	handOver   time.Duration // SIGUSR2; 0 for never
	look       time.Duration
	callers    int           // of each of the three kinds
	pace       time.Duration // between the requests of one caller
	patience   time.Duration // for one request
	mayGrow    int           // goroutines and descriptors, over what there was when all was quiet
	afterwards time.Duration // how long it may take to become quiet again
}

func planSoak(lasts, pace time.Duration) soakPlan {
	return soakPlan{
		lasts: lasts, reloads: 10 * time.Second, certs: 30 * time.Second, dying: 7 * time.Second, dead: 2 * time.Second, handOver: max(lasts/20, 20*time.Second),
		look: max(lasts/120, time.Second), callers: 4, pace: pace, patience: 30 * time.Second, mayGrow: 100, afterwards: 2 * time.Minute,
	}
}

// tally is what callers have met.
type tally struct {
	good, mixed, lost, upstream, cut, aborted atomic.Int64
	mu                                        sync.Mutex
	said                                      []string
}

// note keeps the first messages.
func (t *tally) note(kind string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.said) < 40 {
		t.said = append(t.said, time.Now().Format("15:04:05.000 ")+kind+": "+err.Error())
	}
}

// count sorts a result. Answers of 502 to 504 are right while an upstream is dying, and so is the end of an answer that had
// begun; everything else that is not the answer is lost.
func (t *tally) count(err error, dying bool) {
	var status statusError
	var end net.Error
	switch {
	case err == nil:
		t.good.Add(1)
	case errors.Is(err, errMixed):
		t.mixed.Add(1)
		t.note("MIXED", err)
	case errors.As(err, &status) && status >= 502 && status <= 504 && dying:
		t.upstream.Add(1)
	case dying && (errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)):
		t.cut.Add(1)
	case errors.As(err, &end) && end.Timeout():
		t.lost.Add(1)
		t.note("late", err)
	default:
		t.lost.Add(1)
		t.note("lost", err)
	}
}

// isReset tells a stream of HTTP/2 that was reset; net/http does not export its error.
func isReset(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if fmt.Sprintf("%T", err) == "http.http2StreamError" || fmt.Sprintf("%T", err) == "http2.StreamError" {
			return true
		}
	}
	return false
}

// soaked is the result of a soak.
type soaked struct {
	Lasted    time.Duration `json:"lasted_ns"`
	Good      int64         `json:"good"`
	Mixed     int64         `json:"mixed"`
	Lost      int64         `json:"lost"`
	Upstream  int64         `json:"upstream_errors"`
	Cut       int64         `json:"cut_by_upstream"`
	Aborted   int64         `json:"aborted"`
	Reloads   int           `json:"reloads"`
	HandOvers int           `json:"hand_overs"`
	Deaths    int           `json:"deaths"`
	Before    state         `json:"before"`
	After     state         `json:"after"`
	States    []state       `json:"states"`
	Said      []string      `json:"said"`
	Restless  bool          `json:"restless"` // it did not become quiet
}

// world is a soak under way.
type world struct {
	*resident
	plan     soakPlan
	tally    tally
	dyingTil atomic.Int64 // Unix nanoseconds until which errors of upstreams are expected
	out      soaked
	progress io.Writer
}

// dying tells whether an upstream was dead at some time since began.
func (w *world) dying(began time.Time) bool { return began.UnixNano() < w.dyingTil.Load() }

// soak lets callers and trouble loose on a Merlon and looks at both.
func soak(ctx context.Context, program string, p soakPlan, progress io.Writer) (out soaked, err error) {
	r, err := settle(ctx, program, 3)
	w := &world{resident: r, plan: p, progress: progress}
	defer func() { err = errors.Join(err, r.close()) }()
	if err != nil {
		return out, err
	}
	if err := w.warm(ctx); err != nil {
		return out, err
	}
	if w.out.Before, err = r.state(ctx); err != nil {
		return out, err
	}
	began := time.Now()
	life, stop := context.WithTimeout(ctx, p.lasts)
	defer stop()
	var wg sync.WaitGroup
	w.release(life, &wg)
	trouble := w.trouble(life)
	stop()
	wg.Wait()
	w.out.Lasted = time.Since(began)
	if trouble != nil && !errors.Is(trouble, context.DeadlineExceeded) {
		return w.result(), trouble
	}
	if ctx.Err() != nil {
		return w.result(), ctx.Err()
	}
	err = w.calm(ctx)
	return w.result(), err
}

// warm makes one call of each kind, so that what is made once is made.
func (w *world) warm(ctx context.Context) error {
	for i, base := range []string{"http://" + w.plain, "https://" + w.secure, "https://" + w.secure} {
		c := newCaller(fmt.Sprintf("warm%d", i), base, nil, i == 2, w.plan.patience)
		defer c.close()
		for range 50 {
			if err := c.call(ctx, []byte("warm"), 1000, false); err != nil {
				return fmt.Errorf("before anything has happened: %w", err)
			}
		}
	}
	return nil
}

// release starts callers over HTTP/1.1, TLS and HTTP/2, and those that break off.
func (w *world) release(ctx context.Context, wg *sync.WaitGroup) {
	for kind, base := range []string{"http://" + w.plain, "https://" + w.secure, "https://" + w.secure} {
		for i := range w.plan.callers {
			c := newCaller(fmt.Sprintf("k%dc%d", kind, i), base, loopback(kind*100+i), kind == 2, w.plan.patience)
			r := rand.New(rand.NewPCG(uint64(kind), uint64(i)))
			wg.Go(func() { w.calls(ctx, c, r) })
		}
		wg.Go(func() { w.breaks(ctx, base, kind) })
	}
}

// every waits for d or the end of ctx.
func every(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *world) calls(ctx context.Context, c *caller, r *rand.Rand) {
	defer c.close()
	for every(ctx, w.plan.pace) {
		var body []byte
		if r.IntN(3) == 0 {
			body = make([]byte, r.IntN(1<<r.IntN(18)+1))
		}
		began := time.Now()
		// Not ctx: what was begun is finished.
		err := c.call(context.WithoutCancel(ctx), body, r.IntN(1<<r.IntN(19)+1), r.IntN(4) == 0)
		w.tally.count(err, w.dying(began))
		if r.IntN(200) == 0 {
			c.close() // connections are made afresh once in a while
		}
	}
}

// breaks makes calls and goes away in the middle of them.
func (w *world) breaks(ctx context.Context, base string, kind int) {
	c := newCaller(fmt.Sprintf("b%d", kind), base, loopback(kind*100+50), kind == 2, w.plan.patience)
	defer c.close()
	r := rand.New(rand.NewPCG(7, uint64(kind)))
	for every(ctx, 3*w.plan.pace) {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(r.IntN(4000))*time.Microsecond)
		err := c.call(short, make([]byte, r.IntN(300_000)), r.IntN(2_000_000), r.IntN(2) == 0)
		cancel()
		w.tally.aborted.Add(1)
		if errors.Is(err, errMixed) {
			w.tally.count(err, true)
		}
		if kind == 0 {
			w.reset(ctx, r)
		}
	}
}

// reset sends a beginning of a request and resets the connection.
func (w *world) reset(ctx context.Context, r *rand.Rand) {
	d := net.Dialer{Timeout: w.plan.patience, LocalAddr: &net.TCPAddr{IP: loopback(99)}}
	c, err := d.DialContext(ctx, "tcp", w.plain)
	if err != nil {
		return
	}
	const text = "POST /echo/reset?size=100000 HTTP/1.1\r\nHost: soak.example\r\nContent-Length: 10000\r\n\r\nbody"
	_, _ = io.WriteString(c, text[:r.IntN(len(text))])
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	w.tally.aborted.Add(1)
}

// trouble makes what happens to an installation happen, until ctx ends.
func (w *world) trouble(ctx context.Context) error {
	tick := func(d time.Duration) (<-chan time.Time, func()) {
		if d <= 0 {
			return nil, func() {}
		}
		t := time.NewTicker(d)
		return t.C, t.Stop
	}
	reload, stop1 := tick(w.plan.reloads)
	certs, stop2 := tick(w.plan.certs)
	die, stop3 := tick(w.plan.dying)
	hand, stop4 := tick(w.plan.handOver)
	look, stop5 := tick(w.plan.look)
	for _, stop := range []func(){stop1, stop2, stop3, stop4, stop5} {
		defer stop()
	}
	var back <-chan time.Time
	dead := 0
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-certs:
			err = w.newCertificate()
		case <-reload:
			w.out.Reloads++
			err = errors.Join(w.configure(), w.signal(syscall.SIGHUP))
		case <-die:
			if back != nil {
				continue
			}
			w.out.Deaths++
			dead = w.out.Deaths % len(w.upstreams)
			// What is under way there fails; what comes later has two others, and may be tried on the dead one first.
			w.dyingTil.Store(math.MaxInt64)
			w.upstreams[dead].stop()
			back = time.After(w.plan.dead)
		case <-back:
			back = nil
			err = w.upstreams[dead].start()
			w.dyingTil.Store(time.Now().Add(time.Second).UnixNano())
		case <-hand:
			if err = w.handOver(ctx); err == nil {
				w.out.HandOvers++
			}
		case <-look:
			var s state
			if s, err = w.state(ctx); err == nil {
				w.out.States = append(w.out.States, s)
				fmt.Fprintf(w.progress, "soak: %d good, %d mixed, %d lost, %d by upstreams, %d aborted; %d reloads, %d hand-overs; %.0f goroutines, %d descriptors, %.0f MB\n", w.tally.good.Load(), w.tally.mixed.Load(),
					w.tally.lost.Load(), w.tally.upstream.Load()+w.tally.cut.Load(), w.tally.aborted.Load(), w.out.Reloads, w.out.HandOvers, s.Goroutines, s.Descriptors, float64(s.Memory.RSS)/mega)
			}
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// calm waits until nothing is left of the callers, and notes what there is then.
func (w *world) calm(ctx context.Context) error {
	for _, u := range w.upstreams {
		if err := u.start(); err != nil {
			return err
		}
	}
	late := time.Now().Add(w.plan.afterwards)
	for {
		var err error
		if w.out.After, err = w.state(ctx); err != nil {
			return err
		}
		a, b := w.out.After, w.out.Before
		if a.Connections <= b.Connections && a.Goroutines <= b.Goroutines+float64(w.plan.mayGrow) && a.Descriptors <= b.Descriptors+w.plan.mayGrow {
			return nil
		}
		if time.Now().After(late) || !every(ctx, time.Second) {
			w.out.Restless = true
			return ctx.Err()
		}
	}
}

func (w *world) result() soaked {
	t := &w.tally
	o := &w.out
	o.Good, o.Mixed, o.Lost, o.Upstream, o.Cut, o.Aborted = t.good.Load(), t.mixed.Load(), t.lost.Load(), t.upstream.Load(), t.cut.Load(), t.aborted.Load()
	o.Said = t.said
	return *o
}

// third is the mean resident memory over the n-th third (from 1) of the looks.
func (s soaked) third(n int) float64 {
	k := len(s.States) / 3
	sum := 0.0
	for _, one := range s.States[(n-1)*k : n*k] {
		sum += float64(one.Memory.RSS)
	}
	return sum / float64(max(1, k))
}

func (s soaked) print(w io.Writer) {
	fmt.Fprintf(w, "\nsoak of %s: %d answers checked by content, %d calls broken off by us; %d reloads, %d hand-overs, %d deaths of upstreams (%d answers %d to %d, %d cut off by them)\n",
		s.Lasted.Round(time.Second), s.Good, s.Aborted, s.Reloads, s.HandOvers, s.Deaths, s.Upstream, http.StatusBadGateway, http.StatusGatewayTimeout, s.Cut)
	fmt.Fprintf(w, "when quiet: %.0f goroutines and %d descriptors before, %.0f and %d after; RSS %.0f MB before, %.0f MB after\n",
		s.Before.Goroutines, s.Before.Descriptors, s.After.Goroutines, s.After.Descriptors, float64(s.Before.Memory.RSS)/mega, float64(s.After.Memory.RSS)/mega)
	for _, line := range s.Said {
		fmt.Fprintln(w, line)
	}
}

// maxSoakGrowth is the resident memory of the last third of a soak against the second: hand-overs begin anew each time, so
// that it swings more than in an endurance run.
const maxSoakGrowth = 1.25

func (s soaked) verdicts() []verdict {
	second, last := s.third(2), s.third(3)
	return []verdict{
		{Bar: "soak: mixed answers", Met: s.Mixed == 0 && s.Good > 0, Says: fmt.Sprintf("%d of %d answers belonged to another request or were changed (bar: 0)", s.Mixed, s.Good)},
		{Bar: "soak: lost answers", Met: s.Lost == 0, Says: fmt.Sprintf("%d requests had no answer, or an error without a dying upstream (bar: 0)", s.Lost)},
		{Bar: "soak: leaks", Met: !s.Restless, Says: fmt.Sprintf("goroutines %+.0f, descriptors %+d when quiet again (bar: at most +100 each)", s.After.Goroutines-s.Before.Goroutines, s.After.Descriptors-s.Before.Descriptors)},
		{Bar: "soak: memory", Met: last <= maxSoakGrowth*second, Says: fmt.Sprintf("RSS %.0f MB in the second third, %.0f MB in the last (bar: last at most %.2f times second)", second/mega, last/mega, maxSoakGrowth)},
	}
}
