package stream

import (
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// quiet waits until no request is under way.
func (r *rig) quiet() {
	r.t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	late := time.After(20 * time.Second)
	for r.server.Requests() > 0 {
		select {
		case <-again.C:
		case <-late:
			r.t.Fatal("requests do not end")
		}
	}
}

// TestIdleMakesRoom: a connection without requests is closed when its place is needed, one with a request never is.
func TestIdleMakesRoom(t *testing.T) {
	admission := listen.NewAdmission(listen.AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	asked, answer := make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(asked)
			<-answer
		}
		ok(w, r)
	}), func(o *setup) { o.Admission = admission })
	conn := r.dial()
	await := func(stream uint32) {
		t.Helper()
		for {
			kind, flags, id, _, err := conn.next()
			if err != nil {
				t.Fatal(err)
			}
			if kind == frameData && id == stream && flags&flagEndStream != 0 {
				return
			}
		}
	}
	if err := conn.send(preface, frame(frameSettings, 0, 0, ""), frame(frameHeaders, flagEndHeaders|flagEndStream, 1, get("/slow"))); err != nil {
		t.Fatal(err)
	}
	<-asked
	if n := admission.Shed(10); n != 0 {
		t.Fatalf("%d connections with a request were closed", n)
	}
	// A second request that ends first changes nothing.
	if err := conn.send(frame(frameHeaders, flagEndHeaders|flagEndStream, 3, get("/"))); err != nil {
		t.Fatal(err)
	}
	await(3)
	r.wait(1)
	if n := admission.Shed(10); n != 0 {
		t.Fatalf("%d connections with a request were closed", n)
	}
	close(answer)
	await(1)
	r.quiet()
	if n := admission.Shed(10); n != 1 {
		t.Fatalf("%d idle connections were closed", n)
	}
	conn.drain() // ends
	for _, e := range r.wait(2) {
		if e.Outcome != event.OutcomeAnswered || e.Anomalies != 0 {
			t.Errorf("%v %v", e.Outcome, e.Anomalies)
		}
	}
	if got := admission.Stats().Open; got != 0 {
		t.Errorf("%d places are taken", got)
	}
}

// TestNoMemory: when memory is used up, requests are refused, one event each.
func TestNoMemory(t *testing.T) {
	r := newRig(t, http.HandlerFunc(ok), func(o *setup) {
		o.Admission = listen.NewAdmission(listen.AdmissionOptions{
			Pressure: func() float64 { return 0.99 }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
	})
	res, _ := r.do(r.request("GET", "/", nil))
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	if e := r.wait(1)[0]; e.Outcome != event.OutcomeRefused || e.Status != http.StatusServiceUnavailable {
		t.Errorf("%v %d", e.Outcome, e.Status)
	}
}

// TestQUICPlaces: QUIC connections count among all others, for their network, too.
func TestQUICPlaces(t *testing.T) {
	client := netip.MustParseAddrPort("192.0.2.1:4433")
	admission := listen.NewAdmission(listen.AdmissionOptions{
		Connections: 2, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Refuse: func(a netip.Addr, ja4 string) bool { return a == netip.MustParseAddr("198.51.100.1") || ja4 == "bad" },
	})
	ends := 0
	place := func() *listen.Conn {
		t.Helper()
		c, err := admission.QUIC(client, func() { ends++ })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, two := place(), place()
	if !one.Busy() || !two.Busy() {
		t.Fatal("closed")
	}
	if _, err := admission.QUIC(client, func() {}); err == nil {
		t.Error("three connections on two places")
	}
	two.Idle()
	three := place()
	if ends != 1 || !two.Shed() || two.Busy() {
		t.Errorf("the idle one has not made room: %d", ends)
	}
	_, _, _ = one.Close(), two.Close(), three.Close()
	if got := admission.Stats(); got.Open != 0 || got.Networks != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := admission.QUIC(netip.MustParseAddrPort("198.51.100.1:1"), func() {}); err == nil {
		t.Error("a listed client was admitted")
	}
	if !admission.Listed(client.Addr(), "bad") || admission.Listed(client.Addr(), "good") {
		t.Error("fingerprints are not asked about")
	}
}

// drip is a body that takes its time on a clock of the test's.
type drip struct {
	now   *time.Time
	takes time.Duration
	gives int
}

func (d *drip) Read(p []byte) (int, error) {
	*d.now = d.now.Add(d.takes)
	return d.gives, nil
}

func (d *drip) Close() error { return nil }

// TestBodyRate: how long a body may keep us waiting moves by what has come, within the time-out of one wait; time in which
// nobody reads does not count.
func TestBodyRate(t *testing.T) {
	const s = time.Second
	type step struct {
		between, takes time.Duration
		gives          int
		patience       time.Duration // before the read
	}
	for _, tc := range []struct {
		name     string
		rate     int
		protocol exchange.RPCProtocol
		steps    []step
	}{
		{"no rate", 0, 0, []step{{0, 10 * s, 1, 30 * s}, {0, 29 * s, 1, 30 * s}}},
		{"at the rate", 100, 0, []step{{0, s, 100, 5 * s}, {0, s, 100, 5 * s}, {0, s, 100, 5 * s}}},
		{"below the rate", 100, 0, []step{{0, 2 * s, 10, 5 * s}, {0, 2 * s, 10, 3100 * time.Millisecond}, {0, 2 * s, 0, 1200 * time.Millisecond}, {0, 0, 0, -800 * time.Millisecond}}},
		{"a slow upstream", 100, 0, []step{{0, s, 1000, 5 * s}, {60 * s, s, 100, 14 * s}, {60 * s, s, 0, 14 * s}}},
		{"credit is bounded", 100, 0, []step{{0, s, 32000, 5 * s}, {0, 28 * s, 0, 30 * s}, {0, 0, 0, 2 * s}}},
		{"a call", 100, exchange.GRPC, []step{{0, 20 * s, 1, 30 * s}, {0, 20 * s, 1, 30 * s}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Unix(1_000_000, 0)
			o := Options{BodyRate: tc.rate, Now: func() time.Time { return now }}
			o.fill()
			f := newFlow(&Server{o: o})
			f.head.ContentLength = -1
			f.rate = f.s.rateOf(tc.protocol)
			for i, st := range tc.steps {
				now = now.Add(st.between)
				if got := time.Duration(f.patience()); got != st.patience {
					t.Errorf("step %d: %v, want %v", i, got, st.patience)
				}
				f.carrier = &quicMessage{r: &http.Request{Body: &drip{&now, st.takes, st.gives}}}
				if _, err := f.read(make([]byte, 32000)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestSlowBodyRate: a client that sends a byte now and then is told so, and is one event.
func TestSlowBodyRate(t *testing.T) {
	for _, c := range []struct {
		name    string
		inspect int // of the body: it is held, or streams on
	}{{"held", 0}, {"streaming", 10}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, http.HandlerFunc(echo), func(o *setup) {
				o.BodyRate, o.Timeouts.Body, o.InspectRequest = 100_000, time.Second, c.inspect
			})
			body, feed := io.Pipe()
			go func() {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for range tick.C {
					if _, err := io.WriteString(feed, strings.Repeat("x", 20)); err != nil {
						return
					}
				}
			}()
			res, _ := r.do(r.request("POST", "/", body))
			_ = body.Close()
			if res.StatusCode != http.StatusRequestTimeout {
				t.Errorf("%s", res.Status)
			}
			r.quiet()
			events := r.wait(1)
			if e := events[0]; len(events) != 1 || !e.Anomalies.Has(exchange.AnomalyTimeout) || e.Outcome != event.OutcomeRefused || len(e.Findings) == 0 {
				t.Errorf("%d events, the first %v %v %v", len(events), e.Anomalies, e.Outcome, e.Findings)
			}
		})
	}
}
