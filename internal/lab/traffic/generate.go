package traffic

import (
	"container/heap"
	"context"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"
)

// Generate drives h in event time and hands every exchange to sink, in the order of their starts. It returns the context's or sink's
// error. Requests are made one at a time on the calling goroutine.
func Generate(ctx context.Context, o Options, h http.Handler, sink func(Entry) error) error {
	if err := o.check(true); err != nil {
		return err
	}
	d := &eventDrive{base: new(http.Request).WithContext(ctx), o: &o, h: h, sink: sink}
	o.Clock.set(o.Start)
	plan(&o, newCrowd(&o), o.Start, o.End, func(at time.Time, run func(*session)) { d.start(at, run) })
	defer d.end()
	for len(d.queue) > 0 && d.err == nil {
		if d.err = ctx.Err(); d.err != nil {
			break
		}
		v := d.queue[0]
		if !v.at.Before(o.End) {
			break
		}
		o.Clock.set(v.at)
		if pause, more := v.next(); more {
			v.at = v.at.Add(pause)
			heap.Fix(&d.queue, 0)
		} else {
			heap.Pop(&d.queue)
		}
	}
	return d.err
}

// eventDrive lets sessions be coroutines on one fake clock: a pause yields to the queue.
type eventDrive struct {
	base  *http.Request // carries the context
	o     *Options
	h     http.Handler
	sink  func(Entry) error
	queue visits
	count uint64
	err   error
	over  bool
	w     recorder
}

// visit is a session in the queue.
type visit struct {
	at    time.Time
	n     uint64 // order among equals
	next  func() (time.Duration, bool)
	stop  func()
	yield func(time.Duration) bool
}

func (d *eventDrive) start(at time.Time, run func(*session)) {
	d.count++
	v := &visit{at: at, n: d.count}
	s := &session{drive: d, r: rand.New(rand.NewPCG(d.o.Seed, 1000+d.count)), live: v}
	v.next, v.stop = iter.Pull(func(yield func(time.Duration) bool) {
		v.yield = yield
		run(s)
	})
	heap.Push(&d.queue, v)
}

func (d *eventDrive) wait(s *session, pause time.Duration) {
	if !d.over && d.err == nil && !s.live.(*visit).yield(pause) {
		d.over = true
	}
}

func (d *eventDrive) stopped() bool { return d.over || d.err != nil }

func (d *eventDrive) now() time.Time { return d.o.Clock.Now() }

// end lets every session that is still under way run to its end with nothing more to do.
func (d *eventDrive) end() {
	d.over = true
	for _, v := range d.queue {
		v.stop()
	}
}

func (d *eventDrive) exchange(s *session, c *call) reply {
	e := Entry{Started: d.now(), Client: s.client(), Site: s.site, Label: s.label}
	h2 := e.Client.H2 != "" && !c.upgrade // WebSockets stay on HTTP/1.1
	e.Request = Request{Method: c.method, URL: "https://" + s.host + c.target, Version: "HTTP/1.1", Headers: s.soft.dress(s, c, h2), Body: c.body}
	if h2 {
		e.Request.Version = "HTTP/2.0"
	} else {
		e.Client.H2 = ""
	}
	r, err := inProcess(d.base, &e)
	if err != nil { // a word list's line that is no request target: the client would not have sent it
		return reply{}
	}
	d.w.reset()
	d.h.ServeHTTP(&d.w, r)
	e.Response = d.w.response(e.Request.Version, e.Started)
	e.Duration = s.latency(c, len(e.Response.Body))
	if d.err = d.sink(e); d.err != nil {
		return reply{}
	}
	d.wait(s, e.Duration)
	return reply{e.Response.Status, e.Response.Body, cookiePair(header(e.Response.Headers, "Set-Cookie"))}
}

// visits is a heap by time.
type visits []*visit

func (q visits) Len() int { return len(q) }
func (q visits) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].n < q[j].n
}
func (q visits) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *visits) Push(x any)   { *q = append(*q, x.(*visit)) }
func (q *visits) Pop() any {
	old := *q
	v := old[len(old)-1]
	*q = old[:len(old)-1]
	return v
}
