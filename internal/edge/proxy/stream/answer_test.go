package stream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// both runs a test before an upstream of HTTP/1.1 and one of HTTP/2.
func both(t *testing.T, test func(t *testing.T, scheme string)) {
	for _, scheme := range []string{"http", "h2c"} {
		t.Run(scheme, func(t *testing.T) { test(t, scheme) })
	}
}

func TestLargeAnswer(t *testing.T) {
	both(t, func(t *testing.T, scheme string) {
		body := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Header().Set("Trailer", "X-Sum")
			_, _ = w.Write(body)
			w.Header().Set("X-Sum", "9")
		}), func(o *setup) { o.scheme = scheme })
		res, got := r.do(r.request("GET", "/", nil))
		if got != string(body) || res.Trailer.Get("X-Sum") != "9" {
			t.Errorf("%d bytes, trailers %v", len(got), res.Trailer)
		}
		if e := r.wait(1)[0]; e.ResponseBytes != int64(len(body)) || e.Outcome != event.OutcomeAnswered || e.ResponseWalked {
			t.Errorf("%d %v %v", e.ResponseBytes, e.Outcome, e.ResponseWalked)
		}
	})
}

func TestEventStream(t *testing.T) {
	both(t, func(t *testing.T, scheme string) {
		end := make(chan struct{})
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-end
			_, _ = io.WriteString(w, "data: 2\n\n")
		}), func(o *setup) { o.scheme = scheme })
		res, err := r.client.Do(r.request("GET", "/events", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		first := make([]byte, 9)
		if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "data: 1\n\n" {
			t.Fatalf("%q %v", first, err)
		}
		if e := r.wait(1)[0]; e.Phase != event.Open || e.Status != 200 {
			t.Errorf("%v %d", e.Phase, e.Status)
		}
		close(end)
		rest, err := io.ReadAll(res.Body)
		if err != nil || string(rest) != "data: 2\n\n" {
			t.Errorf("%q %v", rest, err)
		}
		if e := r.wait(2)[1]; e.Phase != event.Close || e.ResponseBytes != 18 || e.ID != r.wait(1)[0].ID {
			t.Errorf("%v %d", e.Phase, e.ResponseBytes)
		}
	})
}

func TestClientGone(t *testing.T) {
	both(t, func(t *testing.T, scheme string) {
		gone, asked := make(chan struct{}), make(chan struct{})
		r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
			close(gone)
		}), func(o *setup) { o.scheme = scheme })
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-asked; cancel() }()
		if res, err := r.client.Do(r.request("GET", "/", nil).WithContext(ctx)); err == nil {
			_ = res.Body.Close()
			t.Fatal("an answer out of nowhere")
		}
		if e := r.wait(1)[0]; e.Outcome != event.OutcomeClientGone {
			t.Errorf("%v", e.Outcome)
		}
		select {
		case <-gone:
		case <-time.After(20 * time.Second):
			t.Error("the upstream was not told")
		}
	})
}

func TestUpstreamEndsEarly(t *testing.T) {
	both(t, func(t *testing.T, scheme string) {
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
			_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
			panic(http.ErrAbortHandler)
		}), func(o *setup) { o.scheme = scheme })
		res, err := r.client.Do(r.request("GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("an answer that was cut looks whole")
		}
		_ = res.Body.Close()
		res, _ = r.do(r.call("/pkg.Svc/Do", strings.NewReader(message("a"))))
		if res.Trailer.Get("Grpc-Status") != "14" {
			t.Errorf("%v", res.Trailer)
		}
		if e := r.wait(1)[0]; e.Outcome != event.OutcomeUpstream || e.RPC.Protocol != exchange.NoRPC {
			t.Errorf("%v %+v", e.Outcome, e.RPC)
		}
		r.until(func(e *event.Event) bool { // an Open event may come before it
			return e.Outcome == event.OutcomeUpstream && e.RPC.Status == exchange.RPCUnavailable && e.Status == 503
		})
	})
}

func TestInterim(t *testing.T) {
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	}), nil)
	var hints []string
	req := r.request("POST", "/", strings.NewReader("abc"))
	req.Header.Set("Expect", "100-continue")
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusEarlyHints {
			hints = append(hints, h.Get("Link"))
		}
		return nil
	}}))
	if _, body := r.do(req); body != "abc" || len(hints) != 1 || hints[0] != "</a.css>; rel=preload" {
		t.Errorf("%q %q", body, hints)
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t, http.HandlerFunc(echo), func(o *setup) {
		o.policy = "version: 1\nrules:\n- name: closed\n  when: request.path startsWith \"/closed\"\n  action: block\n  mode: enforce\n"
	})
	res, body := r.do(r.request("GET", "/closed", nil))
	e := r.wait(1)[0]
	if res.StatusCode != 403 || res.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, e.ID.String()) {
		t.Errorf("%s %q", res.Status, body)
	}
	if res, body := r.do(r.request("HEAD", "/closed", nil)); res.StatusCode != 403 || body != "" {
		t.Errorf("%s %q", res.Status, body)
	}
}

// TestSlowBody: a body that does not come is answered, and its stream given up.
func TestSlowBody(t *testing.T) {
	r := newRig(t, http.HandlerFunc(echo), func(o *setup) { o.Timeouts.Body = 500 * time.Millisecond })
	body, write := io.Pipe()
	defer write.Close()
	res, err := r.client.Do(r.request("POST", "/", body))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	e := r.wait(1)[0]
	if res.StatusCode != 408 || e.Status != 408 || !e.Anomalies.Has(exchange.AnomalyTimeout) {
		t.Errorf("%s, %d, %v", res.Status, e.Status, e.Anomalies)
	}
}

// TestSlowReader: a client that never makes room for its answer does not keep the request alive.
func TestSlowReader(t *testing.T) {
	for _, size := range []int{100, 1 << 20} {
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) }), func(o *setup) {
			o.Timeouts.Body = 100 * time.Millisecond
		})
		conn := r.dial()
		if err := conn.send(preface, frame(frameSettings, 0, 0, "\x00\x04\x00\x00\x00\x00"), frame(frameHeaders, flagEndHeaders|flagEndStream, 1, get("/"))); err != nil {
			t.Fatal(err)
		}
		answered := false
		for {
			kind, _, stream, _, err := conn.next()
			if err != nil {
				t.Fatalf("%d: %v", size, err)
			}
			answered = answered || kind == frameHeaders && stream == 1
			if kind == frameReset && stream == 1 {
				break
			}
		}
		if !answered {
			t.Errorf("%d: the head was never sent", size)
		}
		r.wait(1)
	}
}
