package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

const resultLine = "RESULT requests=1000 dur_us=2000000 p50=900 p99=7000 max=9000 non2xx=12 connect=1 read=2 write=3 timeout=4 bytes=5 junk=10"

func TestParseResult(t *testing.T) {
	got, err := parseResult(resultLine)
	want := outcome{
		Requests: 1000, Duration: 2 * time.Second, P50: 900 * time.Microsecond, P99: 7 * time.Millisecond, Max: 9 * time.Millisecond,
		Refused: 2, Errors: 10, Junk: 10,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if got.bad() != 12 || got.perSecond() != 500 {
		t.Errorf("%d bad, %v a second", got.bad(), got.perSecond())
	}
	if got, err := parseResult(strings.Replace(resultLine, "non2xx=12", "non2xx=9", 1)); err != nil || got.Refused != 0 {
		t.Errorf("junk under way at the end counts as refused: %+v, %v", got, err)
	}
	for name, text := range map[string]string{
		"empty": "", "other line": "Running 2s test", "no pairs": "RESULT x", "lacks junk": strings.TrimSuffix(resultLine, " junk=10"),
		"not a number": strings.Replace(resultLine, "p50=900", "p50=nan", 1),
	} {
		if got, err := parseResult(text); err == nil {
			t.Errorf("%s was read as %+v", name, got)
		}
	}
}

func TestFollow(t *testing.T) {
	for _, c := range []struct {
		name, text string
		woken      int
		completed  bool
		fails      bool
	}{
		{"by time", "Running 2s test @ x\n" + resultLine + "\n", 0, false, false},
		{"by count", "Running\nLIMIT\n" + resultLine + "\n", 1, true, false},
		{"no result", "Running\nunable to connect\n", 0, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			woken := 0
			o, _, err := load{}.follow(strings.NewReader(c.text), func() error { woken++; return nil })
			if woken != c.woken || o.Completed != c.completed || (err != nil) != c.fails {
				t.Errorf("woken %d, completed %v, error %v", woken, o.Completed, err)
			}
		})
	}
}

func TestParseMetrics(t *testing.T) {
	got, err := parseMetrics(strings.NewReader(`# HELP merlon_events_total Decisions.
# TYPE merlon_events_total counter
merlon_events_total{site="a",path="/x{y}"} 3
merlon_events_total{site="say \"} 9\""} 4 1700000000000
merlon_events_dropped_total 0

merlon_bytes 1.5e+09
`))
	want := metrics{eventsTotal: 7, droppedTotal: 0, "merlon_bytes": 1.5e9}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, text := range []string{"merlon_events_total", "merlon_events_total{a=\"b} 3", "merlon_events_total three", "{} 3 x\nq"} {
		if got, err := parseMetrics(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestScrapeWantsTheFixedNames(t *testing.T) {
	text := "merlon_events_total 5\nmerlon_events_learned_total 3\nmerlon_events_dropped_total 2\n"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, text)
	}))
	defer s.Close()
	address := s.Listener.Addr().String()
	m, err := scrape(context.Background(), s.Client(), address)
	if err != nil || !m.drained() {
		t.Errorf("%v, %v", m, err)
	}
	if m[learnedTotal]--; m.drained() {
		t.Error("drained with an event under way")
	}
	text = "merlon_events_total 5\nmerlon_events_learned_total 5\n"
	if _, err := scrape(context.Background(), s.Client(), address); err == nil {
		t.Error("a surface without the number of drops was accepted")
	}
}

func TestRunSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := program("no-such-program", "its-package"); err == nil || !strings.Contains(err.Error(), "apt-get install its-package") {
		t.Errorf("%v", err)
	}
	var out bytes.Buffer
	if err := run(context.Background(), []string{"-merlon", "/nowhere/merlon"}, &out, io.Discard); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("%v", err)
	}
}

func TestParseRefusesNonsense(t *testing.T) {
	for _, args := range [][]string{{"x"}, {"-workload", "two"}, {"-rounds", "0"}, {"-seconds", "0"}, {"-conns", "-1"}, {"-requests", "1"}, {"-addresses", "4000000"}, {"-junk", "-1"}, {"-nothing"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	s, err := parse([]string{"-rounds", "3", "-seconds", "9", "-workload", "many"}, io.Discard)
	if err != nil || s.rounds != 3 || s.duration != 9*time.Second || s.principals != 10_000 || s.addresses != 10_000 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestFaithful(t *testing.T) {
	w := newWorkload(seed)
	byPath := map[string]resource{}
	for _, r := range w.resources {
		byPath[r.path] = r
	}
	wrong := ""
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		r, ok := byPath[req.URL.Path]
		switch {
		case !ok:
			rw.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(rw, `{"status":"not found"}`)
		case req.Method == http.MethodPost:
			rw.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(rw, r.posted)
		default:
			_, _ = io.WriteString(rw, r.body+wrong)
		}
	}))
	defer s.Close()
	f := &field{work: w, client: s.Client()}
	if err := f.faithful(context.Background(), "http://"+s.Listener.Addr().String()); err != nil {
		t.Error(err)
	}
	wrong = " "
	if err := f.faithful(context.Background(), "http://"+s.Listener.Addr().String()); err == nil {
		t.Error("changed answers were accepted")
	}
}

// TestServerIsEnded starts a process that listens nowhere: the driver must give up with it, and end it.
func TestServerIsEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cancel()
	if _, err := startServer(ctx, "sleeper", t.TempDir(), address, "sleep", "600"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that the context has ended", err)
	}
	if _, err := startServer(context.Background(), "loser", t.TempDir(), address, "false"); err == nil || !strings.Contains(err.Error(), "ended at once") {
		t.Errorf("%v", err)
	}
}

func TestParseH2load(t *testing.T) {
	const text = `starting benchmark...
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Server Temp Key: X25519 253 bits
Application protocol: h2

finished in 1.50s, 8000.00 req/s, 9.50MB/s
requests: 12000 total, 12010 started, 12000 done, 11990 succeeded, 10 failed, 3 errored, 2 timeout
status codes: 11993 2xx, 0 3xx, 7 4xx, 0 5xx
`
	want := outcome{Requests: 12000, Duration: 1500 * time.Millisecond, Refused: 7, Errors: 5}
	if got, err := parseH2load(text); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, c := range []struct{ name, from, to string }{
		{"another cipher", "AES_128", "AES_256"},
		{"another protocol", "protocol: h2\n", "protocol: http/1.1\n"},
		{"another version", "TLSv1.3", "TLSv1.2"},
		{"nothing done", "12000 done", "0 done"},
		{"no summary", "finished in", "ended in"},
		{"no statuses", "status codes", "codes"},
	} {
		if got, err := parseH2load(strings.Replace(text, c.from, c.to, 1)); err == nil {
			t.Errorf("%s was read as %+v", c.name, got)
		}
	}
}

func TestWriteLog(t *testing.T) {
	name := t.TempDir() + "/log"
	lines, size, err := writeLog(t.Context(), name, 1<<16, newWorkload(seed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil || int64(len(text)) != size || size < 1<<16 || strings.Count(string(text), "\n") != lines {
		t.Fatalf("%d lines, %d bytes, the file has %d; %v", lines, size, len(text), err)
	}
	combined := regexp.MustCompile(`^\S+ - - \[[^]]+\] "(GET|POST|PUT) /v1/\S+ HTTP/1\.1" (200|201|404) \d+ "https://[^"]+" "[^"]+"$`)
	for line := range strings.Lines(string(text)) {
		if !combined.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Fatalf("%q is not in the combined format", line)
		}
	}
}
