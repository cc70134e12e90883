package http1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// limitCase presses one limit: wire is refused for want, and fits is the same within the limit.
type limitCase struct {
	name       string
	want       exchange.Anomaly
	wire, fits string
}

const testBodyBytes = 1000

func limitCases() []limitCase {
	l := DefaultLimits()
	host := "Host: a.example\r\n"
	get := func(target, fields string) string { return "GET " + target + " HTTP/1.1\r\n" + host + fields + "\r\n" }
	chunked := func(body string) string { return get("/", "Transfer-Encoding: chunked\r\n") + body }
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "X-%d: y\r\n", i)
		}
		return b.String()
	}
	target := func(n int) string { return "/" + strings.Repeat("a", n-len("GET / HTTP/1.1")) }
	pad := l.HeadBytes - len(get("/", "X: \r\n"))
	named := func(n int) string { return "Connection: " + strings.Repeat("x,", n-1) + "x\r\n" }
	return []limitCase{
		{"request line", exchange.AnomalyLineTooLong, get(target(l.StartLineBytes+1), ""), get(target(l.StartLineBytes), "")},
		{"endless request line", exchange.AnomalyLineTooLong, "GET /" + strings.Repeat("a", l.StartLineBytes+1), get("/", "")},
		{"method", exchange.AnomalyBadMethod, strings.Repeat("M", maxMethodBytes+1) + get("/", "")[3:], strings.Repeat("M", maxMethodBytes) + get("/", "")[3:]},
		{"head", exchange.AnomalyHeaderTooLarge, get("/", "X: "+strings.Repeat("y", pad+1)+"\r\n"), get("/", "X: "+strings.Repeat("y", pad)+"\r\n")},
		{"endless head", exchange.AnomalyHeaderTooLarge, "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", l.HeadBytes), get("/", "")},
		{"fields", exchange.AnomalyTooManyHeaders, get("/", many(l.Fields)), get("/", many(l.Fields-1))},
		{"connection options", exchange.AnomalyTooManyConnectionOptions, get("/", named(l.ConnectionOptions+1)), get("/", named(l.ConnectionOptions))},
		{
			"host", exchange.AnomalyBadHost, "GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", l.HostBytes+1) + "\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", l.HostBytes) + "\r\n\r\n",
		},
		{
			"chunk size digits", exchange.AnomalyChunkSizeOverflow, chunked(strings.Repeat("0", l.ChunkSizeDigits) + "1\r\nx\r\n0\r\n\r\n"),
			chunked(strings.Repeat("0", l.ChunkSizeDigits-1) + "1\r\nx\r\n0\r\n\r\n"),
		},
		{
			"one chunk extension", exchange.AnomalyChunkExtensionTooLong, chunked("1;" + strings.Repeat("e", l.ChunkExtensionBytes+1) + "\r\nx\r\n0\r\n\r\n"),
			chunked("1;" + strings.Repeat("e", l.ChunkExtensionBytes) + "\r\nx\r\n0\r\n\r\n"),
		},
		{
			"many chunk extensions", exchange.AnomalyChunkExtensionTooLong, chunked(strings.Repeat("1;abcdefgh\r\nx\r\n", l.ChunkExtensionBytes/8+1) + "0\r\n\r\n"),
			chunked(strings.Repeat("1;abcdefgh\r\nx\r\n", l.ChunkExtensionBytes/8) + "0\r\n\r\n"),
		},
		{
			"trailer bytes", exchange.AnomalyTrailerTooLarge, chunked("0\r\nX: " + strings.Repeat("y", l.TrailerBytes) + "\r\n\r\n"),
			chunked("0\r\nX: " + strings.Repeat("y", l.TrailerBytes-7) + "\r\n\r\n"),
		},
		{"trailer fields", exchange.AnomalyTrailerTooLarge, chunked("0\r\n" + many(l.TrailerFields+1) + "\r\n"), chunked("0\r\n" + many(l.TrailerFields) + "\r\n")},
		{
			"announced body", exchange.AnomalyBodyTooLarge, get("/", fmt.Sprintf("Content-Length: %d\r\n", testBodyBytes+1)),
			get("/", fmt.Sprintf("Content-Length: %d\r\n", testBodyBytes)) + strings.Repeat("x", testBodyBytes),
		},
		{
			"chunked body", exchange.AnomalyBodyTooLarge, chunked(strings.Repeat("1\r\nx\r\n", testBodyBytes+1) + "0\r\n\r\n"),
			chunked(strings.Repeat("1\r\nx\r\n", testBodyBytes) + "0\r\n\r\n"),
		},
	}
}

func TestLimits(t *testing.T) {
	l := DefaultLimits()
	l.BodyBytes = testBodyBytes
	for _, c := range limitCases() {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{0, 1, 1000} {
				if tr := decode([]byte(c.wire), piece, fromClient, MethodGet, &l); tr.err != RejectError(c.want) {
					t.Errorf("pieces of %d: %v, want %s", piece, tr.err, c.want)
				}
				if tr := decode([]byte(c.fits), piece, fromClient, MethodGet, &l); tr.err != nil {
					t.Errorf("pieces of %d, within the limit: %v", piece, tr.err)
				}
			}
		})
	}
}

func TestFilledLimits(t *testing.T) {
	if got := (Limits{}).Filled(); got != DefaultLimits() {
		t.Errorf("empty limits became %+v", got)
	}
	if got := (Limits{Fields: 1000, HeadBytes: 7}).Filled(); got.Fields != maxFields || got.HeadBytes != 7 {
		t.Errorf("got %+v", got)
	}
}

// TestDripIsLinear counts the bytes searched while a head of maximal size drips in byte by byte: every byte once and each
// line end again, not once for every byte that follows.
func TestDripIsLinear(t *testing.T) {
	l := DefaultLimits()
	wire := []byte("GET / HTTP/1.1\r\nHost: a.example\r\nX: " + strings.Repeat("y", 30000) + "\r\n\r\n")
	var h RequestHead
	attempts := 0
	for n := 1; n < len(wire); n++ {
		before := h.scanned
		if _, err := h.Parse(wire[:n], &l); err != ErrNeedMore {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		if h.scanned < n-3 && n > bytes.IndexByte(wire, '\n')+1 {
			attempts++
		}
		if h.scanned < before {
			t.Fatalf("after %d bytes the search went back from %d to %d", n, before, h.scanned)
		}
	}
	if attempts > 3 {
		t.Errorf("%d calls left bytes unsearched", attempts)
	}
	if n, err := h.Parse(wire, &l); err != nil || n != len(wire) {
		t.Fatalf("at the end: %d, %v", n, err)
	}
}

// TestMaximalFields parses a head with as many fields as can be addressed.
func TestMaximalFields(t *testing.T) {
	l := Limits{Fields: maxFields, HeadBytes: 1 << 20}.Filled()
	var b strings.Builder
	b.WriteString("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: X-253\r\n")
	for i := range maxFields - 2 {
		fmt.Fprintf(&b, "X-%d: y\r\n", i+1)
	}
	b.WriteString("\r\n")
	var h RequestHead
	if _, err := h.Parse([]byte(b.String()), &l); err != nil {
		t.Fatal(err)
	}
	if h.passes(maxFields-1) || !h.passes(maxFields-2) {
		t.Error("the last field is named by Connection, the one before is not")
	}
}
