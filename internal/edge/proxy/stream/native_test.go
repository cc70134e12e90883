package stream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// TestEachMalformedRequestIsAnEvent: requests that break the protocol are one event each, on one connection that goes on.
func TestEachMalformedRequestIsAnEvent(t *testing.T) {
	r := newRig(t, http.HandlerFunc(ok), nil)
	conn := r.dial()
	bad := []string{
		get("/a", "connection", "close"), get("/a", "X-Upper", "1"), get("/a", "te", "gzip"), get("/a", "x", "a\nb"), get("/a", "x", " a"),
		get("http://other/"), get(""), block(":method", "GET"), get("/a", ":path", "/b"), get("/a", ":unknown", "x"), get("/a", "host", "other"),
	}
	if err := conn.send(preface, frame(frameSettings, 0, 0, "")); err != nil {
		t.Fatal(err)
	}
	for i, b := range bad {
		if err := conn.send(frame(frameHeaders, flagEndHeaders|flagEndStream, uint32(2*i+1), b)); err != nil {
			t.Fatal(err)
		}
	}
	last := uint32(2*len(bad) + 1)
	if err := conn.send(frame(frameHeaders, flagEndHeaders|flagEndStream, last, get("/honest"))); err != nil {
		t.Fatal(err)
	}
	resets := 0
	for {
		kind, flags, stream, payload, err := conn.next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == frameReset && payload[3] == 1 {
			resets++
		}
		if kind == frameData && stream == last && flags&flagEndStream != 0 {
			break
		}
	}
	r.quiet()
	malformed, answered := 0, 0
	for _, e := range r.wait(len(bad) + 1) {
		switch {
		case e.Anomalies.Has(exchange.AnomalyHTTP2Malformed) && e.Outcome == event.OutcomeRefused && e.Status == 400:
			malformed++
		case e.Anomalies == 0 && e.Outcome == event.OutcomeAnswered:
			answered++
		default:
			t.Errorf("%v %v %d", e.Anomalies, e.Outcome, e.Status)
		}
	}
	if resets != len(bad) || malformed != len(bad) || answered != 1 {
		t.Errorf("%d resets, %d events of malformed requests, %d answers", resets, malformed, answered)
	}
}

// TestBodyAgainstLength: DATA that differ from the announced length reset the stream, and reach no upstream as a whole request.
func TestBodyAgainstLength(t *testing.T) {
	for _, c := range []struct{ name, length, body string }{
		{"longer", "3", "abcdef"}, {"shorter", "9", "abc"}, {"something for nothing", "0", "abc"}, {"longer, beyond what is held", "100", strings.Repeat("x", 101)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("the upstream got a whole request")
				}
			}), func(o *setup) { o.InspectRequest = 50 })
			conn := r.dial()
			head := block(":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/", "content-length", c.length)
			if err := conn.send(preface, frame(frameSettings, 0, 0, ""), frame(frameHeaders, flagEndHeaders, 1, head), frame(frameData, flagEndStream, 1, c.body)); err != nil {
				t.Fatal(err)
			}
			for {
				kind, _, _, payload, err := conn.next()
				if err != nil {
					t.Fatal(err)
				}
				if kind == frameReset {
					if payload[3] != 1 {
						t.Errorf("reset with %x", payload)
					}
					break
				}
			}
			if e := r.wait(1)[0]; !e.Anomalies.Has(exchange.AnomalyHTTP2Malformed) || e.Outcome != event.OutcomeRefused {
				t.Errorf("%v %v", e.Anomalies, e.Outcome)
			}
		})
	}
}

// TestPressure: while memory is short, a connection with several requests under way gets no further ones; they may be asked
// for again.
func TestPressure(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release; ok(w, r) }), func(o *setup) {
		o.Admission = listen.NewAdmission(listen.AdmissionOptions{
			Pressure: func() float64 { return 0.93 }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
	})
	conn := r.dial()
	if err := conn.send(preface, frame(frameSettings, 0, 0, "")); err != nil {
		t.Fatal(err)
	}
	for i := range pressedStreams + 1 {
		if err := conn.send(frame(frameHeaders, flagEndHeaders|flagEndStream, uint32(2*i+1), get("/"))); err != nil {
			t.Fatal(err)
		}
	}
	for refused := false; !refused; {
		kind, _, stream, payload, err := conn.next()
		if err != nil {
			t.Fatal(err)
		}
		if refused = kind == frameReset; refused && (payload[3] != 7 || stream != 2*pressedStreams+1) {
			t.Errorf("stream %d was reset with %x", stream, payload)
		}
	}
	if e := r.wait(1)[0]; e.Outcome != event.OutcomeRefused || e.Anomalies != 0 {
		t.Errorf("%v %v", e.Outcome, e.Anomalies)
	}
	close(release)
	r.quiet()
	r.wait(pressedStreams + 1)
}

// TestShutdown: requests under way are answered, and connections and requests that come during a shutdown or after it are told
// to go elsewhere, and hang for nobody.
func TestShutdown(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		ok(w, r)
	}), nil)
	conn := r.dial()
	if err := conn.send(preface, frame(frameSettings, 0, 0, ""), frame(frameHeaders, flagEndHeaders|flagEndStream, 1, get("/"))); err != nil {
		t.Fatal(err)
	}
	<-asked
	done := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		done <- r.server.Shutdown(ctx)
	}()
	goAways, answered := 0, false
	for goAways == 0 {
		if kind, _, _, _, err := conn.next(); err != nil {
			t.Fatal(err)
		} else if kind == frameGoAway {
			goAways++
		}
	}
	during := r.dial()
	if err := during.send(preface, frame(frameSettings, 0, 0, "")); err != nil {
		t.Fatal(err)
	}
	if code, away := during.drain(); !away || code != 0 {
		t.Errorf("a connection during the shutdown: GOAWAY %t, code %d", away, code)
	}
	close(release)
	for {
		kind, flags, stream, _, err := conn.next()
		if err != nil {
			break
		}
		if kind == frameGoAway {
			goAways++
		}
		answered = answered || kind == frameData && stream == 1 && flags&flagEndStream != 0
	}
	if err := <-done; err != nil || !answered || goAways < 2 {
		t.Errorf("%v, answered %t, %d GOAWAY", err, answered, goAways)
	}
	after := r.dial()
	if err := after.send(preface, frame(frameSettings, 0, 0, "")); err != nil {
		t.Fatal(err)
	}
	if code, away := after.drain(); !away || code != 0 {
		t.Errorf("a connection after the shutdown: GOAWAY %t, code %d", away, code)
	}
	worked := make(chan struct{})
	r.server.workers.do(taskFunc(func() { close(worked) })) // as a request of HTTP/3 that is still draining, or a late answer
	<-worked
}

// TestCut: what has not finished when the time is up is cut, and told.
func TestCut(t *testing.T) {
	asked := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}), nil)
	conn := r.dial()
	if err := conn.send(preface, frame(frameSettings, 0, 0, ""), frame(frameHeaders, flagEndHeaders|flagEndStream, 1, get("/"))); err != nil {
		t.Fatal(err)
	}
	<-asked
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.server.Shutdown(ctx); err == nil {
		t.Error("nothing was cut")
	}
	if e := r.wait(1)[0]; e.Outcome != event.OutcomeClientGone {
		t.Errorf("%v", e.Outcome)
	}
}

// TestLogLines: whoever makes connections end does not fill the log with them.
func TestLogLines(t *testing.T) {
	var log bytes.Buffer
	admission := listen.NewAdmission(listen.AdmissionOptions{
		Now: func() time.Time { return time.Unix(1_000_000_020, 0) }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	r := newRig(t, http.HandlerFunc(ok), func(o *setup) { o.Admission = admission })
	const connections = 20
	for range connections {
		conn := r.dial()
		_ = conn.send(preface, frame(frameSettings, 0, 0, ""), strings.Repeat(frame(framePing, 0, 0, "12345678"), 500))
		conn.drain()
	}
	for _, e := range r.wait(connections) {
		if !e.Anomalies.Has(exchange.AnomalyHTTP2Flood) {
			t.Errorf("%v", e.Anomalies)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "127.0.0.0/24") || !strings.Contains(log.String(), "PING") {
		t.Errorf("%d lines: %s", n, log.String())
	}
}

// TestContinue: a client that waits for 100 (Continue) is told to send its body when it is wanted, and not when it is refused.
func TestContinue(t *testing.T) {
	r := newRig(t, http.HandlerFunc(echo), func(o *setup) {
		o.Codec.BodyBytes = 1000
	})
	for _, c := range []struct {
		length string
		status byte // of the first head: an index into the static table, or a literal
		body   string
	}{{"3", 100, "abc"}, {"5000", 0, ""}} {
		conn := r.dial()
		head := block(":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/", "content-length", c.length, "expect", "100-continue")
		if err := conn.send(preface, frame(frameSettings, 0, 0, ""), frame(frameHeaders, flagEndHeaders, 1, head)); err != nil {
			t.Fatal(err)
		}
		for {
			kind, flags, _, payload, err := conn.next()
			if err != nil {
				t.Fatal(err)
			}
			if kind != frameHeaders {
				continue
			}
			if waits := bytes.Contains(payload, []byte("100")) || bytes.Contains(payload, []byte{0x08, 0x01}); flags&flagEndStream == 0 && (c.status == 100) != (len(payload) < 10) {
				t.Errorf("length %s: %x, %t", c.length, payload, waits)
			}
			break
		}
		if err := conn.send(frame(frameData, flagEndStream, 1, c.body)); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
}

// TestManyAtOnce: many streams of several connections of Go's client, of which some give up, are all told of once.
func TestManyAtOnce(t *testing.T) {
	both(t, func(t *testing.T, scheme string) {
		r := newRig(t, http.HandlerFunc(echo), func(o *setup) { o.scheme = scheme })
		const clients, requests = 4, 100
		var all sync.WaitGroup
		for c := range clients {
			var p http.Protocols
			p.SetUnencryptedHTTP2(true)
			transport := &http.Transport{Protocols: &p}
			for i := range requests {
				all.Go(func() {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					body := strings.Repeat("x", i*i*20)
					req := r.request("POST", fmt.Sprintf("/%d/%d", c, i), strings.NewReader(body)).WithContext(ctx)
					if i%10 == 9 {
						time.AfterFunc(time.Duration(i)*100*time.Microsecond, cancel)
					}
					res, err := transport.RoundTrip(req)
					if err != nil {
						if i%10 != 9 {
							t.Error(err)
						}
						return
					}
					defer res.Body.Close()
					b, err := io.ReadAll(res.Body)
					if want := fmt.Sprintf("POST /%d/%d %d 127.0.0.1", c, i, len(body)); err == nil && string(b) != want || err != nil && i%10 != 9 {
						t.Errorf("%q, %v, want %q", b, err, want)
					}
				})
			}
			defer transport.CloseIdleConnections()
		}
		all.Wait()
		r.quiet()
		if events := r.wait(clients * requests * 9 / 10); len(events) > clients*requests {
			t.Errorf("%d events of %d requests", len(events), clients*requests)
		}
	})
}
