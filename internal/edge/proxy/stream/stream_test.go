package stream

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Host", r.Host)
	w.Header().Set("X-Proto", r.Proto)
	w.Header()["X-Cookie"] = []string{r.Header.Get("Cookie")}
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	w.Header().Set("X-Trailer", r.Trailer.Get("X-Sum"))
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "%s %s %d %s", r.Method, r.RequestURI, len(b), r.Header.Get("X-Forwarded-For"))
}

func TestForward(t *testing.T) {
	for _, scheme := range []string{"http", "h2c"} {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, http.HandlerFunc(echo), func(o *setup) { o.scheme = scheme })
			req := r.request("GET", "/a/b?c=d", nil)
			req.Header.Add("Cookie", "x=1")
			req.Header.Add("Cookie", "y=2")
			res, body := r.do(req)
			if res.StatusCode != 201 || body != "GET /a/b?c=d 0 127.0.0.1" || res.ProtoMajor != 2 {
				t.Errorf("got %s %q", res.Status, body)
			}
			if got := res.Header.Get("X-Cookie"); got != "x=1; y=2" {
				t.Errorf("cookies %q", got)
			}
			if got := res.Header.Values("Set-Cookie"); len(got) != 2 {
				t.Errorf("set-cookie %q", got)
			}
			if res.Header.Get("X-Host") != r.addr {
				t.Errorf("host %q", res.Header.Get("X-Host"))
			}
			res, body = r.do(r.request("POST", "/p", strings.NewReader(strings.Repeat("x", 5000))))
			if res.StatusCode != 201 || body != "POST /p 5000 127.0.0.1" {
				t.Errorf("got %s %q", res.Status, body)
			}
			// Beyond the inspection limit, of a length that is not announced, with trailers.
			req = r.request("PUT", "/big", io.MultiReader(strings.NewReader(strings.Repeat("y", 1<<20)), strings.NewReader("z")))
			req.Trailer = http.Header{"X-Sum": {"7"}}
			res, body = r.do(req)
			if res.StatusCode != 201 || body != "PUT /big 1048577 127.0.0.1" || res.Header.Get("X-Trailer") != "7" {
				t.Errorf("got %s %q %v", res.Status, body, res.Header)
			}
			res, _ = r.do(r.request("HEAD", "/h", nil))
			if res.StatusCode != 201 {
				t.Errorf("got %s", res.Status)
			}
			events := r.wait(4)
			for i, want := range []struct {
				method   string
				in, out  int64
				anomaly  exchange.Anomalies
				complete bool
			}{{"GET", 0, 24, 0, true}, {"POST", 5000, 22, 0, true}, {"PUT", 1<<20 + 1, 26, 0, false}, {"HEAD", 0, 0, 0, true}} {
				e := events[i]
				if e.Text(e.Method) != want.method || e.RequestBytes != want.in || e.ResponseBytes != want.out || e.Anomalies != want.anomaly ||
					e.Status != 201 || e.Phase != event.Complete || e.Outcome != event.OutcomeAnswered || e.Client.String() != "127.0.0.1" {
					t.Errorf("event %d: %s %d %d %v %d %v %v", i, e.Text(e.Method), e.RequestBytes, e.ResponseBytes, e.Anomalies, e.Status, e.Phase, e.Outcome)
				}
				if e.HTTP2 == 0 || e.Fingerprint != e.HTTP2 {
					t.Errorf("event %d: no fingerprint", i)
				}
			}
			if len(events) != 4 {
				t.Errorf("%d events", len(events))
			}
		})
	}
}
