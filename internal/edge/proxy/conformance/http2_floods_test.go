package conformance

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/proxy/stream"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// Frames that only floods need.
const (
	framePriority     = 2
	framePing         = 6
	frameWindow       = 8
	frameContinuation = 9
)

// busyUpstream answers slowly, at length, or at once, by path; it answers what comes to /hold when its client has gone.
func busyUpstream(t *testing.T) *upstream {
	u := &upstream{name: "busy", seen: make(chan seen, 100_000), silent: true}
	big := make([]byte, 8<<20) // more than the sockets of a connection hold
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case strings.HasPrefix(r.URL.Path, "/hold"):
			<-r.Context().Done()
			return
		case strings.HasPrefix(r.URL.Path, "/big"):
			_, _ = w.Write(big)
			return
		}
		u.seen <- seen{r.Method, r.RequestURI, 0, false}
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI)
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	u.address = s.Listener.Addr().String()
	return u
}

// flooder is a connection that sends what no honest client sends.
type flooder struct {
	net.Conn
	ended chan struct{} // closed when the proxy has closed it
}

// flood connects and sends the preface, SETTINGS and then out, while what comes back is read, unless deaf.
func (r *rig) flood(out []byte, settings string, deaf bool) *flooder {
	r.t.Helper()
	c, err := tls.Dial("tcp", r.secure, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		r.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	f := &flooder{c, make(chan struct{})}
	r.t.Cleanup(func() { _ = c.Close() })
	if !deaf {
		go func() {
			defer close(f.ended)
			_, _ = io.Copy(io.Discard, c)
		}()
	}
	start := appendFrame([]byte(prefaceHTTP2), frameSettings, 0, 0, []byte(settings))
	go func() { _, _ = c.Write(append(start, out...)) }() // the other end closes meanwhile
	return f
}

// honest is a client like any other.
func (r *rig) honest() *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// asks has the client ask n times.
func (r *rig) asks(c *http.Client, n int) {
	r.t.Helper()
	for range n {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+r.secure+"/honest", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			r.t.Fatalf("an honest client fails: %v", err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			r.t.Fatalf("an honest client is answered %s over %s", res.Status, res.Proto)
		}
	}
}

// repeated makes n times whatever one makes for a stream's number.
func repeated(n int, one func(out []byte, id uint32) []byte) (out []byte) {
	for i := range n {
		out = one(out, uint32(2*i+1))
	}
	return out
}

func number(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// TestHTTP2Floods: each way to have a server work for nothing that is known for HTTP/2 ends its connection, with one event
// that says so beside one for each request; honest clients notice nothing, and what the flood began comes to its end.
func TestHTTP2Floods(t *testing.T) {
	head := func(id uint32, flags byte, fields []string) []byte {
		return appendFrame(nil, frameHeaders, flagEndHead|flags, id, block(fields))
	}
	hold := fieldsOf("GET", "/hold")
	provoked := func(n int, how func(id uint32) []byte) []byte {
		return repeated(n, func(out []byte, id uint32) []byte {
			return append(append(out, head(id, 0, fieldsOf("POST", "/hold"))...), how(id)...)
		})
	}
	// A field of 4,000 octets that enters the table, and is then named by one octet each time.
	bomb := func(names int) []byte {
		big := append([]byte{0x40, 1, 'x', 127, 0xa1, 0x1e}, strings.Repeat("y", 127+0x1e<<7+0x21)...)
		b := append(block(fieldsOf("GET", "/first")), big...)
		for range names {
			b = append(b, 0xbe)
		}
		return b
	}
	open := head(1, 0, fieldsOf("POST", "/hold"))
	for _, c := range []struct {
		name string
		out  []byte
		// each says that every request has an event of its own beside; at least and at most so many of them.
		least, most int
	}{
		{"rapid reset (CVE-2023-44487)", repeated(3000, func(out []byte, id uint32) []byte {
			return appendFrame(append(out, head(id, flagEnd, hold)...), frameReset, 0, id, number(8))
		}), 200, 3000},
		{"reset before the body's end", repeated(3000, func(out []byte, id uint32) []byte {
			return appendFrame(append(out, head(id, 0, fieldsOf("POST", "/hold"))...), frameReset, 0, id, number(8))
		}), 200, 3000},
		{"made you reset (CVE-2025-8671), by a window of 0", provoked(3000, func(id uint32) []byte { return appendFrame(nil, frameWindow, 0, id, number(0)) }), 200, 3000},
		{"made you reset, by a window too large", provoked(3000, func(id uint32) []byte { return appendFrame(nil, frameWindow, 0, id, number(1<<31-1)) }), 200, 3000},
		{"made you reset, by PRIORITY", provoked(3000, func(id uint32) []byte { return appendFrame(nil, framePriority, 0, id, number(0)) }), 200, 3000},
		{"made you reset, by DATA behind the end", provoked(3000, func(id uint32) []byte {
			return appendFrame(appendFrame(nil, frameData, flagEnd, id, nil), frameData, 0, id, []byte("x"))
		}), 200, 3000},
		{"made you reset, by trailers", provoked(3000, func(id uint32) []byte { return head(id, flagEnd, []string{":path", "/"}) }), 200, 3000},
		{"made you reset, by malformed requests", repeated(3000, func(out []byte, id uint32) []byte {
			return append(out, head(id, flagEnd, fieldsOf("GET", "/first", "connection", "close"))...)
		}), 200, 3000},
		{"more requests than there may be", repeated(3000, func(out []byte, id uint32) []byte { return append(out, head(id, flagEnd, hold)...) }), 200, 3000},
		{"CONTINUATION without end", append(appendFrame(nil, frameHeaders, 0, 1, block(hold)), repeated(3000, func(out []byte, _ uint32) []byte {
			return appendFrame(out, frameContinuation, 0, 1, []byte{})
		})...), 0, 0},
		{"CONTINUATION of large pieces without end", append(appendFrame(nil, frameHeaders, 0, 1, block(hold)), repeated(100, func(out []byte, _ uint32) []byte {
			return appendFrame(out, frameContinuation, 0, 1, block([]string{"x", strings.Repeat("y", 16000)}))
		})...), 0, 0},
		{"SETTINGS", repeated(3000, func(out []byte, _ uint32) []byte { return appendFrame(out, frameSettings, 0, 0, nil) }), 0, 0},
		{"SETTINGS that change every window", append(open, repeated(3000, func(out []byte, id uint32) []byte {
			return appendFrame(out, frameSettings, 0, 0, append([]byte{0, 4}, number(id)...))
		})...), 1, 1},
		{"PING", repeated(30_000, func(out []byte, _ uint32) []byte { return appendFrame(out, framePing, 0, 0, []byte("12345678")) }), 0, 0},
		{"empty DATA", append(open, repeated(30_000, func(out []byte, _ uint32) []byte { return appendFrame(out, frameData, 0, 1, nil) })...), 1, 1},
		{"DATA of padding", append(open, repeated(30_000, func(out []byte, _ uint32) []byte { return appendFrame(out, frameData, 8, 1, []byte{0}) })...), 1, 1},
		{"PRIORITY", repeated(100_000, func(out []byte, _ uint32) []byte { return appendFrame(out, framePriority, 0, 1, append(number(0), 1)) }), 0, 0},
		{"WINDOW_UPDATE", repeated(200_000, func(out []byte, _ uint32) []byte { return appendFrame(out, frameWindow, 0, 0, number(1)) }), 0, 0},
		{"frames of no type", repeated(30_000, func(out []byte, _ uint32) []byte { return appendFrame(out, 0xee, 0, 0, nil) }), 0, 0},
		{"one field named thousands of times", head(1, flagEnd, nil)[:0], 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if len(c.out) == 0 {
				c.out = appendFrame(nil, frameHeaders, flagEnd|flagEndHead, 1, bomb(8000))
			}
			r := newRig(t, busyUpstream(t))
			client := r.honest()
			r.asks(client, 2)
			f := r.flood(c.out, "", false)
			r.asks(client, 10)
			<-f.ended
			r.asks(client, 2)
			client.CloseIdleConnections()
			var a account
			if err := r.collect(&a); err != nil {
				t.Fatal(err)
			}
			floods, honest, others := r.count3(a.events)
			if floods != 1 || honest != 14 || others < c.least || others > c.most {
				t.Errorf("%d events of the flood, %d of honest requests, %d of others", floods, honest, others)
			}
		})
	}
}

// count3 tells events of floods, of honest requests that were answered, and others apart.
func (r *rig) count3(all []record) (floods, honest, others int) {
	r.t.Helper()
	want := record{method: "GET", segments: segmentsOf("/honest")}
	for i := range all {
		switch e := &all[i]; {
		case e.anomalies.Has(exchange.AnomalyHTTP2Flood):
			floods++
		case e.matches(&want):
			if e.outcome != event.OutcomeAnswered || e.anomalies != 0 {
				r.t.Errorf("an honest request ends as %v", e)
			}
			honest++
		default:
			others++
		}
	}
	return floods, honest, others
}

// TestHTTP2Deaf: a client that asks for much and opens no window, or does not read, holds its requests for as long as an answer
// may take and no longer; each is one event.
func TestHTTP2Deaf(t *testing.T) {
	const requests = 100
	asks := repeated(requests, func(out []byte, id uint32) []byte {
		return appendFrame(out, frameHeaders, flagEnd|flagEndHead, id, block(fieldsOf("GET", fmt.Sprintf("/big/%d", id))))
	})
	for _, c := range []struct {
		name, settings string
		out            []byte
		deaf           bool
	}{
		{"windows of 0", "\x00\x04\x00\x00\x00\x00", asks, false},
		{"a window of 1", "\x00\x04\x00\x00\x00\x01", asks, false},
		{"the windows that there are", "", asks, false},
		{"wide windows, and nothing is read", "\x00\x04\x7f\xff\xff\xff", append(appendFrame(nil, frameWindow, 0, 0, number(1<<30)), asks...), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRigWith(t, busyUpstream(t), func(o *stream.Options) { o.Timeouts.Body = 300 * time.Millisecond })
			client := r.honest()
			r.asks(client, 2)
			f := r.flood(c.out, c.settings, c.deaf)
			r.asks(client, 10)
			// Its requests end while the connection stays, as long as it has not done more than that.
			got := []record{}
			late := time.After(patience)
			for len(got) < requests+12 {
				select {
				case e := <-r.events:
					got = append(got, e)
				case <-late:
					t.Fatalf("%d events of %d", len(got), requests+12)
				}
			}
			r.asks(client, 2)
			_ = f.Close()
			client.CloseIdleConnections()
			var a account
			if err := r.collect(&a); err != nil {
				t.Fatal(err)
			}
			floods, honest, others := r.count3(append(got, a.events...))
			if floods != 0 || honest != 14 || others != requests {
				t.Errorf("%d events of floods, %d of honest requests, %d of others", floods, honest, others)
			}
			answered := 0
			for i := range got {
				if e := &got[i]; len(e.segments) == 2 && e.outcome == event.OutcomeAnswered {
					answered++
				}
			}
			if answered > 0 && !c.deaf || answered > 16 { // the sockets' buffers hold some MiB
				t.Errorf("%d are answered, it is said", answered)
			}
		})
	}
}
