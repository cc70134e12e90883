package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// upstreamSays is an upstream that reads each head and answers the given bytes, whatever it was asked.
func upstreamSays(t *testing.T, answer string) []upstream.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for line, err := br.ReadString('\n'); err == nil && line != "\r\n"; line, err = br.ReadString('\n') {
				}
				_, _ = io.WriteString(c, answer)
			}()
		}
	}()
	return at(t, "http://"+l.Addr().String())
}

// TestWhatShowsLateIsFoundToo: what the codec notes in a body, or in the upstream's answer, is an anomaly with its finding,
// although the request has been judged by then.
func TestWhatShowsLateIsFoundToo(t *testing.T) {
	large := strings.Repeat("x", 150_000)
	const post = "POST / HTTP/1.1\r\nHost: a\r\n"
	const chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
	const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, tc := range []struct {
		name, request, answer string
		anomaly               exchange.Anomaly
		outcome               event.Outcome
	}{
		{"chunk extension", chunked + "1;a=b\r\nx\r\n0\r\n\r\n", "", exchange.AnomalyChunkExtension, event.OutcomeAnswered},
		{"chunk extension behind what is inspected", chunked + fmt.Sprintf("%x\r\n%s\r\n1;a=b\r\nx\r\n0\r\n\r\n", len(large), large), "", exchange.AnomalyChunkExtension, event.OutcomeAnswered},
		{"broken chunk behind what is inspected", chunked + fmt.Sprintf("%x\r\n%s\r\nzz\r\n", len(large), large), "", exchange.AnomalyBadChunk, event.OutcomeRefused},
		{"body cut behind what is inspected", post + "Content-Length: 999999\r\n\r\n" + large, "", exchange.AnomalyIncomplete, event.OutcomeClientGone},
		{"answer with length and chunks", get, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", exchange.AnomalyCLTE, event.OutcomeUpstream},
		{"answer with a broken chunk", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", exchange.AnomalyBadChunk, event.OutcomeUpstream},
		{"answer with a chunk extension", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n", exchange.AnomalyChunkExtension, event.OutcomeAnswered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r *rig
			if tc.answer == "" {
				r = newRig(t, echo, nil)
			} else {
				r = newRigAt(t, upstreamSays(t, tc.answer), nil)
			}
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = io.WriteString(c, tc.request)
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			e := r.wait(1)[0]
			found := slices.ContainsFunc(e.Findings, func(f finding.Finding) bool { return f.ID == tc.anomaly.String() })
			if !e.Anomalies.Has(tc.anomaly) || !found || e.Outcome != tc.outcome {
				t.Errorf("outcome %d, anomalies %x, findings %+v", e.Outcome, e.Anomalies, e.Findings)
			}
		})
	}
}

// TestClientsCannotSpeakForTheProxy: headers that tell an upstream who the client is are the proxy's alone, however they
// are spelt.
func TestClientsCannotSpeakForTheProxy(t *testing.T) {
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for name, values := range req.Header {
			_, _ = fmt.Fprintf(w, "%s: %s\n", name, strings.Join(values, "|"))
		}
	}), nil)
	got := r.raw("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"+
		"X_Forwarded_For: 6.6.6.6\r\nMerlon-Tag: vip\r\nMerlon_Tag: vip\r\nX-Other_Name: kept\r\n\r\n", 1)
	if strings.Contains(got, "6.6.6.6") || strings.Contains(got, "vip") || !strings.Contains(got, "X-Forwarded-For: 127.0.0.1") || !strings.Contains(got, "kept") {
		t.Errorf("the upstream got %s", got)
	}
}
