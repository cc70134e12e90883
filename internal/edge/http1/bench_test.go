package http1

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

// browserHead is a request head of 1 kB with 13 fields, as a browser sends it to an API.
const browserHead = "GET /api/v1/patients/8c1f2a4e-6d3b-4a57-9f0e-2b7c91d0a3e4/appointments?from=2026-01-01&to=2026-02-01&limit=50 HTTP/1.1\r\n" +
	"Host: api.acme.example\r\n" +
	"Connection: keep-alive\r\n" +
	"sec-ch-ua-platform: \"Linux\"\r\n" +
	"Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWUsImlhdCI6MTUxNjIzOTAyMn0.NHVaYe26MbtOYhSKkoKYdFVomg4i8ZJd8_-RU8VNbftc4TSMb4bXP3l3YlNWACwyXPGffz5aXHc6lty1Y2t4SWRqGteragsVdZufDn5BlnJl9pdR_kdVFUsra2rWKEofkZeIC4yWytE58sMIihvo9H1ScmmVwBcQP6XETqYd0aSHp1gOa9RdUPDvoXQ5oqygTqVtxaDr6wUFKrKItgBMzWIdNZ6y7O9E0DhEPTbE9rfBo6KTFsHAZnMg4k68CDp2woYIaXbmYTWcvbzIuHO7_37GT79XdIwkm95QJ7hYC9RiwrV7mesbY4PAahERJawntho0my942XheVLmGwLMBkQ\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36\r\n" +
	"Accept: application/json, text/plain, */*\r\n" +
	"Origin: https://app.acme.example\r\n" +
	"Sec-Fetch-Site: same-site\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Referer: https://app.acme.example/\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\n" +
	"X-Request-Id: 3f2c1b0a-9e8d-4c7b-a6f5-0123456789ab\r\n\r\n"

const apiResponse = "HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\nContent-Type: application/json; charset=utf-8\r\n" +
	"Content-Length: 1280\r\nServer: nginx/1.26\r\nCache-Control: no-store\r\nX-Request-Id: 3f2c1b0a-9e8d-4c7b-a6f5-0123456789ab\r\n\r\n"

func BenchmarkRequestHead(b *testing.B) {
	l := DefaultLimits()
	var h RequestHead
	in := []byte(browserHead)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Parse(in, &l); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRequestHeadNetHTTP is the same head through net/http, for comparison.
func BenchmarkRequestHeadNetHTTP(b *testing.B) {
	in := []byte(browserHead)
	r := bytes.NewReader(in)
	br := bufio.NewReader(r)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(in)
		br.Reset(r)
		if _, err := http.ReadRequest(br); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallRequestHead(b *testing.B) {
	l := DefaultLimits()
	var h RequestHead
	in := []byte("GET /health HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n")
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Parse(in, &l); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResponseHead(b *testing.B) {
	l := DefaultLimits()
	var h ResponseHead
	in := []byte(apiResponse)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Parse(in, &l, MethodGet, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRequestHead(b *testing.B) {
	l := DefaultLimits()
	var h RequestHead
	if _, err := h.Parse([]byte(browserHead), &l); err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, 4096)
	w := Rewrite{Add: Fields{{Name: []byte("X-Forwarded-For"), Value: []byte("203.0.113.9")}}}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = AppendRequestHead(out[:0], &h, &w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendResponseHead(b *testing.B) {
	l := DefaultLimits()
	var h ResponseHead
	if _, err := h.Parse([]byte(apiResponse), &l, MethodGet, false); err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, 4096)
	var w Rewrite
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = AppendResponseHead(out[:0], &h, &w); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChunkedBody decodes 64 chunks of 1 kB.
func BenchmarkChunkedBody(b *testing.B) {
	l := DefaultLimits()
	var in []byte
	data := bytes.Repeat([]byte{'x'}, 1024)
	for range 64 {
		in = AppendChunk(in, data)
	}
	in, _ = AppendLastChunk(in, nil)
	h := ResponseHead{Head: Head{Framing: FramingChunked}}
	var d Body
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		d.BeginResponse(&h, &l)
		for rest := in; !d.Done(); {
			_, n, _, err := d.Next(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}
