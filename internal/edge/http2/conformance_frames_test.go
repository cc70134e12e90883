package http2_test

import (
	"slices"
	"strings"
	"testing"

	"merlon/internal/edge/http2"
)

// conform is frames behind the preface, SETTINGS and acknowledgement, and what the server has to do: "goaway CODE" ends the
// connection; "1 200" and "1 CODE" are how streams end; "" is nothing. Several are separated by " | ".
type conform struct {
	section, name, frames, want string
}

// frameCases are what RFC 9113 asks of a server in sections 4, 5 and 6.
func frameCases() []conform {
	block := ask("POST", "/")
	open := post(1, "/hold")
	over := get(1, "/") + fr(fPing, 0, 0, "12345678") // its answer may have come or not
	big := strings.Repeat("x", 16<<10)
	return []conform{
		{"4.1", "unknown type", fr(0xfe, 0xff, 0, "abc") + fr(0x20, 0, 77, ""), ""},
		{"4.1", "unknown flags of PING", fr(fPing, 0xfe, 0, "12345678"), ""},
		{"4.1", "unknown flags of HEADERS", fr(fHeaders, endHeaders|endStream|0xd2, 1, ask("GET", "/")), "1 200"},
		{"4.1", "unknown flags of DATA", post(1, "/") + data(1, 0xf6|endStream, "a"), "1 200"},
		{"4.1", "reserved bit of HEADERS", fr(fHeaders, endHeaders|endStream, 1<<31|1, ask("GET", "/")), "1 200"},
		{"4.1", "reserved bit of PING", fr(fPing, 0, 1<<31, "12345678"), ""},
		{"4.2", "largest DATA", post(1, "/") + data(1, endStream, big), "1 200"},
		{"4.2", "DATA too large", open + data(1, endStream, big+"x"), "goaway FRAME_SIZE_ERROR | 1 FRAME_SIZE_ERROR"},
		{"4.2", "HEADERS too large", fr(fHeaders, endHeaders|endStream, 1, ask("GET", "/", "x", big)), "goaway FRAME_SIZE_ERROR"},
		{"4.2", "SETTINGS too large", fr(fSettings, 0, 0, strings.Repeat(setting(0x99, 1), 2731)), "goaway FRAME_SIZE_ERROR"},
		{"4.2", "unknown frame too large", fr(0x99, 0, 0, big+"x"), "goaway FRAME_SIZE_ERROR"},
		{"4.2", "CONTINUATION too large", fr(fHeaders, 0, 1, block) + fr(fContinuation, endHeaders, 1, big+"x"), "goaway FRAME_SIZE_ERROR"},
		{"4.3", "block that does not decode", fr(fHeaders, endHeaders|endStream, 1, "\x80"), "goaway COMPRESSION_ERROR"},
		{"4.3", "block cut short", fr(fHeaders, endHeaders|endStream, 1, block[:len(block)-1]), "goaway COMPRESSION_ERROR"},
		{"4.3", "block that does not decode, in pieces", fr(fHeaders, endStream, 1, block) + fr(fContinuation, endHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff"), "goaway COMPRESSION_ERROR"},
		{"4.3", "trailers that do not decode", open + fr(fHeaders, endHeaders|endStream, 1, "\xbe"), "goaway COMPRESSION_ERROR"},
		{"4.3", "table larger than allowed", fr(fHeaders, endHeaders|endStream, 1, integer(0x20, 5, 4097)+ask("GET", "/")), "goaway COMPRESSION_ERROR"},
		{"4.3", "table update behind a field", fr(fHeaders, endHeaders|endStream, 1, ask("GET", "/")+"\x20"), "goaway COMPRESSION_ERROR"},
		{"4.3", "empty block", fr(fHeaders, endHeaders|endStream, 1, ""), "1 PROTOCOL_ERROR"},
		{"4.3", "block in pieces of one octet", fr(fHeaders, endStream, 1, "\x82") + fr(fContinuation, 0, 1, "\x86") + fr(fContinuation, 0, 1, "\x84") + fr(fContinuation, endHeaders, 1, fields(":authority", "a")), "1 200"},
		{"4.3", "empty first piece", fr(fHeaders, endStream, 1, "") + fr(fContinuation, endHeaders, 1, ask("GET", "/")), "1 200"},

		{"5.1", "DATA on an idle stream", data(1, 0, "a"), "goaway PROTOCOL_ERROR"},
		{"5.1", "RST_STREAM on an idle stream", fr(fReset, 0, 1, u32(8)), "goaway PROTOCOL_ERROR"},
		{"5.1", "WINDOW_UPDATE on an idle stream", fr(fWindow, 0, 1, u32(1)), "goaway PROTOCOL_ERROR"},
		{"5.1", "CONTINUATION on an idle stream", fr(fContinuation, endHeaders, 1, block), "goaway PROTOCOL_ERROR"},
		{"5.1", "PRIORITY on an idle stream", fr(fPriority, 0, 1, u32(0)+"\x10") + get(1, "/"), "1 200"},
		{"5.1", "WINDOW_UPDATE on a stream of ours", get(1, "/") + fr(fWindow, 0, 2, u32(1)), "goaway PROTOCOL_ERROR"},
		{"5.1", "RST_STREAM on a stream of ours", get(1, "/") + fr(fReset, 0, 2, u32(8)), "goaway PROTOCOL_ERROR"},
		{"5.1", "DATA on a stream of ours", get(5, "/") + data(2, 0, "a"), "goaway PROTOCOL_ERROR"},
		{"5.1", "WINDOW_UPDATE on a stream of ours, below the highest", get(5, "/") + fr(fWindow, 0, 2, u32(1)), "goaway PROTOCOL_ERROR"},
		{"5.1", "RST_STREAM on a stream of ours, below the highest", get(5, "/") + fr(fReset, 0, 2, u32(8)), "goaway PROTOCOL_ERROR"},
		{"5.1", "half-closed: DATA", get(1, "/hold") + data(1, endStream, "a"), "1 STREAM_CLOSED | goaway STREAM_CLOSED"},
		{"5.1", "half-closed: empty DATA", get(1, "/hold") + data(1, endStream, ""), "1 STREAM_CLOSED | goaway STREAM_CLOSED"},
		{"5.1", "half-closed: HEADERS", get(1, "/hold") + get(1, "/"), "1 STREAM_CLOSED | goaway STREAM_CLOSED"},
		{"5.1", "half-closed: CONTINUATION", get(1, "/hold") + fr(fContinuation, endHeaders, 1, block), "goaway PROTOCOL_ERROR | goaway STREAM_CLOSED"},
		{"5.1", "half-closed: WINDOW_UPDATE, PRIORITY, RST_STREAM", get(1, "/hold") + fr(fWindow, 0, 1, u32(1)) + fr(fPriority, 0, 1, u32(0)+"\x10") + fr(fReset, 0, 1, u32(8)), ""},
		{"5.1", "reset: DATA", open + fr(fReset, 0, 1, u32(8)) + data(1, 0, "a"), "1 STREAM_CLOSED | goaway STREAM_CLOSED"},
		{"5.1", "reset: HEADERS", open + fr(fReset, 0, 1, u32(8)) + fr(fHeaders, endHeaders|endStream, 1, ""), "1 STREAM_CLOSED | goaway STREAM_CLOSED"},
		{"5.1", "reset: CONTINUATION", open + fr(fReset, 0, 1, u32(8)) + fr(fContinuation, endHeaders, 1, ""), "goaway PROTOCOL_ERROR | goaway STREAM_CLOSED"},
		{"5.1", "reset: WINDOW_UPDATE, PRIORITY, RST_STREAM", open + fr(fReset, 0, 1, u32(8)) + fr(fWindow, 0, 1, u32(1)) + fr(fPriority, 0, 1, u32(0)+"\x10") + fr(fReset, 0, 1, u32(8)), ""},
		{"5.1", "over: WINDOW_UPDATE, PRIORITY, RST_STREAM", over + fr(fWindow, 0, 1, u32(1)) + fr(fPriority, 0, 1, u32(0)+"\x10"), "1 200"},
		{"5.1.1", "stream of an even number", get(2, "/"), "goaway PROTOCOL_ERROR"},
		{"5.1.1", "HEADERS on stream 0", get(0, "/"), "goaway PROTOCOL_ERROR"},
		{"5.1.1", "numbers left out", get(1, "/") + get(301, "/"), "1 200, 301 200"},
		{"5.1.1", "a smaller number", get(5, "/hold") + get(3, "/"), "goaway PROTOCOL_ERROR"},
		{"5.1.1", "a smaller number, far below", get(301, "/hold") + get(1, "/"), "goaway PROTOCOL_ERROR"},
		{"5.1.1", "DATA on a number left out", get(5, "/hold") + data(3, 0, "a"), "3 STREAM_CLOSED | goaway STREAM_CLOSED | goaway PROTOCOL_ERROR"},
		{"5.1.1", "the greatest number", get(1<<31-1, "/"), "2147483647 200 | goaway NO_ERROR"},
		{"5.3.1", "a stream that depends on itself", fr(fHeaders, endHeaders|endStream|prioritized, 1, u32(1)+"\x10"+ask("GET", "/")), "1 PROTOCOL_ERROR | 1 200"},
		{"5.3.1", "PRIORITY on itself", open + fr(fPriority, 0, 1, u32(1)+"\x10"), "1 PROTOCOL_ERROR | "},
		{"5.5", "unknown frame within a block", fr(fHeaders, 0, 1, block) + fr(0x77, 0, 0, "") + fr(fContinuation, endHeaders, 1, ""), "goaway PROTOCOL_ERROR"},

		{"6.1", "DATA on stream 0", data(0, 0, "a"), "goaway PROTOCOL_ERROR"},
		{"6.1", "padding as long as the frame", open + data(1, padded, "\x04abc"), "goaway PROTOCOL_ERROR | goaway FRAME_SIZE_ERROR"},
		{"6.1", "padding longer", open + data(1, padded, "\xffabc"), "goaway PROTOCOL_ERROR"},
		{"6.1", "nothing but padding", post(1, "/") + data(1, padded, "\x03\x00\x00\x00") + data(1, endStream, ""), "1 200"},
		{"6.1", "padding of nothing", post(1, "/") + data(1, padded|endStream, "\x00"), "1 200"},
		{"6.1", "PADDED and no length of it", open + data(1, padded, ""), "goaway FRAME_SIZE_ERROR | goaway PROTOCOL_ERROR"},
		{"6.1", "padding behind data", post(1, "/") + data(1, padded|endStream, "\x02ab\x00\x00"), "1 200"},
		{"6.2", "HEADERS padded", fr(fHeaders, endHeaders|endStream|padded, 1, "\x02"+ask("GET", "/")+"\x00\x00"), "1 200"},
		{"6.2", "HEADERS padded, with priority", fr(fHeaders, endHeaders|endStream|padded|prioritized, 1, "\x02"+u32(1<<31|7)+"\xff"+ask("GET", "/")+"\x00\x00"), "1 200"},
		{"6.2", "HEADERS padded too much", fr(fHeaders, endHeaders|endStream|padded, 1, "\xff"+ask("GET", "/")), "goaway PROTOCOL_ERROR"},
		{"6.2", "HEADERS, PADDED and no length of it", fr(fHeaders, endHeaders|endStream|padded, 1, ""), "goaway FRAME_SIZE_ERROR | goaway PROTOCOL_ERROR"},
		{"6.2", "HEADERS too short for its priority", fr(fHeaders, endHeaders|endStream|prioritized, 1, "\x00\x00"), "goaway FRAME_SIZE_ERROR | goaway PROTOCOL_ERROR"},
		{"6.2", "HEADERS whose padding reaches into its priority", fr(fHeaders, endHeaders|endStream|padded|prioritized, 1, "\x05"+u32(0)+"\x10"+"abc"), "goaway PROTOCOL_ERROR"},
		{"6.3", "PRIORITY on stream 0", fr(fPriority, 0, 0, u32(1)+"\x10"), "goaway PROTOCOL_ERROR"},
		{"6.3", "PRIORITY of 4 octets", open + fr(fPriority, 0, 1, u32(0)), "1 FRAME_SIZE_ERROR"},
		{"6.4", "RST_STREAM on stream 0", fr(fReset, 0, 0, u32(8)), "goaway PROTOCOL_ERROR"},
		{"6.4", "RST_STREAM of 3 octets", open + fr(fReset, 0, 1, "\x00\x00\x00"), "goaway FRAME_SIZE_ERROR"},
		{"6.4", "RST_STREAM of 5 octets", open + fr(fReset, 0, 1, u32(8)+"\x00"), "goaway FRAME_SIZE_ERROR"},
		{"6.4", "RST_STREAM with a code nobody knows", open + fr(fReset, 0, 1, u32(0xdeadbeef)), ""},
		{"6.5", "SETTINGS acknowledged with settings", fr(fSettings, ack, 0, setting(setPush, 0)), "goaway FRAME_SIZE_ERROR"},
		{"6.5", "SETTINGS on a stream", open + fr(fSettings, 0, 1, ""), "goaway PROTOCOL_ERROR"},
		{"6.5", "SETTINGS of 5 octets", fr(fSettings, 0, 0, "12345"), "goaway FRAME_SIZE_ERROR"},
		{"6.5.2", "push on or off", fr(fSettings, 0, 0, setting(setPush, 1)) + fr(fSettings, 0, 0, setting(setPush, 0)), ""},
		{"6.5.2", "push neither", fr(fSettings, 0, 0, setting(setPush, 2)), "goaway PROTOCOL_ERROR"},
		{"6.5.2", "window of 2^31", fr(fSettings, 0, 0, setting(setInitial, 1<<31)), "goaway FLOW_CONTROL_ERROR"},
		{"6.5.2", "largest window", fr(fSettings, 0, 0, setting(setInitial, 1<<31-1)), ""},
		{"6.5.2", "frames of less than 16384", fr(fSettings, 0, 0, setting(setFrame, 16383)), "goaway PROTOCOL_ERROR"},
		{"6.5.2", "frames of 2^24", fr(fSettings, 0, 0, setting(setFrame, 1<<24)), "goaway PROTOCOL_ERROR"},
		{"6.5.2", "frames of 2^24-1", fr(fSettings, 0, 0, setting(setFrame, 1<<24-1)) + get(1, "/big?40000"), "1 200"},
		{"6.5.2", "settings nobody knows", fr(fSettings, 0, 0, setting(0xff, 1<<32-1)+setting(8, 1)+setting(9, 1)), ""},
		{"6.5.2", "the wrong one behind a right one", fr(fSettings, 0, 0, setting(setPush, 0)+setting(setPush, 7)), "goaway PROTOCOL_ERROR"},
		{"6.5.3", "the last of several values holds", fr(fSettings, 0, 0, setting(setInitial, 1)+setting(setInitial, 50_000)) + get(1, "/big?50000"), "1 200"},
		{"6.6", "PUSH_PROMISE", open + fr(fPush, endHeaders, 1, u32(2)+block), "goaway PROTOCOL_ERROR"},
		{"6.7", "PING of 7 octets", fr(fPing, 0, 0, "1234567"), "goaway FRAME_SIZE_ERROR"},
		{"6.7", "PING of 9 octets", fr(fPing, 0, 0, "123456789"), "goaway FRAME_SIZE_ERROR"},
		{"6.7", "PING on a stream", open + fr(fPing, 0, 1, "12345678"), "goaway PROTOCOL_ERROR"},
		{"6.7", "PING answered that nobody asked", fr(fPing, ack, 0, "12345678"), ""},
		{"6.8", "GOAWAY on a stream", open + fr(fGoAway, 0, 1, u32(0)+u32(0)), "goaway PROTOCOL_ERROR"},
		{"6.8", "GOAWAY of 7 octets", fr(fGoAway, 0, 0, "1234567"), "goaway FRAME_SIZE_ERROR"},
		{"6.8", "GOAWAY with words", get(1, "/") + fr(fGoAway, 0, 0, u32(0)+u32(2)+"good bye"), "1 200"},
		{"6.9", "WINDOW_UPDATE of 3 octets", fr(fWindow, 0, 0, "\x00\x00\x01"), "goaway FRAME_SIZE_ERROR"},
		{"6.9", "WINDOW_UPDATE by 0", fr(fWindow, 0, 0, u32(0)), "goaway PROTOCOL_ERROR"},
		{"6.9", "WINDOW_UPDATE by 0 and the reserved bit", fr(fWindow, 0, 0, u32(1<<31)), "goaway PROTOCOL_ERROR"},
		{"6.9", "WINDOW_UPDATE of a stream by 0", open + fr(fWindow, 0, 1, u32(0)), "1 PROTOCOL_ERROR"},
		{"6.9.1", "window over 2^31-1", fr(fWindow, 0, 0, u32(1<<31-1)), "goaway FLOW_CONTROL_ERROR"},
		{"6.9.1", "window of 2^31-1", fr(fWindow, 0, 0, u32(1<<31-1-65535)) + get(1, "/"), "1 200"},
		{"6.9.1", "stream's window over 2^31-1", open + fr(fWindow, 0, 1, u32(1<<31-1)), "1 FLOW_CONTROL_ERROR"},
		{"6.9.1", "stream's window over 2^31-1, in steps", open + fr(fWindow, 0, 1, u32(1<<30)) + fr(fWindow, 0, 1, u32(1<<30)), "1 FLOW_CONTROL_ERROR"},
		{"6.9.2", "SETTINGS carry a stream's window over 2^31-1", open + fr(fWindow, 0, 1, u32(1<<31-1-65535)) + fr(fSettings, 0, 0, setting(setInitial, 65536)), "goaway FLOW_CONTROL_ERROR"},
		{"6.10", "CONTINUATION on stream 0", fr(fHeaders, 0, 1, block) + fr(fContinuation, endHeaders, 0, ""), "goaway PROTOCOL_ERROR"},
		{"6.10", "CONTINUATION of another stream", fr(fHeaders, 0, 1, block) + fr(fContinuation, endHeaders, 3, ""), "goaway PROTOCOL_ERROR"},
		{"6.10", "CONTINUATION behind the end of a block", open + fr(fContinuation, endHeaders, 1, ""), "goaway PROTOCOL_ERROR"},
		{"6.10", "DATA within a block", fr(fHeaders, 0, 1, block) + data(1, 0, ""), "goaway PROTOCOL_ERROR"},
		{"6.10", "HEADERS within a block", fr(fHeaders, 0, 1, block) + get(3, "/"), "goaway PROTOCOL_ERROR"},
		{"6.10", "PING within a block", fr(fHeaders, 0, 1, block) + fr(fPing, 0, 0, "12345678"), "goaway PROTOCOL_ERROR"},
		{"6.10", "SETTINGS within a block", fr(fHeaders, 0, 1, block) + fr(fSettings, 0, 0, ""), "goaway PROTOCOL_ERROR"},
		{"6.10", "RST_STREAM within a block", fr(fHeaders, 0, 1, block) + fr(fReset, 0, 1, u32(8)), "goaway PROTOCOL_ERROR"},
		{"6.10", "CONTINUATION within trailers, of another stream", open + fr(fHeaders, endStream, 1, "") + fr(fContinuation, endHeaders, 3, ""), "goaway PROTOCOL_ERROR"},
	}
}

// TestConformanceFrames plays each case on a connection of its own, and then asks whether the connection is as it should be.
func TestConformanceFrames(t *testing.T) {
	for _, c := range frameCases() {
		t.Run(c.section+" "+c.name, func(t *testing.T) { c.play(t, newWorld(t, nil)) })
	}
}

func (cc *conform) play(t *testing.T, w *world) {
	t.Helper()
	c := w.open()
	c.send(cc.frames)
	wants := strings.Split(cc.want, " | ")
	matches := func() bool { return slices.Contains(wants, c.String()) && c.String() != "" }
	if c.flushed() {
		// Streams end when they do; the last word is said when nothing is awaited any more.
		if !slices.Contains(wants, "") {
			c.until(func() bool { return matches() || len(c.away) > 0 })
		}
		if len(c.ends[1<<31-1]) == 0 && !c.honest(highest) && len(c.away) == 0 {
			t.Fatalf("the connection is not what it was: %s", c)
		}
	}
	if len(c.away) > 0 {
		c.until(func() bool { return false })
	}
	if !slices.Contains(wants, c.String()) {
		t.Fatalf("the server does %q, not %q", c, cc.want)
	}
	faults := w.told()
	switch {
	case len(c.away) == 0 && len(faults) != 0:
		t.Fatalf("faults %v, and no end", faults)
	case len(c.away) > 0 && c.away[len(c.away)-1].code != 0 && (len(faults) != 1 || codeNames[uint32(faults[0].Code)] != codeNames[c.away[len(c.away)-1].code]):
		t.Fatalf("the connection has ended with %s; told of %v", c, faults)
	}
}

// TestConformancePreface is section 3.4.
func TestConformancePreface(t *testing.T) {
	for _, c := range []struct{ name, sent, want string }{
		{"HTTP/1.1", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "goaway PROTOCOL_ERROR | closed"},
		{"a preface that goes wrong at its end", clientPreface[:23] + "x" + fr(fSettings, 0, 0, ""), "goaway PROTOCOL_ERROR | closed"},
		{"no SETTINGS first", clientPreface + get(1, "/"), "goaway PROTOCOL_ERROR"},
		{"PING first", clientPreface + fr(fPing, 0, 0, "12345678"), "goaway PROTOCOL_ERROR"},
		{"an unknown frame first", clientPreface + fr(0x99, 0, 0, ""), "goaway PROTOCOL_ERROR"},
		{"SETTINGS acknowledged first", clientPreface + fr(fSettings, ack, 0, ""), "goaway PROTOCOL_ERROR"},
		{"first SETTINGS wrong", clientPreface + fr(fSettings, 0, 0, setting(setPush, 2)), "goaway PROTOCOL_ERROR"},
		{"cut", clientPreface[:10], "closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			conn := w.dial()
			conn.send(c.sent)
			if c.name == "cut" {
				_ = conn.nc.(interface{ CloseWrite() error }).CloseWrite()
			}
			conn.until(func() bool { return false })
			if !slices.Contains(strings.Split(c.want, " | "), conn.String()) {
				t.Fatalf("the server does %q, not %q", conn, c.want)
			}
			if conn.acks > 0 && strings.Contains(c.name, "wrong") {
				t.Error("wrong SETTINGS are acknowledged")
			}
		})
	}
	t.Run("octet by octet", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.dial()
		all := clientPreface + fr(fSettings, 0, 0, setting(setPush, 0)) + fr(fSettings, ack, 0, "") + post(1, "/") + data(1, padded|endStream, "\x01hello\x00")
		for i := range len(all) {
			c.send(all[i : i+1])
		}
		if !c.until(c.ended(1)) || c.String() != "1 200" {
			t.Fatal(c)
		}
		if r := w.wait(1)[0]; r.body != "hello" || !strings.HasPrefix(r.head, "POST / HTTP/1.1\r\nhost: a.example\r\n") {
			t.Fatalf("%q %q", r.head, r.body)
		}
	})
	t.Run("every SETTINGS is acknowledged", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(fr(fSettings, 0, 0, ""), fr(fSettings, 0, 0, setting(setPush, 0)))
		if !c.flushed() || c.acks != 3 {
			t.Fatalf("%d are", c.acks)
		}
	})
	t.Run("PING is given back as it came", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(fr(fPing, 0, 0, "\x00\xff234567"), fr(fPing, ack, 0, "no reply"))
		if !c.flushed() || !slices.Equal(c.pongs, []string{"\x00\xff234567", "ping0001"}) {
			t.Fatalf("%q", c.pongs)
		}
	})
}

var _ http2.Handler = (*world)(nil)
