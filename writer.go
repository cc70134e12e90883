package merlon

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// The visit with the powers that the server's own ResponseWriter has. One pointer each, so that none is allocated.
type (
	flushWriter       struct{ *visit }
	hijackWriter      struct{ *visit }
	flushHijackWriter struct{ *visit }
)

// writer is what the handler gets.
func (v *visit) writer() http.ResponseWriter {
	f, h := find[http.Flusher](v.w), find[http.Hijacker](v.w)
	switch {
	case f != nil && h != nil:
		return flushHijackWriter{v}
	case f != nil:
		return flushWriter{v}
	case h != nil:
		return hijackWriter{v}
	}
	return v
}

// find looks for a power behind wrappers, as http.ResponseController does.
func find[T any](w http.ResponseWriter) (none T) {
	for {
		if t, ok := w.(T); ok {
			return t
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return none
		}
		w = u.Unwrap()
	}
}

// Header implements http.ResponseWriter.
func (v *visit) Header() http.Header { return v.w.Header() }

// Unwrap lets http.ResponseController find what the server's writer can do.
func (v *visit) Unwrap() http.ResponseWriter { return v.w }

// WriteHeader implements http.ResponseWriter.
func (v *visit) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		v.mu.Lock()
		v.begin(status)
		v.mu.Unlock()
	}
	v.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (v *visit) Write(b []byte) (int, error) {
	v.started()
	n, err := v.w.Write(b)
	v.mu.Lock()
	v.capture(b[:n])
	v.note(err)
	v.mu.Unlock()
	return n, err
}

// WriteString implements io.StringWriter.
func (v *visit) WriteString(s string) (int, error) {
	v.started()
	n, err := io.WriteString(v.w, s)
	v.mu.Lock()
	v.size += int64(n)
	if v.s != nil && !v.long {
		if room := v.g.inspectResponse - len(v.s.answer); room > 0 {
			v.s.answer = append(v.s.answer, s[:min(room, n)]...)
		}
	}
	v.note(err)
	v.mu.Unlock()
	return n, err
}

// started notes the head that a first write implies.
func (v *visit) started() {
	v.mu.Lock()
	v.begin(http.StatusOK)
	v.mu.Unlock()
}

// note tells a client that is gone from a handler that writes what its answer cannot have. The caller holds mu.
func (v *visit) note(err error) {
	if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) && !errors.Is(err, http.ErrContentLength) && !errors.Is(err, http.ErrHijacked) {
		v.lost = true
	}
}

// copyBuffer is how much is copied at a time while the beginning of an answer is captured.
const copyBuffer = 32 << 10

// ReadFrom implements io.ReaderFrom: what is behind the captured beginning may go to the socket without passing through
// this process's memory.
func (v *visit) ReadFrom(src io.Reader) (total int64, err error) {
	v.started()
	fast, ok := v.w.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{v}, src)
	}
	buf := v.copying()
	for v.wanted() > 0 {
		n, readErr := src.Read(buf)
		m, writeErr := v.Write(buf[:n])
		total += int64(m)
		switch {
		case writeErr != nil:
			return total, writeErr
		case readErr == io.EOF:
			return total, nil
		case readErr != nil:
			return total, readErr
		}
	}
	n, err := fast.ReadFrom(src)
	v.mu.Lock()
	v.size += n
	v.mu.Unlock() // err may be the source's: nothing is noted
	return total + n, err
}

// wanted is how much of the answer is still to be captured.
func (v *visit) wanted() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.s == nil || v.long {
		return 0
	}
	return v.g.inspectResponse - len(v.s.answer)
}

// copying is a buffer of this exchange's.
func (v *visit) copying() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.s == nil {
		return make([]byte, copyBuffer)
	}
	if v.s.copying == nil {
		v.s.copying = make([]byte, copyBuffer)
	}
	return v.s.copying
}

// flush passes on what was written, and with it the head.
func (v *visit) flush() error {
	v.started()
	f := find[http.Flusher](v.w)
	e, ok := f.(interface{ FlushError() error })
	if !ok {
		f.Flush()
		return nil
	}
	err := e.FlushError()
	v.mu.Lock()
	v.note(err)
	v.mu.Unlock()
	return err
}

// Flush implements http.Flusher.
func (w flushWriter) Flush() { _ = w.flush() }

// FlushError is what http.ResponseController calls.
func (w flushWriter) FlushError() error { return w.flush() }

// Flush implements http.Flusher.
func (w flushHijackWriter) Flush() { _ = w.flush() }

// FlushError is what http.ResponseController calls.
func (w flushHijackWriter) FlushError() error { return w.flush() }

// Hijack implements http.Hijacker.
func (w hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

// Hijack implements http.Hijacker.
func (w flushHijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
