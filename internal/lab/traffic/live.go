package traffic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// LiveOptions say how the generator drives a running address.
type LiveOptions struct {
	// Target is host:port. Only loopback is taken: traffic that wears strangers' addresses must not leave the machine.
	Target string
	// Proxy puts a PROXY protocol header of version 1 or 2 before each connection, with the client's address; 0 puts none.
	Proxy int
	// Now is the wall clock; it must be given.
	Now func() time.Time
	// MaxConns bounds connections (one a session): 64 when zero, at most 1,024. MaxRate bounds requests a second: 200 when zero.
	MaxConns int
	MaxRate  float64
	// Pace divides every pause: 1 when zero is real time. Flat leaves the season out, so that a demonstration at night is not empty.
	Pace float64
	Flat bool
	// Timeout bounds one exchange: 15 s when zero.
	Timeout time.Duration
	// Sink, when given, is handed every exchange with its label, one at a time. Its error ends the drive.
	Sink func(Entry) error
}

// LiveCount tells what a live drive did.
type LiveCount struct{ Sessions, Exchanges, Failed int64 }

// ErrNotLoopback marks a target that is not on this machine.
var ErrNotLoopback = errors.New("traffic is driven against loopback only")

// Live drives a loopback address until ctx ends, and then returns what it did with a nil error. Every goroutine it starts has ended by
// then. Options.Start, End and Clock are not used; attacks without At begin at once.
func Live(ctx context.Context, o Options, l LiveOptions) (LiveCount, error) {
	if err := errors.Join(o.check(false), l.check()); err != nil {
		return LiveCount{}, err
	}
	o.Plain = true // plain HTTP/1.1 over TCP
	o.flat = l.Flat
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := &liveDrive{ctx: ctx, cancel: cancel, o: &o, l: &l, slots: make(chan struct{}, l.MaxConns), begun: l.Now()}
	plan(&o, newCrowd(&o), d.begun, d.begun.AddDate(100, 0, 0), d.start)
	<-ctx.Done()
	d.running.Wait()
	n := LiveCount{d.sessions.Load(), d.exchanges.Load(), d.failed.Load()}
	if err := context.Cause(ctx); errors.Is(err, errSink) {
		return n, err
	}
	return n, nil
}

// errSink marks the sink's refusal.
var errSink = errors.New("traffic sink")

// check fills defaults and resolves the target to a loopback address.
func (l *LiveOptions) check() error {
	if l.MaxConns == 0 {
		l.MaxConns = 64
	}
	if l.MaxRate == 0 {
		l.MaxRate = 200
	}
	if l.Pace == 0 {
		l.Pace = 1
	}
	if l.Timeout == 0 {
		l.Timeout = 15 * time.Second
	}
	if l.Now == nil || l.MaxConns < 1 || l.MaxConns > 1024 || l.MaxRate <= 0 || l.MaxRate > MaxRate || l.Pace < 0 || l.Proxy < 0 || l.Proxy > 2 {
		return fmt.Errorf("%w: live needs Now, 1 to 1024 connections, a rate of at most %d, a positive pace and PROXY version 0, 1 or 2", ErrOptions, MaxRate)
	}
	host, port, err := net.SplitHostPort(l.Target)
	if err != nil {
		return fmt.Errorf("%w: target %q: host:port is needed", ErrOptions, l.Target)
	}
	if host == "localhost" { // not looked up: a resolver may say anything
		host = "127.0.0.1"
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.Unmap().IsLoopback() {
		return fmt.Errorf("%w: %q is not", ErrNotLoopback, l.Target)
	}
	l.Target = net.JoinHostPort(host, port)
	return nil
}

// liveDrive runs each session on a goroutine of its own, with real pauses and connections.
type liveDrive struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	o      *Options
	l      *LiveOptions
	begun  time.Time

	running sync.WaitGroup
	slots   chan struct{} // one a session under way
	pace    sync.Mutex
	free    time.Time // when the next request may go, by MaxRate
	sink    sync.Mutex

	sessions, exchanges, failed atomic.Int64
}

// start waits for a session's time and for a free slot, and runs it. Sessions plan their successors when they begin, so each stream
// has at most one waiting, and a slow target slows the arrivals down instead of piling them up.
func (d *liveDrive) start(at time.Time, run func(*session)) {
	d.running.Go(func() {
		if !d.sleep(at.Sub(d.l.Now())) {
			return
		}
		select {
		case d.slots <- struct{}{}:
		case <-d.ctx.Done():
			return
		}
		defer func() { <-d.slots }()
		s := &session{drive: d, r: rand.New(rand.NewPCG(d.o.Seed, 1000+uint64(d.sessions.Add(1))))}
		defer func() {
			if c, ok := s.live.(*liveConn); ok {
				c.close()
			}
		}()
		run(s)
	})
}

// sleep pauses; false means that the drive has ended.
func (d *liveDrive) sleep(pause time.Duration) bool {
	if pause <= 0 {
		return d.ctx.Err() == nil
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-d.ctx.Done():
		return false
	}
}

func (d *liveDrive) wait(_ *session, pause time.Duration) {
	d.sleep(time.Duration(float64(pause) / d.l.Pace))
}

func (d *liveDrive) stopped() bool { return d.ctx.Err() != nil }

func (d *liveDrive) now() time.Time { return d.l.Now() }

// admit waits for the rate's next place.
func (d *liveDrive) admit() bool {
	d.pace.Lock()
	now := d.l.Now()
	if d.free.Before(now) {
		d.free = now
	}
	pause := d.free.Sub(now)
	d.free = d.free.Add(time.Duration(float64(time.Second) / d.l.MaxRate))
	d.pace.Unlock()
	return d.sleep(pause)
}

func (d *liveDrive) exchange(s *session, c *call) reply {
	if !d.admit() {
		return reply{}
	}
	e := Entry{Started: d.l.Now(), Client: s.client(), Site: s.site, Label: s.label}
	e.Request = Request{Method: c.method, URL: "http://" + s.host + c.target, Version: "HTTP/1.1", Headers: s.soft.dress(s, c, false), Body: c.body}
	if err := d.roundTrip(s, c, &e); err != nil {
		if d.ctx.Err() == nil {
			d.failed.Add(1)
			d.sleep(100 * time.Millisecond) // a target that is down is not hammered
		}
		return reply{}
	}
	e.Duration = d.l.Now().Sub(e.Started)
	d.exchanges.Add(1)
	if d.l.Sink != nil {
		d.sink.Lock()
		var err error
		if d.ctx.Err() == nil {
			err = d.l.Sink(e)
		}
		d.sink.Unlock()
		if err != nil {
			d.cancel(fmt.Errorf("%w: %w", errSink, err))
		}
	}
	return reply{e.Response.Status, e.Response.Body, cookiePair(header(e.Response.Headers, "Set-Cookie"))}
}
