package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/model/event"
)

// tunnel passes a WebSocket connection through. Its handshake was judged as a request; an Open event says that it
// began, Progress events how far it is, a Close event how much went each way. Neither side may be silent for longer than the idle time-out.
func (f *flow) tunnel() bool {
	c := f.c
	var err error
	if c.out, err = http1.AppendResponseHead(c.out[:0], f.a.Head, &http1.Rewrite{}); err != nil {
		return f.failed(502)
	}
	// Bytes that came right behind the upstream's 101 belong to the stream.
	server, early := f.a.Hijack()
	c.out = append(c.out, early...)
	f.begun = true
	if err := c.write(c.now(), c.out); err != nil {
		return f.clientLost()
	}
	f.open()
	p := &f.progress
	p.moved(c.now(), 0, int64(len(early)))
	if c.start < c.end {
		// The deadline of the handshake's writing may be over, if the answer took its time.
		_ = server.SetWriteDeadline(time.Unix(0, c.now()+int64(c.s.o.Timeouts.Body)))
		if _, err := server.Write(c.buf[c.start:c.end]); err != nil {
			return f.clientLost()
		}
		p.moved(c.now(), int64(c.end-c.start), 0)
		c.start, c.end = 0, 0
	}

	var last atomic.Int64 // when a byte last went either way
	last.Store(c.now())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				c.s.o.Log.Error("a tunnel failed in the proxy; please report this", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				_, _ = server.Close(), c.nc.Close()
			}
		}()
		c.s.pump(c.nc, server, &last, func(now, n int64) { p.moved(now, 0, n) })
	}()
	c.s.pump(server, c.nc, &last, func(now, n int64) { p.moved(now, n, 0) })
	<-done
	f.t.Exchange.Duration = c.now() - f.sent
	f.end(event.OutcomeAnswered)
	return false
}

// pump copies from src to dst until src ends, either side fails, or nothing has moved in either direction for the idle
// time-out. It then ends dst's sending side, so that the other direction may finish, or cuts both.
func (s *Server) pump(dst, src net.Conn, last *atomic.Int64, moved func(now, n int64)) {
	idle := int64(s.o.Timeouts.Idle)
	buf := make([]byte, 16<<10)
	for {
		_ = src.SetReadDeadline(time.Unix(0, s.o.Now().UnixNano()+idle))
		m, err := src.Read(buf)
		if m > 0 {
			last.Store(s.o.Now().UnixNano())
			_ = dst.SetWriteDeadline(time.Unix(0, last.Load()+int64(s.o.Timeouts.Body)))
			if _, errWrite := dst.Write(buf[:m]); errWrite != nil {
				_ = src.Close()
				_ = dst.Close()
				return
			}
			moved(last.Load(), int64(m))
		}
		switch {
		case err == nil:
		case isTimeout(err) && s.o.Now().UnixNano()-last.Load() < idle:
			// This direction is quiet, the other is not.
		case errors.Is(err, io.EOF):
			if half, ok := dst.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			} else {
				_ = dst.Close()
			}
			return
		default:
			_ = src.Close()
			_ = dst.Close()
			return
		}
	}
}
