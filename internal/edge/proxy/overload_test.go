package proxy

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// tape is a socket that gives what it is told to, and remembers its deadline.
type tape struct {
	net.Conn
	gives    int
	deadline time.Time
}

// Read implements net.Conn.
func (s *tape) Read(p []byte) (int, error) { return min(s.gives, len(p)), nil }

// SetReadDeadline implements net.Conn.
func (s *tape) SetReadDeadline(t time.Time) error { s.deadline = t; return nil }

// TestBodyRate: the deadline of a body moves by what has come, and never further ahead than the time-out of one wait.
func TestBodyRate(t *testing.T) {
	type step struct {
		after time.Duration // passes before the read
		gives int           // bytes that the read returns
		left  time.Duration // between the read's beginning and its deadline; some slack is allowed, upwards never
	}
	const s = time.Second
	for _, tc := range []struct {
		name  string
		rate  int
		steps []step
	}{
		{"no rate", 0, []step{{0, 1, 30 * s}, {10 * s, 1, 30 * s}, {29 * s, 1, 30 * s}}},
		{"at the rate", 100, []step{{0, 100, 5 * s}, {s, 100, 5 * s}, {s, 100, 5 * s}, {s, 100, 5 * s}}},
		{"below the rate", 100, []step{{0, 10, 5 * s}, {2 * s, 10, 3100 * time.Millisecond}, {2 * s, 10, 1200 * time.Millisecond}, {s, 10, 300 * time.Millisecond}, {s, 0, -600 * time.Millisecond}}},
		{"a pause after a good beginning", 100, []step{{0, 1500, 5 * s}, {18 * s, 1500, 2 * s}}},
		{"credit is bounded", 100, []step{{0, 8000, 5 * s}, {s, 8000, 29 * s}, {28 * s, 100, 2 * s}, {2 * s, 1, s}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Unix(1_000_000, 0)
			sock := &tape{}
			o := Options{BodyRate: tc.rate, Now: func() time.Time { return now }}
			o.fill()
			c := &conn{s: &Server{o: o}, nc: &listen.Conn{Conn: sock, Raw: sock}, work: newWork().(*work)}
			for i, st := range tc.steps {
				now = now.Add(st.after)
				sock.gives = st.gives
				c.start, c.end = 0, 0
				_ = c.fillBody()
				left := sock.deadline.Sub(now)
				slack := max(st.left/4, 0)
				if left > st.left+slack || left < st.left-slack {
					t.Errorf("step %d: %v left, want %v", i, left, st.left)
				}
			}
		})
	}
}

// TestSlowBodyIsRefused: a client that sends a byte now and then is told so, and is one event.
func TestSlowBodyIsRefused(t *testing.T) {
	r := newRig(t, echo, func(o *rigOptions) { o.BodyRate, o.Timeouts.Body = 10_000, 300*time.Millisecond })
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			case <-stop:
				return
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 408 {
		t.Fatalf("%v, %v", resp, err)
	}
	e := r.wait(1)[0]
	if !e.Anomalies.Has(exchange.AnomalyTimeout) || e.Outcome != event.OutcomeRefused || len(e.Findings) == 0 {
		t.Errorf("%+v", e)
	}
}

// TestSlowReaderIsCut: a client that does not read its answer does not hold the upstream for ever, and is one event.
func TestSlowReaderIsCut(t *testing.T) {
	ended := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		block := []byte(strings.Repeat("x", 64<<10))
		for {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}), func(o *rigOptions) { o.Timeouts.Body = 100 * time.Millisecond })
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	e := r.wait(1)[0]
	if !e.Anomalies.Has(exchange.AnomalyTimeout) || e.Outcome != event.OutcomeClientGone || len(e.Findings) == 0 {
		t.Errorf("outcome %v, anomalies %v, findings %v", e.Outcome, e.Anomalies, e.Findings)
	}
	<-ended // the upstream was let go
}

// memory is a pressure that tests set.
type memory struct{ bits atomic.Uint64 }

func (m *memory) set(p float64)     { m.bits.Store(math.Float64bits(p)) }
func (m *memory) pressure() float64 { return math.Float64frombits(m.bits.Load()) }

func TestMemoryPressure(t *testing.T) {
	var m memory
	a := listen.NewAdmission(listen.AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler), Pressure: m.pressure})
	r := newRig(t, echo, func(o *rigOptions) { o.Admission = a })
	const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for i, tc := range []struct {
		name     string
		pressure float64
		says     string
		not      string
	}{
		{"room", 0.5, "HTTP/1.1 200", "Connection: close"},
		{"little", 0.95, "Connection: close", "HTTP/1.1 503"},
		{"none", 0.98, "HTTP/1.1 503", "HTTP/1.1 200"},
		{"room again", 0.5, "HTTP/1.1 200", "Connection: close"},
	} {
		m.set(tc.pressure)
		got := r.raw(request, 1)
		if !strings.Contains(got, tc.says) || strings.Contains(got, tc.not) {
			t.Errorf("%s: %s", tc.name, got)
		}
		e := r.wait(i + 1)[i]
		if refused := tc.pressure > listen.PressureFull; refused != (e.Outcome == event.OutcomeRefused) || refused && (e.Status != 503 || !strings.Contains(got, "Retry-After: 5")) {
			t.Errorf("%s: %+v", tc.name, e)
		}
	}
}

// TestIdleConnectionsMakeRoom: with every place taken by clients that are silent, one that asks is served.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	a := listen.NewAdmission(listen.AdmissionOptions{Connections: 4, PerNetwork: 100, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	r := newRig(t, echo, func(o *rigOptions) { o.Admission = a })
	for i := range 4 {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))

		_, _ = io.WriteString(c, "PROXY TCP4 192.0.2.1 127.0.0.1 1234 80\r\n")
		if i == 0 { // one waits after its answer, one in the middle of a head
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
				t.Fatal(err)
			}
		}
		if i == 3 {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHo")
		}
	}
	for range 8 {
		if got := r.raw("PROXY TCP4 198.51.100.1 127.0.0.1 1234 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Error(got)
		}
	}
	if s := a.Stats(); s.Shed == 0 || s.RefusedFull != 0 {
		t.Errorf("%+v", s)
	}
}

// TestConnectionFlood: while 5,000 addresses open connections without end, say nothing or half a head on them and never
// close one, a client that asks is answered.
func TestConnectionFlood(t *testing.T) {
	const addresses, flooders = 5000, 3
	asks := 200
	if raceDetector {
		asks = 20 // everything takes ten times as long
	}
	a := listen.NewAdmission(listen.AdmissionOptions{Connections: 200, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	r := newRig(t, echo, func(o *rigOptions) { o.Admission, o.trusted = a, []netip.Prefix{} })
	stop := make(chan struct{})
	var flood sync.WaitGroup
	var number atomic.Int64
	for range flooders {
		flood.Go(func() {
			var mine [300]net.Conn // the flooder's own descriptors are bounded
			for i := 0; ; i++ {
				select {
				case <-stop:
					for _, c := range mine {
						if c != nil {
							_ = c.Close()
						}
					}
					return
				default:
				}
				n := int(number.Add(1)) % addresses
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1+byte(n/2500), byte(n/10%250), byte(1+n%10))}}
				c, err := d.Dial("tcp", r.addr)
				if err != nil {
					continue
				}
				if i%2 == 0 {
					_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHo")
				}
				if old := mine[i%len(mine)]; old != nil {
					_ = old.Close()
				}
				mine[i%len(mine)] = c
			}
		})
	}
	failed := 0
	for range asks {
		if err := ask(r.addr); err != nil {
			failed++
			t.Log(err)
		}
	}
	close(stop)
	flood.Wait()
	s := a.Stats()
	t.Logf("%d connections of the flood, %+v", number.Load(), s)
	if failed > asks/1000 {
		t.Errorf("%d of %d honest requests failed", failed, asks)
	}
	if s.Shed == 0 {
		t.Error("it was no flood: nothing had to make room")
	}
}

// ask is one honest client: it connects, asks and leaves.
func ask(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(b), "HTTP/1.1 200") {
		return fmt.Errorf("got %.80q", b)
	}
	return nil
}
