package stream

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/http2"
)

// held hands the requests of a connection to a test.
type held chan *http2.Stream

func (h held) Request(s *http2.Stream) { h <- s }
func (held) Refuse(int) bool           { return false }
func (held) Fault(http2.Fault)         {}

// TestShutWindowIsNoDelay: a client that cannot send, since others' bodies take up its connection's window, is waited for until it can.
func TestShutWindowIsNoDelay(t *testing.T) {
	requests := make(held, 2)
	server := http2.NewServer(http2.Options{
		Limits: http2.Limits{ReceiveConnection: 1 << 16, ReceiveStream: 1 << 16}, Now: time.Now, Go: func(f func()) { go f() },
	})
	far, near := net.Pipe()
	conn := server.Open(near, nil, requests)
	over := make(chan struct{})
	go func() { defer close(over); conn.Serve() }()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	head := block(":method", "POST", ":scheme", "http", ":authority", "a.example", ":path", "/")
	again := "\x82\x86\x84" // a head in short: GET http /
	sent := preface + frame(frameSettings, 0, 0, "") + frame(frameHeaders, flagEndHeaders, 1, head) +
		frame(frameHeaders, flagEndHeaders, 3, again+"\x01\x01a") +
		strings.Repeat(frame(frameData, 0, 1, strings.Repeat("x", 1<<14)), 4) + frame(framePing, 0, 0, "12345678")
	if _, err := io.WriteString(far, sent); err != nil {
		t.Fatal(err)
	}
	full, waits := <-requests, <-requests
	body := make([]byte, 1<<16)
	if _, err := io.ReadFull(full, body[:1]); err != nil {
		t.Fatal(err)
	}
	f := &flow{stream: waits, carrier: waits}
	f.reading.Store(1)
	f.expire(2)
	if at := f.reading.Load(); at != 2+int64(bodyGrace) || !f.shut.Load() {
		t.Errorf("waited for until %d, shut %v", at, f.shut.Load())
	}
	if _, err := io.ReadFull(full, body[1:]); err != nil { // the window opens
		t.Fatal(err)
	}
	f.expire(3 + int64(bodyGrace))
	if _, err := waits.Read(body); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	full.Finish(http2.Cancel)
	waits.Finish(http2.Cancel)
	_ = far.Close()
	<-over
}
