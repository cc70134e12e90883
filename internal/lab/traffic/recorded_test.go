package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"merlon/internal/lab/traffic/entry"
)

// line is what the tests read of an exchange line.
type line struct {
	Started time.Time `json:"startedDateTime"`
	Request struct {
		Method, URL string
		Headers     []struct{ Name, Value string }
	}
	Response struct{ Status int }
	Client   struct{ IP string } `json:"_client"`
	Label    Label               `json:"_label"`
}

func fromRecorded(t *testing.T, in io.Reader, o RecordedOptions) (RecordedCount, []line, []byte) {
	t.Helper()
	var out bytes.Buffer
	n, err := FromRecorded(context.Background(), in, o, &out)
	if err != nil {
		t.Fatal(err)
	}
	var ls []line
	for raw := range bytes.Lines(out.Bytes()) {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		if len(ls) > 0 && l.Started.Before(ls[len(ls)-1].Started) {
			t.Fatal("not in order of time")
		}
		ls = append(ls, l)
	}
	if len(ls) != n.Written {
		t.Fatalf("%d lines, %d said", len(ls), n.Written)
	}
	return n, ls, out.Bytes()
}

// handmade is a recording of twenty sessions of three calls; one call is refused, one status is in quotes, two lines are damaged.
func handmade() string {
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, `{"src":"s%d","method":"GET","host":"api.shop.example","path":"/items/%d","query":"a=1","req_headers":{},"req_body":"","status":200,"resp_headers":{"Content-Type":"application/json"},"resp_body":"{}"}`+"\n", i, i)
		fmt.Fprintf(&b, `{"src":"s%d","method":"POST","host":"api.shop.example","path":"/items","query":"","req_headers":{"User-Agent":"mine"},"req_body":"{}","status":"201","resp_headers":{},"resp_body":"","resp_body_dropped":true}`+"\n", i)
		fmt.Fprintf(&b, `{"src":"s%d","method":"GET","host":"api.shop.example","path":"/me","query":"","req_headers":{},"req_body":"","status":401,"resp_headers":{},"resp_body":"{}"}`+"\n", i)
	}
	return b.String() + "{\n" + `{"src":"x","method":"GET","host":"h","path":"/","status":"many"}` + "\n\n"
}

func TestFromRecorded(t *testing.T) {
	o := RecordedOptions{Seed: 3, Start: monday, Rate: 2, Principals: 7, Clients: 9, Repeat: 4, ScannerShare: 0.2, CatchAllHost: "wild.example", Site: "shop"}
	n, ls, raw := fromRecorded(t, strings.NewReader(handmade()), o)
	if n.Calls != 60 || n.Sessions != 20 || n.Damaged != 2 {
		t.Errorf("%+v", n)
	}
	tokens, ips, kinds, caught, hits := map[string]bool{}, map[string]bool{}, map[string]int{}, 0, 0
	for _, l := range ls {
		kinds[l.Label.Kind]++
		switch {
		case strings.HasPrefix(l.Request.URL, "https://wild.example/"):
			caught++
			if l.Response.Status != 200 {
				t.Error("the catch-all host refused")
			}
		case l.Label.Kind == Benign:
			ips[l.Client.IP] = true
			for _, h := range l.Request.Headers {
				if h.Name == "Authorization" && l.Response.Status != 401 {
					tokens[h.Value] = true
				}
				if h.Name == "Authorization" && strings.HasPrefix(h.Value, "Bearer bad_") != (l.Response.Status == 401) {
					t.Errorf("%s with %d", h.Value, l.Response.Status)
				}
			}
		case l.Response.Status == 200:
			hits++
		}
	}
	total := float64(len(ls))
	if len(tokens) != 7 || len(ips) < 5 || len(ips) > 9 || kinds[Benign] < 240 || float64(kinds["OAT-014"])/total < 0.2 || float64(caught)/total < 0.09 {
		t.Errorf("%d tokens, %d addresses, %v, %d caught, %d hits", len(tokens), len(ips), kinds, caught, hits)
	}
	if span := ls[len(ls)-1].Started.Sub(monday).Seconds(); span < total/2*0.8 || span > total/2*1.2 {
		t.Errorf("%g exchanges take %g s at 2 a second", total, span)
	}
	if !strings.Contains(string(raw), `"content":{"size":-1`) {
		t.Error("a dropped body must have an unknown size")
	}
	_, _, again := fromRecorded(t, strings.NewReader(handmade()), o)
	if !bytes.Equal(raw, again) {
		t.Error("one seed, two outputs")
	}
}

func TestFromRecordedRefuses(t *testing.T) {
	good := RecordedOptions{Start: monday}
	for _, tc := range []struct {
		name, in string
		o        RecordedOptions
		want     error
	}{
		{"no start", handmade(), RecordedOptions{}, ErrOptions},
		{"shares", handmade(), RecordedOptions{Start: monday, ScannerShare: 0.95}, ErrOptions},
		{"format", handmade(), RecordedOptions{Start: monday, Format: "xml"}, ErrOptions},
		{"nothing usable", "{}\n[]\nx\n", good, ErrRecorded},
		{"empty", "", good, ErrRecorded},
		{"broken gzip", "\x1f\x8b\x08xx", good, ErrRecorded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := FromRecorded(context.Background(), strings.NewReader(tc.in), tc.o, io.Discard); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

func FuzzFromRecorded(f *testing.F) {
	f.Add([]byte(`{"src":"s","method":"GET","host":"h","path":"/i/1","query":"a=1","req_headers":{"A":"b"},"req_body":"{}","status":"200","resp_headers":{"Content-Type":"text/plain"},"resp_body":"x"}` + "\n{\n"))
	f.Add([]byte(`{"src":"","method":"G","host":"\u0000","path":"/%zz?","query":"&=&","req_headers":{"a":"\n"},"status":200}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		n, err := FromRecorded(context.Background(), bytes.NewReader(in), RecordedOptions{Start: monday, Repeat: 1, ScannerShare: 0.1}, &out)
		if err != nil {
			return
		}
		lines := 0
		for raw := range bytes.Lines(out.Bytes()) {
			lines++
			if !json.Valid(raw) {
				t.Fatalf("not JSON: %q", raw)
			}
		}
		if lines != n.Written {
			t.Fatalf("%d lines, %d said", lines, n.Written)
		}
	})
}

// TestRecordedSets turns the recorded sets into traffic and checks it against them.
func TestRecordedSets(t *testing.T) {
	dir := os.Getenv("MERLON_EVAL_DATA")
	if dir == "" {
		t.Skip("MERLON_EVAL_DATA is not set: the recorded sets are not read")
	}
	words, err := os.Open(filepath.Join(dir, "api-wordlists", "api_seen_in_wild.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer words.Close()
	list, err := ReadWordlist(words)
	if err != nil || len(list) < 1000 {
		t.Fatalf("%d words: %v", len(list), err)
	}
	for _, tc := range []struct {
		file            string
		calls, sessions int
	}{
		{"api-traffic-github-octokitrb/github_octokitrb.jsonl.gz", 1701, 650},
		{"api-traffic-github-hub4j/github_hub4j.jsonl.gz", 1341, 410},
		{"api-traffic-datadog-v1/datadog_v1.jsonl.gz", 769, 377},
	} {
		t.Run(filepath.Base(tc.file), func(t *testing.T) {
			f, err := os.Open(filepath.Join(dir, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			n, ls, _ := fromRecorded(t, f, RecordedOptions{Seed: 1, Start: monday, ScannerShare: 0.25, Wordlist: list})
			if n.Damaged != 0 || n.Calls != tc.calls || n.Sessions != tc.sessions {
				t.Errorf("%+v", n)
			}
			benign := 0
			for _, l := range ls {
				if l.Label.Kind == Benign {
					benign++
				}
				if _, err := url.Parse(l.Request.URL); err != nil && l.Label.Kind == Benign {
					t.Error(err)
				}
			}
			if benign != 3*tc.calls {
				t.Errorf("%d honest exchanges of %d calls", benign, tc.calls)
			}
		})
	}
}

func TestCombined(t *testing.T) {
	e := Entry{
		Started: monday.Add(time.Hour), Request: Request{Method: "GET", URL: "https://h/a?b=\"", Version: "HTTP/1.1", Headers: []Header{{Name: "user-agent", Value: "x\\y"}}},
		Response: Response{Status: 404, Body: "four"}, Client: Client{IP: "73.1.2.3"},
	}
	if got, want := entry.Combined(e), `73.1.2.3 - - [02/Mar/2026:01:00:00 +0000] "GET /a?b=\x22 HTTP/1.1" 404 4 "-" "x\x5Cy"`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWriteCombined(t *testing.T) {
	var a, b bytes.Buffer
	o := LogOptions{Seed: 1, Lines: 20_000, Clients: 500, Start: monday, Junk: 0.1}
	if err := errors.Join(WriteCombined(&a, o), WriteCombined(&b, o)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("one seed, two logs")
	}
	form := regexp.MustCompile(`^[0-9.]{7,15} - - \[0[2-9]/Mar/2026:[0-9:]{8} \+0000\] "[A-Z]+ /[^ "]* HTTP/1\.1" [2-5][0-9]{2} [0-9]+ "-" "[^"]+"$`)
	clients, n, junk := map[string]bool{}, 0, 0
	for l := range bytes.Lines(a.Bytes()) {
		l = bytes.TrimSuffix(l, []byte("\n"))
		if !form.Match(l) {
			t.Fatalf("%s", l)
		}
		ip, _, _ := bytes.Cut(l, []byte(" "))
		clients[string(ip)] = true
		n++
		if bytes.Contains(l, []byte(".php")) {
			junk++
		}
	}
	if n != o.Lines || len(clients) < 400 || len(clients) > 500 || junk < 1800 || junk > 2200 {
		t.Errorf("%d lines, %d clients, %d junk", n, len(clients), junk)
	}
	if err := WriteCombined(io.Discard, LogOptions{Lines: 1}); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
}

func BenchmarkWriteCombined(b *testing.B) {
	n := 0
	for b.Loop() {
		_ = WriteCombined(io.Discard, LogOptions{Seed: 1, Lines: 100_000, Clients: 1_000_000, Start: monday})
		n += 100_000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}
