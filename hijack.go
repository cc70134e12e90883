package merlon

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
)

// hijack hands the connection over. The exchange lasts until the connection is closed and the handler has returned.
func (v *visit) hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := find[http.Hijacker](v.w).Hijack()
	if err != nil {
		return nc, rw, err
	}
	t := &tunnel{Conn: nc, v: v}
	if n := rw.Reader.Buffered(); n > 0 {
		t.early, _ = rw.Peek(n) // stays valid: nobody reads from rw any more
	}
	v.mu.Lock()
	v.tunnel = t
	v.parts.Store(2)
	v.mu.Unlock()
	return t, bufio.NewReadWriter(bufio.NewReader(t), bufio.NewWriter(t)), nil
}

// tunnel is a connection that a handler has taken over, such as a WebSocket. It counts what passes.
type tunnel struct {
	net.Conn
	v        *visit
	early    []byte // what the server had read behind the request
	up, down atomic.Int64
	closed   atomic.Bool
	opened   atomic.Bool
}

// Read implements net.Conn.
func (t *tunnel) Read(b []byte) (n int, err error) {
	if len(t.early) > 0 {
		n = copy(b, t.early)
		t.early = t.early[n:]
	} else {
		n, err = t.Conn.Read(b)
	}
	t.up.Add(int64(n))
	return n, err
}

// Write implements net.Conn. The first write is the answer's head, which tells whether the upgrade was granted.
func (t *tunnel) Write(b []byte) (int, error) {
	n, err := t.Conn.Write(b)
	t.down.Add(int64(n))
	if !t.opened.Load() && !t.opened.Swap(true) {
		t.v.opened(b[:n])
	}
	return n, err
}

// CloseWrite ends the sending side where the connection has such.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return http.ErrNotSupported
}

// NetConn is the connection below, as tls.Conn has it.
func (t *tunnel) NetConn() net.Conn { return t.Conn }

// Close implements net.Conn.
func (t *tunnel) Close() error {
	err := t.Conn.Close()
	if !t.closed.Swap(true) {
		v := t.v
		v.mu.Lock()
		v.leave()
		v.mu.Unlock()
	}
	return err
}

// opened publishes the beginning of an exchange over a connection that the handler has taken.
func (v *visit) opened(head []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.s == nil || v.long {
		return
	}
	x := &v.t.Exchange
	if !v.begun {
		v.begun = true
		x.Latency = v.g.now().UnixNano() - v.start
		v.s.answer = append(v.s.answer[:0], head...) // the fields stand there until the exchange ends
		h := &v.s.response.Head
		h.Reset()
		if n, err := h.Parse(v.s.answer, &v.g.limits, v.method, true); err == nil {
			x.Status = h.Status
			x.Response.Fields = append(x.Response.Fields[:0], h.Fields...)
			v.tunnel.down.Add(int64(-n))
		}
	}
	v.open()
}
