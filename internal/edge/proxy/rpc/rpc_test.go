package rpc

import (
	"encoding/base64"
	"testing"

	"merlon/internal/model/exchange"
)

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     exchange.RPCProtocol
		text     bool
	}{
		{"plain", "application/grpc", exchange.GRPC, false},
		{"with encoding", "application/grpc+proto", exchange.GRPC, false},
		{"in any casing", "Application/GRPC; charset=utf-8", exchange.GRPC, false},
		{"web", "application/grpc-web+proto", exchange.GRPCWeb, false},
		{"web as text", "application/grpc-web-text", exchange.GRPCWeb, true},
		{"something longer", "application/grpcish", exchange.NoRPC, false},
		{"JSON", "application/json", exchange.NoRPC, false},
		{"none", "", exchange.NoRPC, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, text := Detect([]byte(c.in)); got != c.want || text != c.text {
				t.Errorf("got %v, %v", got, text)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name, value string
		code        uint8
		ok          bool
	}{
		{"ok", "0", 0, true},
		{"denied", "7", 7, true},
		{"beyond", "17", exchange.RPCBeyond, true},
		{"huge", "999999999999", 0, false},
		{"signed", "-1", 0, false},
		{"empty", "", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, ok := Status([]exchange.Field{{Name: []byte("x"), Value: []byte("1")}, {Name: []byte("Grpc-Status"), Value: []byte(c.value)}})
			if code != c.code || ok != c.ok {
				t.Errorf("got %d, %v", code, ok)
			}
		})
	}
	if _, ok := Status(nil); ok {
		t.Error("a status out of nothing")
	}
}

func message(flags byte, body string) string {
	n := len(body)
	return string([]byte{flags, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + body
}

func TestFollower(t *testing.T) {
	call := message(0, "hello") + message(1, "") + message(0, "again")
	web := message(0, "hello") + message(0x80, "grpc-message:no\r\nGrpc-Status: 7\r\n")
	for _, c := range []struct {
		name     string
		protocol exchange.RPCProtocol
		text     bool
		body     string
		messages uint32
		code     uint8
		known    bool
	}{
		{"three messages", exchange.GRPC, false, call, 3, 0, false},
		{"none", exchange.GRPC, false, "", 0, 0, false},
		{"cut in the middle", exchange.GRPC, false, call[:7], 1, 0, false},
		{"no frames", exchange.GRPC, false, "<html>no frames here</html>", 0, 0, false},
		{"trailers in the body of gRPC proper are none", exchange.GRPC, false, web, 1, 0, false},
		{"web", exchange.GRPCWeb, false, web, 1, 7, true},
		{"web as text", exchange.GRPCWeb, true, base64.StdEncoding.EncodeToString([]byte(web)), 1, 7, true},
		{"web as text, padded in the middle", exchange.GRPCWeb, true, base64.StdEncoding.EncodeToString([]byte(message(0, "hi"))) +
			base64.StdEncoding.EncodeToString([]byte(message(0x80, "grpc-status:0"))), 1, 0, true},
		{"a long line is no status", exchange.GRPCWeb, false, message(0x80, "grpc-status:"+string(make([]byte, 100))+"\ngrpc-status:5\n"), 0, 5, true},
		{"not a call", exchange.NoRPC, false, call, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, step := range []int{1, 2, 3, 5, 7, 1000} {
				var f Follower
				f.Begin(c.protocol, c.text, true)
				for b := []byte(c.body); len(b) > 0; b = b[min(step, len(b)):] {
					f.Write(b[:min(step, len(b))])
				}
				code, known := f.Status()
				if f.Messages != c.messages || code != c.code || known != c.known {
					t.Errorf("in steps of %d: %d messages, %d, %v", step, f.Messages, code, known)
				}
			}
		})
	}
}

func TestCode(t *testing.T) {
	for status, want := range map[int]uint8{403: 7, 421: 7, 429: 8, 413: 8, 431: 8, 502: 14, 503: 14, 504: 4, 408: 4, 400: 3, 500: 13} {
		if got := Code(status); got != want {
			t.Errorf("%d: got %d, want %d", status, got, want)
		}
	}
}

func FuzzFollower(f *testing.F) {
	f.Add([]byte(message(0, "hello")+message(0x80, "grpc-status:7\r\n")), false, 3)
	f.Add([]byte("AAAAAAVoZWxsbw=="), true, 5)
	f.Fuzz(func(t *testing.T, body []byte, text bool, step int) {
		var whole, pieces Follower
		whole.Begin(exchange.GRPCWeb, text, true)
		pieces.Begin(exchange.GRPCWeb, text, true)
		whole.Write(body)
		step = max(1, step&31)
		for b := body; len(b) > 0; b = b[min(step, len(b)):] {
			pieces.Write(b[:min(step, len(b))])
		}
		if whole.Messages != pieces.Messages || whole.code != pieces.code || whole.known != pieces.known {
			t.Fatalf("in one piece %+v, in several %+v", whole, pieces)
		}
	})
}

func BenchmarkFollower(b *testing.B) {
	body := []byte(message(0, string(make([]byte, 1000))))
	var f Follower
	f.Begin(exchange.GRPC, false, true)
	b.ReportAllocs()
	for b.Loop() {
		f.Write(body)
	}
}
