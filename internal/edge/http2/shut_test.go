package http2

import (
	"io"
	"strings"
	"testing"
)

// TestShut: bodies that nobody reads shut the connection's window to all others, which are told so until one is read.
func TestShut(t *testing.T) {
	begun, read, finish := make(chan *Stream, 5), make(chan struct{}), make(chan struct{})
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	s.answer = func(st *Stream, _ *seen) {
		if st.id == 1 {
			<-read
			if _, err := io.ReadFull(reader{st}, make([]byte, 256<<10)); err != nil {
				t.Error(err)
			}
		}
		begun <- st
		<-finish
		s.ok(st)
	}
	c := far{t, nc}
	c.send(start)
	for id := uint32(1); id < 11; id += 2 {
		c.send(raw(frameHeaders, flagEndHeaders, id, post()))
	}
	var last *Stream
	for range 4 { // all but the first
		if st := <-begun; st.id == 9 {
			last = st
		}
	}
	if last.Shut() {
		t.Error("shut before anything was sent")
	}
	for id := uint32(1); id < 9; id += 2 {
		c.send(strings.Repeat(raw(frameData, 0, id, strings.Repeat("x", defaultFrame)), 256<<10/defaultFrame))
	}
	c.send(raw(framePing, 0, 0, "12345678"))
	c.await("a pong", func(f frame, _ []byte) bool { return f.kind == framePing && f.has(flagAck) })
	if !last.Shut() {
		t.Error("open, although four bodies take up the window")
	}
	close(read)
	<-begun
	if last.Shut() {
		t.Error("shut, although a body was read")
	}
	close(finish)
	_ = nc.Close()
	over()
}
