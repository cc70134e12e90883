package scenario

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// expected is what the codec makes of one request of a connection.
type expected struct {
	anomalies exchange.Anomalies
	refused   bool // by the codec
	cut       bool // the bytes end before the request does
	path      string
}

// reads says which requests a connection's bytes are, by the codec alone: at most one of them is broken, and it is the last.
func reads(wire []byte) (out []expected) {
	l := http1.DefaultLimits()
	var h http1.RequestHead
	var b http1.Body
	for len(wire) > 0 {
		n, err := h.Parse(wire, &l)
		if errors.Is(err, http1.ErrNeedMore) {
			return append(out, expected{cut: true})
		}
		e := expected{anomalies: h.Anomalies, path: string(h.Path)}
		if err != nil {
			e.refused = true
			return append(out, e)
		}
		keep := h.KeepAlive
		b.BeginRequest(&h, &l)
		wire = wire[n:]
		for !b.Done() {
			if len(wire) == 0 {
				e.cut = true
				return append(out, e)
			}
			_, n, _, err := b.Next(wire)
			e.anomalies.Union(b.Anomalies)
			if err != nil {
				e.refused = true
				return append(out, e)
			}
			wire = wire[n:]
		}
		out = append(out, e)
		if !keep {
			break
		}
	}
	return out
}

// seen is what the proxy's event says.
type seen struct {
	anomalies exchange.Anomalies
	outcome   event.Outcome
	status    uint16
	findings  []string
}

// storm is a proxy with an upstream, and all events by the client address that its connection claims.
type storm struct {
	t      *testing.T
	addr   string
	server *proxy.Server
	queue  *event.Queue
	events map[netip.Addr][]seen
	// smuggled counts what the upstream was asked for under that path.
	smuggled atomic.Int64
	stop     func()
}

func newStorm(t *testing.T) *storm {
	s := &storm{t: t, queue: event.NewQueue(100_000), events: map[netip.Addr][]seen{}}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/smuggled") {
			s.smuggled.Add(1)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	up.Config.ErrorLog = nil
	one, err := upstream.ParseTarget(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	eng, mistakes := engine.New(engine.Options{
		Queue: s.queue, Namer: event.NewNamer(1, 1), Node: "n",
		Panicked: func(stage string, v any, stack []byte) { t.Errorf("%s panicked: %v\n%s", stage, v, stack) },
	}, engine.Input{Bundle: &bundle.Bundle{Sites: []bundle.Site{{Name: site, Default: true}}}, Keys: map[string]dataclass.Key{site: {1}}})
	if eng == nil {
		t.Fatal(mistakes)
	}
	log := slog.New(slog.DiscardHandler)
	group := upstream.NewGroup(upstream.Options{Site: site, Targets: []upstream.Target{one}, Log: log, Now: time.Now})
	s.server = proxy.New(proxy.Options{
		Engine: eng, Sites: map[string]*upstream.Group{site: group}, Log: log, Now: time.Now,
		Timeouts: proxy.Timeouts{Head: 2 * time.Second, Body: 3 * time.Second},
	})
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	served, drained := make(chan error, 1), make(chan struct{})
	go func() {
		served <- s.server.Serve(listen.New(l, listen.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: time.Now, Log: log}))
	}()
	go s.collect(drained)
	s.stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, proxy.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
		up.Close()
		s.queue.Close()
		<-drained
	}
	return s
}

func (s *storm) collect(drained chan<- struct{}) {
	defer close(drained)
	for batch := s.queue.Take(context.Background()); batch != nil; batch = s.queue.Take(context.Background()) {
		for _, e := range batch {
			v := seen{anomalies: e.Anomalies, outcome: e.Outcome, status: e.Status}
			for i := range e.Findings {
				v.findings = append(v.findings, e.Findings[i].ID)
			}
			s.events[e.Client] = append(s.events[e.Client], v)
		}
		s.queue.Release(batch...)
	}
}

// client is the address that connection i claims.
func client(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// send sends one shape and returns the statuses it was answered with. It returns when the proxy has closed the connection,
// which it does after it has published the events.
func (s *storm) send(i int, sh *shape) (statuses []int, err error) {
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(25 * time.Second))
	sent := make(chan struct{})
	go func() { // the proxy may refuse before it has read everything, so it is read from meanwhile
		defer close(sent)
		_, werr := c.Write(append(fmt.Appendf(nil, "PROXY TCP4 %s 127.0.0.1 1000 80\r\n", client(i)), sh.wire...))
		if half, ok := c.(*net.TCPConn); ok && !sh.hold && werr == nil {
			_ = half.CloseWrite()
		}
	}()
	br := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			break // the end, or bytes that were answered to a HEAD
		}
		statuses = append(statuses, resp.StatusCode)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			break
		}
	}
	if _, err := io.Copy(io.Discard, br); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return statuses, errors.New("the proxy did not close the connection")
	}
	<-sent
	return statuses, nil
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// TestMalformedRequests: ten thousand connections of trouble leave the proxy serving. Each request is one event, each broken
// one says why, nothing hidden in another request reaches the upstream, and nothing is left behind.
func TestMalformedRequests(t *testing.T) {
	const connections, atOnce = 10_000, 96
	running := goleak.IgnoreCurrent()
	all := shapes(t, connections)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)

	began := time.Now()
	s := newStorm(t)
	next := atomic.Int64{}
	var wg sync.WaitGroup
	var bad sync.Map
	for range atOnce {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				statuses, err := s.send(i, &all[i])
				if err != nil {
					bad.Store(i, err.Error())
				} else if all[i].control && !slices.Equal(statuses, []int{200}) {
					bad.Store(i, fmt.Sprintf("an ordinary request was answered %v", statuses))
				}
			}
		})
	}
	wg.Wait()
	last := shape{family: "control", wire: []byte("GET /after HTTP/1.1\r\nHost: a.example\r\n\r\n")}
	if statuses, err := s.send(connections, &last); err != nil || !slices.Equal(statuses, []int{200}) {
		t.Errorf("an ordinary request afterwards: %v %v", statuses, err)
	}
	s.stop()
	took := time.Since(began)
	bad.Range(func(i, why any) bool {
		t.Errorf("%s %q: %s", all[i.(int)].family, head(all[i.(int)].wire), why)
		return true
	})
	s.judge(append(all, last))

	goleak.VerifyNone(t, running)
	if n := s.server.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	clear(s.events)
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("%d MB are left on the heap", grown>>20)
	}
	t.Logf("%d connections in %v", len(all), took.Round(time.Millisecond))
}

// judge holds the events against what the codec makes of the same bytes.
func (s *storm) judge(all []shape) {
	t := s.t
	families, requests, wrong := map[string]int{}, 0, 0
	honest := int64(0)
	for i := range all {
		sh := &all[i]
		want, got := reads(sh.wire), s.events[client(i)]
		families[sh.family] += len(got)
		requests += len(want)
		for _, w := range want {
			if strings.HasPrefix(w.path, "/smuggled") && !w.refused && !w.cut {
				honest++
			}
		}
		if why := differ(sh, want, got); why != "" {
			if wrong++; wrong <= 20 {
				t.Errorf("connection %d, %s %q: %s\nwant %+v\n got %+v", i, sh.family, head(sh.wire), why, want, got)
			}
		}
	}
	if wrong > 20 {
		t.Errorf("%d connections are wrong", wrong)
	}
	if n := s.smuggled.Load(); n > honest {
		t.Errorf("the upstream was asked for the hidden path %d times, and only %d requests for it were sent openly", n, honest)
	}
	if d := s.queue.Dropped(); d != 0 {
		t.Errorf("%d events dropped", d)
	}
	t.Logf("%d requests, events by family: %v", requests, families)
}

// differ says in what the events of a connection are not what was sent.
func differ(sh *shape, want []expected, got []seen) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d events, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		for a := range g.anomalies.All() {
			if !slices.Contains(g.findings, a.String()) {
				return fmt.Sprintf("event %d: %s has no finding", i, a)
			}
		}
		late := g.anomalies.Has(exchange.AnomalyTimeout) // a busy machine may take so long to send that time is up first
		switch {
		case w.cut && sh.hold:
			if !late || g.outcome != event.OutcomeRefused || g.status != 408 {
				return fmt.Sprintf("event %d: held open, and not refused in time", i)
			}
		case w.cut:
			if !late && !g.anomalies.Has(exchange.AnomalyIncomplete) {
				return fmt.Sprintf("event %d: cut short, and nothing says so", i)
			}
		case late:
		case w.refused && g.outcome != event.OutcomeRefused:
			return fmt.Sprintf("event %d: the codec refuses it, and the outcome is %d", i, g.outcome)
		case w.refused && len(g.findings) == 0:
			return fmt.Sprintf("event %d: refused without a finding", i)
		case w.refused && (g.status < 400 || g.status > 599):
			return fmt.Sprintf("event %d: refused with %d", i, g.status)
		case w.anomalies&^g.anomalies != 0:
			return fmt.Sprintf("event %d: anomalies are missing", i)
		case !w.refused && w.anomalies == 0 && g.outcome == event.OutcomeRefused:
			return fmt.Sprintf("event %d: a sound request is refused", i)
		}
	}
	return ""
}

func head(b []byte) []byte { return b[:min(len(b), 160)] }
