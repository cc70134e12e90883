package stream

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
)

// rig is a Server on loopback before an upstream, with every event it made.
type rig struct {
	t      testing.TB
	server *Server
	engine *engine.Engine
	queue  *event.Queue
	addr   string
	client *http.Client
	up     *httptest.Server

	mu     sync.Mutex
	events []*event.Event
	more   chan struct{}
}

// setup is what a test changes.
type setup struct {
	Options
	scheme string // of the upstream: http, or h2c
	policy string
	target *upstream.Target // instead of one that a handler stands behind
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

func newRig(t testing.TB, handler http.Handler, change func(*setup)) *rig {
	t.Helper()
	r := &rig{t: t, queue: event.NewQueue(100_000), more: make(chan struct{}, 1)}
	o := setup{Options: Options{Log: slog.New(slog.DiscardHandler), Now: time.Now}, scheme: "http"}
	if change != nil {
		change(&o)
	}
	var mistakes []policy.Mistake
	site := bundle.Site{Name: "acme", Default: true}
	if o.policy != "" {
		parsed, wrong := policy.Parse("policy", []byte(o.policy), nil)
		if len(policy.Faults(wrong)) > 0 {
			t.Fatal(wrong)
		}
		site.Policy = parsed
	}
	r.engine, mistakes = engine.New(engine.Options{
		Queue: r.queue, Namer: event.NewNamer(1, 1), Node: "n",
		Panicked: func(stage string, v any, stack []byte) { t.Errorf("%s panicked: %v\n%s", stage, v, stack) },
	}, engine.Input{
		Bundle: &bundle.Bundle{Sites: []bundle.Site{site}}, Keys: map[string]dataclass.Key{"acme": {1}},
	})
	if r.engine == nil {
		t.Fatal(mistakes)
	}
	o.Engine = r.engine
	var group *upstream.Group
	if handler != nil {
		r.up = httptest.NewUnstartedServer(handler)
		var p http.Protocols
		p.SetHTTP1(true)
		p.SetUnencryptedHTTP2(true)
		r.up.Config.Protocols = &p
		r.up.Start()
		target, err := upstream.ParseTarget(o.scheme + "://" + r.up.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		group = upstream.NewGroup(upstream.Options{Site: "acme", Targets: []upstream.Target{target}, Log: o.Log, Now: time.Now})
	}
	if o.target != nil {
		group = upstream.NewGroup(upstream.Options{Site: "acme", Targets: []upstream.Target{*o.target}, Log: o.Log, Now: time.Now, Dial: o.dial})
	}
	o.Upstreams = func(string) *upstream.Group { return group }
	r.server = New(o.Options)
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = nl.Addr().String()
	l := listen.New(nl, listen.Options{H2C: true, Admission: o.Admission, Now: time.Now, Log: o.Log})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer nc.Close()
				if lc, err := l.Open(context.Background(), nc); err == nil && lc.HTTP2 {
					r.server.ServeConn(lc)
				}
			})
		}
	})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for batch := r.queue.Take(context.Background()); batch != nil; batch = r.queue.Take(context.Background()) {
			r.mu.Lock()
			r.events = append(r.events, batch...)
			r.mu.Unlock()
			select {
			case r.more <- struct{}{}:
			default:
			}
		}
	}()
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &p, DisableCompression: true}
	r.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		transport.CloseIdleConnections()
		if err := r.server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		_ = nl.Close()
		serving.Wait()
		if group != nil {
			group.Close()
		}
		if r.up != nil {
			r.up.Close()
		}
		r.queue.Close()
		<-drained
	})
	return r
}

// wait returns the events once there are n.
func (r *rig) wait(n int) []*event.Event {
	r.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		got := r.events
		r.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-r.more:
		case <-timeout:
			r.t.Fatalf("%d events, waited for %d", len(got), n)
		}
	}
}

// until waits for an event.
func (r *rig) until(is func(*event.Event) bool) {
	r.t.Helper()
	for n := 1; ; n++ {
		if is(r.wait(n)[n-1]) {
			return
		}
	}
}

func (r *rig) url(path string) string { return "http://" + r.addr + path }

// do sends a request and reads the whole answer.
func (r *rig) do(req *http.Request) (*http.Response, string) {
	r.t.Helper()
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, string(b)
}

func (r *rig) request(method, path string, body io.Reader) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url(path), body)
	if err != nil {
		r.t.Fatal(err)
	}
	return req
}

// raw is a connection on which frames are written by hand.
type raw struct {
	net.Conn
	in *bufio.Reader
}

// Frame types and flags of HTTP/2 (RFC 9113 section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagEndHeaders = 0x4
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func (r *rig) dial() *raw {
	r.t.Helper()
	nc, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = nc.Close() })
	return &raw{nc, bufio.NewReader(nc)}
}

// frame writes a frame.
func frame(kind, flags byte, stream uint32, payload string) string {
	n := len(payload)
	return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream)}) + payload
}

// send writes frames; that the other end closes in between is no fault.
func (c *raw) send(parts ...string) error {
	for _, p := range parts {
		if _, err := io.WriteString(c, p); err != nil {
			return err
		}
	}
	return nil
}

// next reads a frame.
func (c *raw) next() (kind, flags byte, stream uint32, payload []byte, err error) {
	var h [9]byte
	if _, err = io.ReadFull(c.in, h[:]); err != nil {
		return 0, 0, 0, nil, err
	}
	payload = make([]byte, int(h[0])<<16|int(h[1])<<8|int(h[2]))
	_, err = io.ReadFull(c.in, payload)
	return h[3], h[4], binary.BigEndian.Uint32(h[5:]) & (1<<31 - 1), payload, err
}
