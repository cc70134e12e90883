package stream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2/hpack"

	"merlon/internal/edge/proxy/upstream"
)

// BenchmarkRequest is one GET over a connection that is open: a client that writes and reads frames, net/http, the flow, the
// engine, and an upstream that answers with as little work as can be. The client's part is a frame and a reader.
func BenchmarkRequest(b *testing.B) {
	target, err := upstream.ParseTarget("http://" + rawUpstream(b))
	if err != nil {
		b.Fatal(err)
	}
	r := newRig(b, nil, func(o *setup) { o.target = &target })
	conn := r.dial()
	if err := conn.send(preface, frame(frameSettings, 0, 0, "")); err != nil {
		b.Fatal(err)
	}
	var text bytes.Buffer
	e := hpack.NewEncoder(&text)
	write := func(id uint32) string {
		text.Reset()
		for _, f := range [][2]string{
			{":method", "GET"},
			{":scheme", "http"},
			{":authority", "acme"},
			{":path", "/items/17?q=x"},
			{"user-agent", "bench"},
			{"accept", "*/*"},
			{"accept-encoding", "gzip"},
			{"cookie", "a=b"},
		} {
			_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		return frame(frameHeaders, flagEndHeaders|flagEndStream, id, text.String())
	}
	b.ReportAllocs()
	id, window := uint32(1), frame(frameWindow, 0, 0, "\x00\x00\x10\x00")
	for n := 0; b.Loop(); n++ {
		if n%100 == 99 {
			_ = conn.send(window)
		}
		if err := conn.send(write(id)); err != nil {
			b.Fatal(err)
		}
		for {
			kind, flags, stream, _, err := conn.next()
			if err != nil {
				b.Fatal(err)
			}
			if kind == frameData && stream == id && flags&flagEndStream != 0 {
				break
			}
		}
		id += 2
	}
}

// rawUpstream answers every request alike.
func rawUpstream(b testing.TB) (addr string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	answer := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"id\":1,\"name\":\"somebody\"}\n"
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					line, err := in.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == len("\r\n") {
						_, _ = io.WriteString(c, answer)
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}
