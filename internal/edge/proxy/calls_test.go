package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// TestCallsAreUnderstood: a gRPC-Web call over HTTP/1.1 has failed when its last frame says so, and nothing else is a call.
func TestCallsAreUnderstood(t *testing.T) {
	frame := func(flags byte, text string) string {
		return string([]byte{flags, 0, 0, byte(len(text) >> 8), byte(len(text))}) + text
	}
	type answer struct{ body, status string }
	answers := map[string]answer{
		"/fine":   {body: frame(0, "one") + frame(0, "two") + frame(0x80, "grpc-status: 0\r\n")},
		"/denied": {body: frame(0x80, "grpc-status:7\r\ngrpc-message:no\r\n")},
		"/head":   {status: "5"},
		"/silent": {body: frame(0, "one")},
		"/plain":  {body: frame(0x80, "grpc-status:7\r\n")},
	}
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		a := answers[req.URL.Path]
		if a.status != "" {
			w.Header().Set("Grpc-Status", a.status)
		}
		_, _ = io.WriteString(w, a.body)
	}), nil)
	const web = "application/grpc-web+proto"
	big := strings.Repeat("x", 60_000)
	for i, tc := range []struct {
		name, path, kind, body string
		chunked                bool
		want                   exchange.RPC
		status                 int
	}{
		{"a stream of answers", "/fine", web, frame(0, "ask"), false, exchange.RPC{Protocol: exchange.GRPCWeb, Known: true, Requests: 1, Responses: 2}, 200},
		{"denied", "/denied", web, frame(0, "ask"), true, exchange.RPC{Protocol: exchange.GRPCWeb, Known: true, Status: 7, Requests: 1}, 403},
		{"status in the head", "/head", web, frame(0, "ask"), false, exchange.RPC{Protocol: exchange.GRPCWeb, Known: true, Status: 5, Requests: 1}, 404},
		{"no status", "/silent", web, frame(0, "ask"), false, exchange.RPC{Protocol: exchange.GRPCWeb, Requests: 1, Responses: 1}, 200},
		{"a body that streams", "/fine", web, strings.Repeat(frame(0, big), 5), true, exchange.RPC{Protocol: exchange.GRPCWeb, Known: true, Requests: 5, Responses: 2}, 200},
		{"no call", "/plain", "application/json", frame(0, "ask"), false, exchange.RPC{}, 200},
		{"no type", "/plain", "", frame(0, "ask"), false, exchange.RPC{}, 200},
	} {
		framing, body := fmt.Sprintf("Content-Length: %d", len(tc.body)), tc.body
		if tc.chunked {
			framing, body = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(tc.body), tc.body)
		}
		if tc.kind != "" {
			framing += "\r\nContent-Type: " + tc.kind
		}
		got := r.raw("POST "+tc.path+" HTTP/1.1\r\nHost: a\r\n"+framing+"\r\n\r\n"+body, 1)
		if !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("%s: %.100q", tc.name, got)
		}
		if e := r.wait(i + 1)[i]; e.RPC != tc.want || int(e.Status) != tc.status {
			t.Errorf("%s: %+v, status %d", tc.name, e.RPC, e.Status)
		}
	}
}
