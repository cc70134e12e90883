package http2

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"merlon/internal/model/exchange"
)

// TestLateFrames: what comes on a stream that we have reset is let pass as far as it can have been on its way, and counts
// beyond that.
func TestLateFrames(t *testing.T) {
	bad := raw(frameHeaders, flagEndHeaders, 1, literals(":method", "GET"))
	many := func(n int, f string) string { return bad + strings.Repeat(f, n) }
	busy := func(n int, rest func(id uint32) string) string {
		var b strings.Builder
		for i := range n { // all are reset before what was on its way comes
			b.WriteString(raw(frameHeaders, flagEndHeaders, uint32(2*i+1), literals(":method", "GET")))
		}
		for i := range n {
			b.WriteString(rest(uint32(2*i + 1)))
		}
		return b.String()
	}
	trailers := literals("x", "y")
	for _, c := range []struct {
		name, in string
		flood    bool
	}{
		{"HEADERS", many(5000, raw(frameHeaders, flagEndHeaders, 1, trailers)), true},
		{"HEADERS in pieces", many(5000, raw(frameHeaders, 0, 1, trailers)+raw(frameContinuation, flagEndHeaders, 1, trailers)), true},
		{"DATA of a byte", many(20_000, raw(frameData, 0, 1, "x")), true},
		{"DATA", many(300, raw(frameData, 0, 1, strings.Repeat("x", defaultFrame))), true},
		{"PING between HEADERS", many(5000, raw(frameHeaders, flagEndHeaders, 1, trailers)+raw(framePing, 0, 0, "12345678")), true},
		{"GOAWAY", strings.Repeat(raw(frameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00"), 5000), true},
		{"GOAWAY, twice", strings.Repeat(raw(frameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00"), 2), false},
		{"a window of small frames", many(1000, raw(frameData, 0, 1, strings.Repeat("x", 100))), false},
		{"trailers of all streams", busy(90, func(id uint32) string { return raw(frameHeaders, wholeGet, id, trailers) }), false},
		{"DATA of all streams", busy(128, func(id uint32) string {
			return strings.Repeat(raw(frameData, 0, id, strings.Repeat("x", 1000)), 4)
		}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := play(t, options(func(o *Options) {
				o.Now = func() time.Time { return time.Unix(1e9, 0) }
				o.Limits.Streams = 128
			}), []byte(start+c.in), 0)
			if (s.fault != nil && s.fault.Flood != "") != c.flood || s.fault != nil && !c.flood {
				t.Errorf("%v", s.fault)
			}
		})
	}
}

// paced is a client each of whose pieces takes a while to come, by a clock of its own; it keeps to its deadlines.
type paced struct {
	pieces
	site           *site
	every, now, by int64
}

func (c *paced) Read(p []byte) (int, error) {
	c.site.running.Wait() // what has come was dealt with
	if c.by != 0 && c.now >= c.by {
		return 0, os.ErrDeadlineExceeded
	}
	c.mu.Lock()
	c.now += c.every
	c.mu.Unlock()
	return c.pieces.Read(p)
}

func (c *paced) SetReadDeadline(at time.Time) error {
	c.by = at.UnixNano()
	return nil
}

func (c *paced) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Unix(0, c.now)
}

// TestPiecesPutNothingOff: a header block in several frames moves no deadline but its own.
func TestPiecesPutNothingOff(t *testing.T) {
	const each = 100 * time.Millisecond
	idle := start + raw(frameHeaders, flagEndHeaders, 1, literals(":method", "GET"))
	t.Run("idle", func(t *testing.T) {
		s := &site{t: t}
		nc := &paced{pieces: pieces{parts: []string{idle}}, site: s, every: int64(each), now: 1e18}
		for range 50 {
			nc.parts = append(nc.parts, raw(frameHeaders, 0, 1, literals("x", "y"))+raw(frameContinuation, flagEndHeaders, 1, ""))
		}
		s.conn = options(func(o *Options) { o.Now, o.Idle = nc.clock, 3*each }).Open(nc, nil, s)
		s.conn.Serve()
		s.running.Wait()
		if lived := time.Duration(nc.now - 1e18); lived > 5*each+lastWords {
			t.Errorf("it has lived for %v, idle for %v at most", lived, 3*each)
		}
	})
	t.Run("drain", func(t *testing.T) {
		s := &site{t: t}
		nc := &paced{pieces: pieces{parts: []string{start}}, site: s, every: int64(each), now: 1e18}
		for i := range uint32(50) {
			nc.parts = append(nc.parts, raw(frameHeaders, flagEndStream, 2*i+1, get("/"))+raw(frameContinuation, flagEndHeaders, 2*i+1, ""))
		}
		s.conn = options(func(o *Options) { o.Now = nc.clock }).Open(nc, nil, s)
		s.conn.Drain()
		s.conn.Serve()
		s.running.Wait()
		if most := int(drainGrace/each) + 1; len(s.all) == 0 || len(s.all) > most {
			t.Errorf("%d requests were begun while the connection drained, %d are", len(s.all), most)
		}
	})
}

// TestHeadsWait: heads wait for room as bodies do.
func TestHeadsWait(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	large := []exchange.Field{{Name: []byte("Link"), Value: []byte(strings.Repeat("</style.css>; rel=preload, ", 200))}}
	most := 0
	s.answer = func(st *Stream, _ *seen) {
		for range 200 {
			if err := st.WriteHead(103, large, false); err != nil {
				t.Error(err)
			}
			st.c.mu.Lock()
			if st.c.out != nil {
				most = max(most, len(st.c.out.b))
			}
			st.c.mu.Unlock()
		}
		s.ok(st)
	}
	c := far{t, nc}
	c.send(start, raw(frameHeaders, wholeGet, 1, get("/")))
	c.await("the answer", func(f frame, _ []byte) bool { return f.kind == frameData && f.has(flagEndStream) })
	_ = nc.Close()
	over()
	if most > maxPending+defaultFrame {
		t.Errorf("%d bytes were pending", most)
	}
}

// TestWaitForRoomEnds: who waits for others' bytes to be sent hears that its stream is over, or its time.
func TestWaitForRoomEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(c net.Conn, s *Stream)
		err  error
	}{
		{"reset", func(c net.Conn, _ *Stream) { _, _ = io.WriteString(c, raw(frameReset, 0, 3, "\x00\x00\x00\x08")) }, ErrGone},
		{"expired", func(_ net.Conn, s *Stream) { s.ExpireWrite() }, os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			begun, ended, finish := make(chan *Stream, 2), make(chan error, 2), make(chan struct{})
			s := &site{t: t, answer: func(st *Stream, _ *seen) {
				if st.id == 3 {
					begun <- st
				}
				_ = st.WriteHead(200, nil, false)
				err := st.Write(make([]byte, 1<<20), true)
				if st.id == 3 {
					ended <- err
					<-finish
				}
				st.Finish(NoError)
			}}
			client, server := net.Pipe() // what is written here waits for its reader
			s.conn = options(func(o *Options) { o.Write = time.Hour }).Open(server, nil, s)
			done := make(chan struct{})
			go func() { s.conn.Serve(); s.running.Wait(); close(done) }()
			f := far{t, client}
			said := make(chan struct{})
			go func() {
				defer close(said)
				_, _ = io.WriteString(client, preface+raw(frameSettings, 0, 0, "\x00\x04\x00\x20\x00\x00")+raw(frameWindow, 0, 0, "\x00\x40\x00\x00")+raw(frameHeaders, wholeGet, 1, get("/")))
			}()
			f.await("the head of the first", of(frameHeaders, 1)) // more is being sent behind it, and is not read
			<-said
			if _, err := io.WriteString(client, raw(frameHeaders, wholeGet, 3, get("/"))); err != nil {
				t.Fatal(err)
			}
			c.end(client, <-begun)
			select {
			case err := <-ended:
				if !errors.Is(err, c.err) {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Error("it waits on")
			}
			close(finish)
			_ = client.Close()
			<-done
		})
	}
}
