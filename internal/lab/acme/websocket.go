package acme

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Bounds of one live connection.
const (
	maxFrame     = 64 << 10
	maxFrames    = 10_000
	maxLiveTime  = 30 * time.Minute
	acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, 1.3
)

// live answers the WebSocket handshake of RFC 6455, 4.2 and echoes every message until the client closes.
func (h *Hospital) live(w http.ResponseWriter, r *http.Request, who *account) {
	if h.talkOf(w, r, who) == nil {
		return
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") ||
		r.Header.Get("Sec-WebSocket-Version") != "13" || !strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade") {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		fail(w, http.StatusUpgradeRequired, "upgrade_required", "this resource speaks WebSocket")
		return
	}
	select {
	case h.sockets <- struct{}{}:
		defer func() { <-h.sockets }()
	default:
		fail(w, http.StatusServiceUnavailable, "busy", "too many live sessions")
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, http.StatusNotImplemented, "not_implemented", "live sessions need HTTP/1.1")
		return
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(r.Context(), maxLiveTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	sum := sha1.Sum([]byte(key + acceptSuffix)) //nolint:gosec // RFC 6455 asks for SHA-1; nothing rests on it
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	for n := 0; err == nil && n < maxFrames; n++ {
		err = echo(rw.Reader, conn)
	}
}

// echo reads one frame and answers it: data and ping with the same payload, close with close.
func echo(r *bufio.Reader, w net.Conn) error {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := uint64(head[1] & 0x7F)
	switch n {
	case 126:
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	if head[1]&0x80 == 0 || n > maxFrame { // clients must mask (5.1)
		_, _ = w.Write([]byte{0x88, 2, 0x03, 0xEA}) // close, 1002 protocol error
		return io.ErrUnexpectedEOF
	}
	buf := make([]byte, 4+n)
	if _, err := io.ReadFull(r, buf); err != nil {
		return err
	}
	body := buf[4:]
	for i := range body {
		body[i] ^= buf[i&3]
	}
	op := head[0] & 0x0F
	if op == 9 { // ping -> pong
		head[0] = head[0]&0xF0 | 10
	}
	out := []byte{head[0]}
	switch {
	case n < 126:
		out = append(out, byte(n))
	case n <= 0xFFFF:
		out = binary.BigEndian.AppendUint16(append(out, 126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 127), n)
	}
	if op != 10 { // an unasked pong is not answered
		if _, err := w.Write(append(out, body...)); err != nil {
			return err
		}
	}
	if op == 8 {
		return io.EOF
	}
	return nil
}
