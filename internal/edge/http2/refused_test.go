package http2

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"
)

// away returns the GOAWAY frames and the RST_STREAM frames among what was written, by their codes.
func away(out []byte) (gone, reset []Code) {
	for len(out) >= frameHead {
		f := parseFrame(out)
		payload := out[frameHead : frameHead+f.length]
		switch f.kind {
		case frameGoAway:
			gone = append(gone, Code(binary.BigEndian.Uint32(payload[4:])))
		case frameReset:
			reset = append(reset, Code(binary.BigEndian.Uint32(payload)))
		}
		out = out[frameHead+f.length:]
	}
	return gone, reset
}

// TestRefusedTooOften: a client that asks again and again what is refused for now is sent away, and not blamed.
func TestRefusedTooOften(t *testing.T) {
	for _, c := range []struct {
		name           string
		requests, most int
	}{
		{"some", 200, 200},
		{"too many", 350, 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			var in bytes.Buffer
			in.WriteString(start)
			for i := range c.requests {
				in.WriteString(raw(frameHeaders, wholeGet, uint32(2*i+1), get("/")))
			}
			s := &site{t: t, refuse: func(int) bool { return true }}
			nc := &paced{pieces: pieces{parts: strings.SplitAfter(in.String(), "api.example")}, site: s, now: 1e18}
			s.conn = options(func(o *Options) { o.Now = nc.clock }).Open(nc, nil, s)
			s.conn.Serve()
			s.running.Wait()
			gone, _ := away(nc.out.Bytes())
			if len(s.all) != c.most || s.fault != nil || (len(gone) > 0) != (c.most < c.requests) {
				t.Errorf("%d requests, GOAWAY %v, %v", len(s.all), gone, s.fault)
			}
		})
	}
}

// TestFaultOnIdleStream: a stream that was never opened is not reset, whatever its PRIORITY says.
func TestFaultOnIdleStream(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		code        Code
	}{
		{"wrong length", raw(framePriority, 0, 7, "\x00\x00\x00\x01"), FrameSizeError},
		{"of itself", raw(framePriority, 0, 7, "\x00\x00\x00\x07\x10"), ProtocolError},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, nc := play(t, options(nil), []byte(start+c.frame), 0)
			gone, reset := away(nc.out.Bytes())
			if len(reset) != 0 || len(gone) != 1 || gone[0] != c.code || s.fault == nil {
				t.Errorf("GOAWAY %v, RST_STREAM %v", gone, reset)
			}
		})
	}
}

// TestCutEndsSending: a connection that is cut ends although its client reads nothing.
func TestCutEndsSending(t *testing.T) {
	s := &site{t: t, answer: func(st *Stream, _ *seen) {
		_ = st.WriteHead(200, nil, false)
		_ = st.Write(make([]byte, 1<<20), true)
		st.Finish(NoError)
	}}
	client, server := net.Pipe()
	s.conn = options(func(o *Options) { o.Write = time.Hour }).Open(server, nil, s)
	done := make(chan struct{})
	go func() { s.conn.Serve(); s.running.Wait(); close(done) }()
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = client.Write([]byte(start + raw(frameHeaders, wholeGet, 1, get("/"))))
	}()
	far{t, client}.await("the head", of(frameHeaders, 1))
	<-said
	s.conn.Cut()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("it does not end")
	}
	_ = client.Close()
	<-done
}
