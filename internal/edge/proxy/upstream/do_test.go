package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body := all(r)
	switch r.URL.Path {
	case "/empty":
		w.WriteHeader(204)
		return
	case "/large":
		for range 1000 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		}
		return
	case "/hints":
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(103)
		w.Header().Del("Link")
	case "/trailers":
		w.Header().Set("Trailer", "Grpc-Status, Content-Type")
		_, _ = io.WriteString(w, "message")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set("Content-Type", "text/forged")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
		return
	}
	_, _ = fmt.Fprintf(w, "%s %s host=%s len=%d sum=%d te=%v ua=%q", r.Method, r.RequestURI, r.Host, len(body), sum(body), r.TransferEncoding, r.UserAgent())
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		_, _ = fmt.Fprintf(w, " %s=%s", name, strings.Join(r.Header[name], "|"))
	}
	for name, v := range r.Trailer {
		_, _ = fmt.Fprintf(w, " trailer:%s=%s", name, strings.Join(v, "|"))
	}
}

func sum(s string) (n int) {
	for i := range len(s) {
		n += int(s[i])
	}
	return n
}

// TestEveryKindOfServer: the same request gets the same answer, whatever the server speaks.
func TestEveryKindOfServer(t *testing.T) {
	big := strings.Repeat("a", 300_000)
	tests := []struct {
		name, head, body string
		rest             []string // the rest of the body, in pieces
		status           int
		want             []string
		not              string
	}{
		{"get", "GET /a/%2e%2F/b?c=d&e HTTP/1.1\nHost: api.test\nX-A: 1\nX-A: 2", "", nil, 200, []string{"GET /a/%2e%2F/b?c=d&e host=api.test len=0", `ua=""`, "X-A=1|2"}, "Accept-Encoding"},
		{"empty query", "GET /a? HTTP/1.1\nHost: api.test", "", nil, 200, []string{"GET /a? host"}, ""},
		{"two slashes", "GET //evil/x HTTP/1.1\nHost: api.test", "", nil, 200, []string{"GET //evil/x host=api.test"}, ""},
		{"odd characters", "GET /a|b%20\"<> HTTP/1.1\nHost: api.test", "", nil, 200, []string{`GET /a|b%20"<> host`}, ""},
		{"asterisk", "OPTIONS * HTTP/1.1\nHost: api.test", "", nil, 200, nil, ""},
		{"dropped and added", "GET / HTTP/1.1\nHost: api.test\nX-Forwarded-For: 6.6.6.6\nConnection: X-Hop\nX-Hop: 1\nTE: trailers", "", nil, 200, []string{"X-Ours=7"}, "6.6.6.6"},
		{"post", "POST /p HTTP/1.1\nHost: api.test\nContent-Length: 4\nExpect: 100-continue", "abcd", nil, 200, []string{"POST /p", "len=4 sum=394"}, "Expect"},
		{"chunked but whole", "POST /p HTTP/1.1\nHost: api.test\nTransfer-Encoding: chunked", "abcd", nil, 200, []string{"len=4", "te=[]"}, ""},
		{"streamed with length", fmt.Sprintf("PUT /p HTTP/1.1\nHost: api.test\nContent-Length: %d", 2*len(big)), big, []string{big}, 200, []string{fmt.Sprintf("len=%d sum=%d", 2*len(big), 2*97*len(big))}, ""},
		{"streamed in chunks", "PUT /p HTTP/1.1\nHost: api.test\nTransfer-Encoding: chunked", "begin", []string{big, "", "end"}, 200, []string{fmt.Sprintf("len=%d", len(big)+8)}, ""},
		{"no content", "GET /empty HTTP/1.1\nHost: api.test", "", nil, 204, nil, "G"},
		{"head", "HEAD /large HTTP/1.1\nHost: api.test", "", nil, 200, nil, "x"},
		{"large", "GET /large HTTP/1.1\nHost: api.test", "", nil, 200, []string{strings.Repeat("x", 1_000_000)}, ""},
		{"no host", "GET / HTTP/1.0", "", nil, 200, []string{"host="}, ""},
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(echo)))
			for _, tc := range tests {
				t.Run(tc.name, func(t *testing.T) {
					r := &Request{Head: head(t, tc.head), Body: []byte(tc.body), Rewrite: http1.Rewrite{
						Drop: http1.DropFields(exchange.HeaderXForwardedFor), Add: []exchange.Field{{Name: []byte("X-Ours"), Value: []byte("7")}},
					}}
					if tc.rest != nil {
						p := newPieces()
						r.Rest = p
						go func() {
							for _, s := range tc.rest {
								p.c <- s
							}
							close(p.c)
						}()
					}
					got, err := ask(t, g, r)
					if err != nil {
						t.Fatal(err)
					}
					if got.status != tc.status || tc.not != "" && strings.Contains(got.body, tc.not) {
						t.Errorf("%d %.300s", got.status, got.body)
					}
					for _, want := range tc.want {
						if !strings.Contains(got.body, want) {
							t.Errorf("%q is missing in %.300s", want, got.body)
						}
					}
				})
			}
			if n := (*g.servers.Load())[0].inUse.Load(); n != 0 {
				t.Errorf("%d requests are still counted as in use", n)
			}
		})
	}
}

func TestInterimAnswersAndTrailers(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(echo)))
			var hints []string
			got, err := ask(t, g, &Request{Head: head(t, "GET /hints HTTP/1.1\nHost: a"), Interim: func(h *http1.ResponseHead) error {
				hints = append(hints, fmt.Sprint(h.Status, fieldMap(h.Fields)["link"]))
				return nil
			}})
			if err != nil || got.status != 200 || !slices.Equal(hints, []string{"103</a.css>"}) {
				t.Errorf("%v, %d, hints %q", err, got.status, hints)
			}
			refused := errors.New("the client takes no more")
			if _, err := ask(t, g, &Request{Head: head(t, "GET /hints HTTP/1.1\nHost: a"), Interim: func(*http1.ResponseHead) error { return refused }}); !errors.Is(err, refused) {
				t.Errorf("an interim answer that cannot be passed on: %v", err)
			}

			got, err = ask(t, g, &Request{Head: head(t, "GET /trailers HTTP/1.1\nHost: a\nTE: trailers")})
			if err != nil || got.body != "message" || got.trailers["grpc-status"] != "0" || got.trailers["x-late"] != "yes" || got.trailers["content-type"] != "" {
				t.Errorf("%v, %+v", err, got)
			}

			p := newPieces()
			go func() { p.c <- "abc"; close(p.c) }()
			got, err = ask(t, g, &Request{
				Head: head(t, "POST /t HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTrailer: X-Sum"), Rest: p,
				Trailers: func() []exchange.Field { return []exchange.Field{{Name: []byte("X-Sum"), Value: []byte("9")}} },
			})
			if err != nil || !strings.Contains(got.body, "trailer:X-Sum=9") {
				t.Errorf("%v, %s", err, got.body)
			}
		})
	}
}

// TestBothDirectionsStream: an answer goes to the client while the body still comes, message by message, and the other way
// round, as gRPC's streaming calls do.
func TestBothDirectionsStream(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rc := http.NewResponseController(w)
				_ = rc.EnableFullDuplex()
				w.Header().Set("Trailer", "Grpc-Status")
				w.Header().Set("Content-Type", "application/grpc")
				_ = rc.Flush()
				buf := make([]byte, 100)
				for {
					n, err := r.Body.Read(buf)
					if n > 0 {
						_, _ = fmt.Fprintf(w, "<%s>", buf[:n])
						_ = rc.Flush()
					}
					if err != nil {
						break
					}
				}
				w.Header().Set("Grpc-Status", "0")
			})))
			p := newPieces()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			a, err := g.Do(ctx, &Request{Head: head(t, "POST /pkg.Service/Call HTTP/1.1\nHost: a\nContent-Type: application/grpc\nTE: trailers\nTransfer-Encoding: chunked"), Rest: p})
			if err != nil {
				t.Fatal(err)
			}
			if !a.Uploading() {
				t.Error("the answer is there, but not before the body")
			}
			for i := range 5 {
				p.c <- fmt.Sprint(i)
				want := fmt.Sprintf("<%d>", i)
				for got := ""; got != want; {
					payload, done, err := a.Next()
					if err != nil || done {
						t.Fatalf("%q then %v, %v", got, done, err)
					}
					got += string(payload)
				}
			}
			close(p.c)
			got, err := read(a)
			if err != nil || got.trailers["grpc-status"] != "0" {
				t.Errorf("%v %+v", err, got)
			}
		})
	}
}

// TestEarlyAnswer: a server that refuses a body does not have to read it.
func TestEarlyAnswer(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(413)
				_, _ = io.WriteString(w, "too large")
			})))
			p := newPieces()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			a, err := g.Do(ctx, &Request{Head: head(t, "POST / HTTP/1.1\nHost: a\nContent-Length: 1000000"), Body: []byte("x"), Rest: p})
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(a)
			if err != nil || got.status != 413 || got.body != "too large" {
				t.Errorf("%v %+v", err, got)
			}
			<-p.stopped // nobody waits for the rest
		})
	}
}

// TestTheClientsFaults: what fails on the client's side is told apart from the server's failures, and no half message stands.
func TestTheClientsFaults(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			whole := make(chan error, 10)
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				whole <- err
				panic(http.ErrAbortHandler)
			})))
			long := func() BodySource {
				p := newPieces()
				go func() {
					select {
					case p.c <- "123":
					case <-p.stopped:
						return
					}
					close(p.c)
				}()
				return p
			}
			for _, tc := range []struct {
				name, head string
				rest       BodySource
				want       error
			}{
				{"gone", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked", failing{}, errClient},
				{"too short", "POST / HTTP/1.1\nHost: a\nContent-Length: 5", long(), errLength},
				{"too long", "POST / HTTP/1.1\nHost: a\nContent-Length: 2", long(), errLength},
			} {
				_, err := ask(t, g, &Request{Head: head(t, tc.head), Rest: tc.rest})
				var source *SourceError
				if !errors.As(err, &source) || !errors.Is(err, tc.want) {
					t.Errorf("%s: %v", tc.name, err)
				}
			}
			for len(whole) > 0 {
				if err := <-whole; err == nil {
					t.Error("the server took a broken body for a whole one")
				}
			}
		})
	}
}

// TestGivingUp: a request ends when its context or its handle says so, and the server is told.
func TestGivingUp(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			arrived, told := make(chan struct{}, 1), make(chan struct{}, 1)
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/begun" {
					_, _ = io.WriteString(w, "some")
					_ = http.NewResponseController(w).Flush()
				}
				arrived <- struct{}{}
				<-r.Context().Done()
				told <- struct{}{}
			})))
			for _, path := range []string{"/", "/begun"} {
				ctx, cancel := context.WithCancel(t.Context())
				go func() { <-arrived; cancel() }()
				a, err := g.Do(ctx, &Request{Head: head(t, "GET "+path+" HTTP/1.1\nHost: a")})
				if err == nil {
					_, err = read(a)
				}
				if err == nil || path == "/" && !errors.Is(err, ErrAborted) {
					t.Errorf("context, %s: %v", path, err)
				}
				<-told
				h := new(Handle)
				go func() { <-arrived; h.Abort() }()
				a, err = g.Do(context.Background(), &Request{Head: head(t, "GET "+path+" HTTP/1.1\nHost: a"), Handle: h})
				if err == nil {
					_, err = read(a)
				}
				if !errors.Is(err, ErrAborted) {
					t.Errorf("handle, %s: %v", path, err)
				}
				<-told
				if _, err = g.Do(context.Background(), &Request{Head: head(t, "GET / HTTP/1.1\nHost: a"), Handle: h}); !errors.Is(err, ErrAborted) {
					t.Errorf("after that: %v", err)
				}
			}
			if n := (*g.servers.Load())[0].inUse.Load(); n != 0 {
				t.Errorf("%d requests are still counted as in use", n)
			}
		})
	}
}

// TestSlowServers: no head in time is 504, and neither is a body that stops.
func TestSlowServers(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			g := newGroup(t, func(o *Options) {
				o.Timeouts = Timeouts{Connect: time.Second, Response: 30 * time.Millisecond, Body: 30 * time.Millisecond}
			},
				serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/begun" {
						_, _ = io.WriteString(w, "some")
						_ = http.NewResponseController(w).Flush()
					}
					<-r.Context().Done()
				})))
			for _, path := range []string{"/", "/begun"} {
				if _, err := ask(t, g, &Request{Head: head(t, "GET "+path+" HTTP/1.1\nHost: a")}); Status(err) != 504 {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
}

// TestPathsThatTheServerDislikes: a request that every connection refuses ends after a few, not after as many as can be opened.
func TestPathsThatTheServerDislikes(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(echo)))
			got, err := ask(t, g, &Request{Head: head(t, "GET /a%zz HTTP/1.1\nHost: a")})
			if err == nil && got.status != 400 || err != nil && (!errors.Is(err, errRefuses) || Status(err) != 502) {
				t.Errorf("%v, %d", err, got.status)
			}
			if got, err := ask(t, g, &Request{Head: head(t, "GET /b HTTP/1.1\nHost: a")}); err != nil || got.status != 200 {
				t.Errorf("the next request: %v, %d", err, got.status)
			}
		})
	}
}

func TestStrangersAreNotTrusted(t *testing.T) {
	for _, kind := range []string{"https", "h2"} {
		t.Run(kind, func(t *testing.T) {
			good := serve(t, kind, http.HandlerFunc(echo))
			for _, tc := range []struct {
				name string
				c    Credentials
			}{
				{"another authority", Credentials{CA: newAuthority(t).pem}},
				{"another name", Credentials{ServerName: "other.test"}},
			} {
				target := good
				target.TLS = good.TLS.Clone()
				if err := target.Secure(tc.c); err != nil {
					t.Fatal(err)
				}
				if _, err := ask(t, newGroup(t, nil, target), &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err == nil || Status(err) != 502 {
					t.Errorf("%s: %v", tc.name, err)
				}
			}
			target := good
			target.TLS = good.TLS.Clone()
			target.TLS.Certificates = nil
			if got, err := ask(t, newGroup(t, nil, target), &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err == nil {
				t.Errorf("without a certificate of ours: %+v", got)
			}
		})
	}
}
