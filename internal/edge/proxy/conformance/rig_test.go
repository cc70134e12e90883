package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/proxy"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/stream"
	behind "merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// patience bounds every wait. No test depends on how long anything takes, unless it takes that long.
const patience = 20 * time.Second

const siteName = "acme"

// siteKey is the learning key: with it, the tokens of path segments in events can be compared with the segments.
var siteKey = dataclass.Key{1}

// rig is a proxy on loopback before one upstream.
type rig struct {
	t      *testing.T
	addr   string // HTTP/1.1
	secure string // TLS, with HTTP/2 and HTTP/1.1
	events chan record
	up     *upstream
	count  int // sentinels sent
	piece  int // how many bytes are written at a time, 0 for all
	// busy is how many connections and requests the proxy has.
	busy func() int
}

// record is an event without the memory that it gives back.
type record struct {
	id        string
	method    string
	outcome   event.Outcome
	status    int
	body      int64
	anomalies exchange.Anomalies
	segments  []segment
}

// segment is a path segment as the event keeps it: no text, but a token.
type segment struct {
	token  uint64
	length uint32
}

func newRig(t *testing.T, up *upstream) *rig {
	t.Helper()
	return newRigWith(t, up, nil)
}

// newRigWith is newRig with other options for HTTP/2.
func newRigWith(t *testing.T, up *upstream, change func(*stream.Options)) *rig {
	t.Helper()
	queue := event.NewQueue(100_000)
	e, mistakes := engine.New(engine.Options{
		Queue: queue, Namer: event.NewNamer(1, 1), Node: "n",
		Panicked: func(stage string, v any, stack []byte) { t.Errorf("%s panicked: %v\n%s", stage, v, stack) },
	}, engine.Input{
		Bundle: &bundle.Bundle{Sites: []bundle.Site{{Name: siteName, Default: true}}},
		Keys:   map[string]dataclass.Key{siteName: siteKey},
	})
	if e == nil {
		t.Fatal(mistakes)
	}
	one, err := behind.ParseTarget("http://" + up.address)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	group := behind.NewGroup(behind.Options{Site: siteName, Targets: []behind.Target{one}, Log: log, Now: time.Now})
	options := stream.Options{Engine: e, Upstreams: func(string) *behind.Group { return group }, Log: log, Now: time.Now}
	if change != nil {
		change(&options)
	}
	streams := stream.New(options)
	s := proxy.New(proxy.Options{Engine: e, Sites: map[string]*behind.Group{siteName: group}, HTTP2: streams.ServeConn, Log: log, Now: time.Now})
	r := &rig{t: t, events: make(chan record, 100_000), up: up}
	r.busy = func() int { return s.Connections() + int(streams.Requests()) }
	served := make(chan error, 2)
	serve := func(ends *listen.TLS) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { served <- s.Serve(listen.New(l, listen.Options{TLS: ends, Now: time.Now, Log: log})) }()
		return l.Addr().String()
	}
	r.addr, r.secure = serve(nil), serve(newTLS(t))
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for batch := queue.Take(context.Background()); batch != nil; batch = queue.Take(context.Background()) {
			for _, e := range batch {
				if e.Phase == event.Complete {
					r.events <- copyOf(e)
				}
			}
		}
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		drained2 := make(chan error, 1)
		go func() { drained2 <- streams.Shutdown(ctx) }()
		if err := errors.Join(s.Shutdown(ctx), <-drained2); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
		<-served
		queue.Close()
		<-drained
	})
	return r
}

func copyOf(e *event.Event) record {
	r := record{
		id: e.ID.String(), method: e.Text(e.Method), outcome: e.Outcome, status: int(e.Status), body: e.RequestBytes, anomalies: e.Anomalies,
	}
	for i := range e.Observations {
		if o := &e.Observations[i]; o.Part == exchange.InPath {
			r.segments = append(r.segments, segment{o.Token, o.Len})
		}
	}
	if e.Verdict.Status != 0 {
		r.status = int(e.Verdict.Status)
	}
	return r
}

// answer is a response that the client got.
type answer struct {
	status int
	seen   string // what the upstream says it was asked: "METHOD target"; empty when Merlon answered
	event  string // the event's id in an answer of Merlon's
}

// account is what is known of one connection, from three sides.
type account struct {
	events  []record
	answers []answer
	seen    []seen
	junk    string // bytes behind the last answer that are none
	blind   bool   // the answers were not read
}

// play sends wire on a connection of its own, then asks for a sentinel on another, and collects what is told of both. The
// sentinel's own share is checked and taken off: it goes over the connection to the upstream that wire used, and comes
// to grief when that one was left with a beginning of something.
func (r *rig) play(wire string) (a account, err error) {
	raw, err := r.exchange(wire)
	if err != nil {
		return a, err
	}
	if err := r.collect(&a); err != nil {
		return a, err
	}
	a.answers, a.junk = parseAnswers(raw, a.events)
	return a, nil
}

// collect asks for the sentinel and takes what was told of before it. On HTTP/1.1 that is all there is: a connection ends
// after its last event. Streams of HTTP/2 end when they end, so the proxy has to have nothing left to do, too.
func (r *rig) collect(a *account) error {
	if err := r.quiet(); err != nil {
		return err
	}
	r.count++
	name := fmt.Sprintf("/sentinel/n%dz", r.count)
	last, err := r.exchange("GET " + name + " HTTP/1.1\r\nHost: a.example\r\n\r\n")
	if err != nil {
		return fmt.Errorf("sentinel: %w", err)
	}
	end := record{method: "GET", segments: segmentsOf(name)}
	late := time.NewTimer(patience)
	defer late.Stop()
	for sentinel := false; !sentinel; {
		select {
		case e := <-r.events:
			if sentinel = e.matches(&end); !sentinel {
				a.events = append(a.events, e)
			}
		case <-late.C:
			return fmt.Errorf("no event of the sentinel; events so far: %v", a.events)
		}
	}
	if got, _ := parseAnswers(last, []record{end}); len(got) != 1 || got[0].status != 200 || got[0].seen != "GET "+name {
		return fmt.Errorf("the request after it was answered %+v: %q", got, last)
	}
	forwarded := 0
	for _, e := range a.events {
		if e.outcome == event.OutcomeAnswered && !r.up.mayHide(e) {
			forwarded++
		}
	}
	for sentinel := false; !sentinel || len(a.seen) < forwarded; {
		select {
		case s := <-r.up.seen:
			if s.method == "GET" && s.target == name && !sentinel {
				sentinel = true
				continue
			}
			a.seen = append(a.seen, s)
		case <-late.C:
			return fmt.Errorf("the upstream tells of %v (sentinel: %t), events of %v", a.seen, sentinel, a.events)
		}
	}
	return nil
}

// quiet waits until the proxy has no connection and no request.
func (r *rig) quiet() error {
	if r.busy() == 0 {
		return nil
	}
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for r.busy() > 0 {
		select {
		case <-again.C:
		case <-late.C:
			return fmt.Errorf("the proxy still has %d connections and requests", r.busy())
		}
	}
	return nil
}

// exchange writes wire, ends the sending side and returns everything that comes back.
func (r *rig) exchange(wire string) ([]byte, error) {
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	// A refused message may be answered, and the connection be reset, while its end is still being written.
	var writeErr error
	for rest := wire; rest != "" && writeErr == nil; {
		n := len(rest)
		if r.piece > 0 {
			n = min(n, r.piece)
		}
		_, writeErr = io.WriteString(c, rest[:n])
		rest = rest[n:]
	}
	_ = c.(*net.TCPConn).CloseWrite()
	raw, err := io.ReadAll(c)
	if err != nil && len(raw) == 0 {
		return nil, fmt.Errorf("reading: %w (writing: %v)", err, writeErr)
	}
	return raw, nil
}

// parseAnswers takes raw apart. Interim responses are left out; the methods of the events tell which answers have no body.
func parseAnswers(raw []byte, events []record) (out []answer, junk string) {
	src := bytes.NewReader(raw)
	br := bufio.NewReader(src)
	for {
		if _, err := br.Peek(1); err != nil {
			return out, ""
		}
		at := len(raw) - src.Len() - br.Buffered()
		method := "GET"
		if answered := answeredEvents(events); len(out) < len(answered) && answered[len(out)].method == "HEAD" {
			method = "HEAD"
		}
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return out, string(raw[at:])
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return out, string(raw[at:])
		}
		if resp.StatusCode < 200 {
			continue
		}
		a := answer{status: resp.StatusCode, seen: resp.Header.Get("X-Seen")}
		if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
			var p struct{ Instance string }
			if json.Unmarshal(body, &p) == nil {
				a.event = p.Instance
			}
		}
		out = append(out, a)
	}
}

// answeredEvents are the events whose client got an answer.
func answeredEvents(all []record) (out []record) {
	for _, e := range all {
		if e.status != 0 {
			out = append(out, e)
		}
	}
	return out
}
