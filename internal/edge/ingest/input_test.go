package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
)

func logLineAt(at time.Time, path string) string {
	return fmt.Sprintf("203.0.113.7 - - [%s] \"GET %s HTTP/1.1\" 200 5 \"-\" \"ua\"\n", at.Format("02/Jan/2006:15:04:05 -0700"), path)
}

func zipped(tb testing.TB, text string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func zstded(tb testing.TB, text string, o ...zstd.EOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, o...)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestInput(t *testing.T) {
	t.Parallel()
	one, two := logLineAt(noon.Add(-time.Hour), "/1"), logLineAt(noon.Add(-time.Minute), "/2")
	gz := zipped(t, one+two)
	long := "10.0.0.1 " + strings.Repeat("x", 3*maxLogLine) + "\n"
	noise := strings.Repeat(one, 4000)
	for _, c := range []struct {
		name                       string
		in                         []byte
		exchanges, damaged, unsure int64
		damage                     string
	}{
		{"plain", []byte(one + two), 2, 0, 0, ""},
		{"no line end at the end", []byte(one + strings.TrimSuffix(two, "\n")), 2, 0, 0, ""},
		{"CRLF, empty lines, byte order mark", []byte("\xef\xbb\xbf" + strings.ReplaceAll(one+"\n  \n"+two, "\n", "\r\n")), 2, 0, 0, ""},
		{"gzip", gz, 2, 0, 0, ""},
		{"gzip members in a row", append(append([]byte{}, gz...), gz...), 4, 0, 0, ""},
		{"zstd", zstded(t, one+two), 2, 0, 0, ""},
		{"gzip cut short", gz[:len(gz)-6], 2, 1, 0, "in:3: " + record.CauseTruncated.String()},
		{"gzip damaged later", func() []byte {
			b := zipped(t, noise)
			b[len(b)-4] ^= 1
			return b
		}(), 4000, 1, 0, "in:4001: " + record.CauseTruncated.String()},
		{"damaged line", []byte(one + "rubbish\n" + two), 2, 1, 0, "in:2: " + record.CauseSyntax.String()},
		{"long line", []byte(one + long + two), 2, 1, 0, "in:2: " + record.CauseTooLong.String()},
		{"long line at the end", []byte(one + two + strings.TrimSpace(long)), 2, 1, 0, "in:3: " + record.CauseTooLong.String()},
		{"a bit too long", []byte(one + "10.0.0.1 " + strings.Repeat("x", maxLogLine) + "\n" + two), 2, 1, 0, "in:2: " + record.CauseTooLong.String()},
		{"five minutes ahead", []byte(one + logLineAt(noon.Add(MaxAhead), "/3")), 2, 0, 0, ""},
		{"further ahead", []byte(one + logLineAt(noon.Add(MaxAhead+time.Second), "/3")), 1, 1, 0, "in:2: " + record.CauseAhead.String()},
		{"empty", nil, 0, 0, 0, ""},
		{"nothing but line ends", []byte("\n\r\n \n"), 0, 0, 0, ""},
		{"common", []byte(strings.ReplaceAll(one, ` "-" "ua"`, "")), 1, 0, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for way, r := range map[string]io.Reader{"at once": bytes.NewReader(c.in), "in pieces": iotest.HalfReader(bytes.NewReader(c.in)), "end with data": iotest.DataErrReader(bytes.NewReader(c.in))} {
				var damage []string
				var events int64
				p := new(Progress)
				res := run(t, Options{Progress: p, Damaged: func(d Damage) { damage = append(damage, d.String()) }}, func(*event.Event) { events++ }, Stream("in", r))
				if res.Exchanges != c.exchanges || res.Damaged != c.damaged || events != c.exchanges || res.Lines != c.exchanges+c.damaged || strings.Join(damage, "\n") != c.damage {
					t.Errorf("%s: %+v, %d events, %v", way, res, events, damage)
				}
				if p.Read() != int64(len(c.in)) || p.Lines() != res.Lines || p.Damaged() != res.Damaged || p.Total() != 0 {
					t.Errorf("%s: progress %d of %d bytes, %d lines", way, p.Read(), len(c.in), p.Lines())
				}
			}
		})
	}
}

// TestRefused lists inputs that end the run, with what the message must say.
func TestRefused(t *testing.T) {
	t.Parallel()
	one := logLineAt(noon, "/1")
	for _, c := range []struct {
		name string
		o    Options
		in   Input
		is   error
		says string
	}{
		{"unknown format", Options{Format: "xml"}, Stream("in", strings.NewReader(one)), ErrFormat, `"xml" is not known`},
		{"a log format that lacks parts", Options{LogFormat: "$remote_addr"}, Stream("in", strings.NewReader(one)), ErrFormat, "it lacks a time"},
		{"a log format with a HAR", Options{Format: "har", LogFormat: "$remote_addr"}, Stream("in", strings.NewReader(one)), ErrFormat, "not har"},
		{"unknown site", Options{Site: "nowhere"}, Stream("in", strings.NewReader(one)), ErrSite, "acme, other"},
		{"no file", Options{}, File("/does/not/exist"), ErrRead, "/does/not/exist"},
		{"a folder", Options{}, File("/"), ErrRead, "directory"},
		{"text", Options{}, Stream("in", strings.NewReader("lorem ipsum\n")), ErrFormat, "name it with --format"},
		{"other JSON", Options{}, Stream("in", strings.NewReader(`{"level":"info","msg":"x"}`+"\n")), ErrFormat, "looks like JSON"},
		{"host in front", Options{}, Stream("in", strings.NewReader("www "+one)), ErrFormat, "none of"},
		{"xz", Options{}, Stream("in", strings.NewReader("\xfd7zXZ\x00...")), ErrFormat, "xzcat"},
		{"UTF-16", Options{}, Stream("in", strings.NewReader("\xff\xfe1\x00")), ErrFormat, "UTF-16"},
		{"zstd window", Options{}, Stream("in", bytes.NewReader(zstded(t, strings.Repeat(one, 20000), zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false)))), ErrRead, "compressed data"},
		{"reading fails", Options{}, Stream("in", io.MultiReader(strings.NewReader(one), iotest.ErrReader(errors.New("disk on fire")))), ErrRead, "disk on fire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			defer b.close()
			c.o.Engine, c.o.Now = b.engine, func() time.Time { return noon }
			g, err := New(c.o)
			if err == nil {
				_, err = g.Run(context.Background(), c.in)
			}
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v saying %q", err, c.is, c.says)
			}
		})
	}
}

// TestOrder reads rotated files in the order of their times, whatever their names and compression.
func TestOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, text []byte) Input {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return File(path)
	}
	at := noon.Add(-time.Hour)
	lines := func(from int) (s string) {
		for i := range 3 {
			s += logLineAt(at.Add(time.Duration(from+i)*time.Second), fmt.Sprintf("/%d", from+i))
		}
		return s
	}
	har := fmt.Sprintf(`{"log":{"entries":[{"startedDateTime":"%s","request":{"method":"GET","url":"/9"}}]}}`, at.Add(9*time.Second).Format(time.RFC3339))
	var times []int64
	var opened []string
	p := new(Progress)
	res := run(t, Options{Progress: p, Opened: func(in, f string) { opened = append(opened, filepath.Base(in)+" "+f) }},
		func(e *event.Event) { times = append(times, e.At) },
		write("d.har", []byte(har)), write("access.log", []byte("rubbish\n"+lines(6))), write("empty", nil), write("access.log.1.gz", zipped(t, lines(3))), write("access.log.2.zst", zstded(t, lines(0))))
	if got := strings.Join(opened, ", "); got != "access.log.2.zst combined, access.log.1.gz combined, access.log combined, d.har har" {
		t.Error(got)
	}
	for i, v := range times {
		if v != at.Add(time.Duration(i)*time.Second).UnixNano() {
			t.Errorf("event %d is of %s", i, time.Unix(0, v).UTC())
		}
	}
	if res.Exchanges != 10 || res.Damaged != 1 || res.First != at.UnixNano() || res.Last != at.Add(9*time.Second).UnixNano() {
		t.Errorf("%+v", res)
	}
	if p.Read() == 0 || p.Total() != 0 { // the empty file has no size
		t.Errorf("progress %d of %d", p.Read(), p.Total())
	}
}

// TestSites: the line's own site, else the flag's, else the host's, else the default one.
func TestSites(t *testing.T) {
	t.Parallel()
	line := func(host, extra string) string {
		return `{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"https://` + host + `/"}` + extra + "}\n"
	}
	text := line("other.example", "") + line("x.example", "") + line("x.example", `,"_site":"other"`) + line("other.example", `,"_site":"gone"`)
	for flag, want := range map[string]string{"": "other acme other other", "acme": "acme acme other other"} {
		var got []string
		run(t, Options{Site: flag}, func(e *event.Event) { got = append(got, e.Site) }, Stream("in", strings.NewReader(text)))
		if strings.Join(got, " ") != want {
			t.Errorf("--site %q: %v, want %s", flag, got, want)
		}
	}
}

// TestUnplaced counts what no site takes.
func TestUnplaced(t *testing.T) {
	t.Parallel()
	q := event.NewQueue(16)
	e, mistakes := engine.New(engine.Options{Queue: q, Namer: event.NewNamer(1, 1)}, engine.Input{
		Bundle: &bundle.Bundle{Sites: []bundle.Site{{Name: "acme", Hosts: []string{"api.acme.example"}}}}, Keys: map[string]dataclass.Key{"acme": {1}},
	})
	if e == nil {
		t.Fatal(mistakes)
	}
	g, err := New(Options{Engine: e, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.Run(context.Background(), Stream("in", strings.NewReader(logLineAt(noon, "/")+logLineAt(noon, "/"))))
	if err != nil || res.Unplaced != 2 || res.Exchanges != 2 || q.Len() != 2 {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestCancel ends an endless input.
func TestCancel(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	defer b.close()
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	g, err := New(Options{Engine: b.engine, Now: func() time.Time { return noon }, OnEvent: func(string, int, event.ID) {
		if n++; n == 1000 {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.Run(ctx, Stream("in", endless(logLineAt(noon, "/"))))
	if !errors.Is(err, context.Canceled) || res.Exchanges < 1000 || res.Exchanges > 1300 {
		t.Errorf("%v after %d", err, res.Exchanges)
	}
}

// endless repeats itself.
type endless string

func (e endless) Read(p []byte) (n int, err error) {
	for n+len(e) <= len(p) {
		n += copy(p[n:], e)
	}
	if n == 0 {
		n = copy(p, e)
	}
	return n, nil
}

// TestLongLineMemory: a line of 64 MiB costs no memory.
func TestLongLineMemory(t *testing.T) {
	t.Parallel()
	s := newSource(io.LimitReader(endless(strings.Repeat("x", 4096)), 64<<20))
	l := newLines(s, maxLogLine)
	if _, n, err := l.next(); !errors.Is(err, record.CauseTooLong) || n != 1 || len(s.buf) > 2*window {
		t.Errorf("line %d: %v, window of %d bytes", n, err, len(s.buf))
	}
}

// TestCheckFile: what cannot be read is known before anything is opened to learn into.
func TestCheckFile(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	line := `198.51.100.1 - - [10/Oct/2026:13:55:36 +0000] "GET /orders/17 HTTP/1.1" 200 100 "-" "curl/8"` + "\n"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(line))
	_ = z.Close()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	log, gz := put("access.log", []byte(line)), put("access.log.1.gz", packed.Bytes())
	for _, tc := range []struct {
		name, path, format string
		read, follow       string // what is wrong, empty when nothing is
	}{
		{"a log", log, "auto", "", ""},
		{"an empty one", put("empty.log", nil), "auto", "", ""},
		{"missing", filepath.Join(dir, "missing.log"), "auto", "no such file", ""},
		{"a directory", dir, "auto", "is a directory", "is a directory"},
		{"a directory, with a format", dir, "combined", "is a directory", "is a directory"},
		{"gzip", gz, "auto", "", "a compressed file is not followed"},
		{"gzip, with a format", gz, "combined", "", "a compressed file is not followed"},
		{"damaged gzip", put("bad.gz", []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9}), "auto", "gzip", "gzip"},
		{"another packer", put("a.xz", []byte("\xfd7zXZ\x00....")), "auto", "xzcat", "xzcat"},
		{"no log", put("notes.txt", []byte("these are notes\nand nothing else\n")), "auto", "none of", "none of"},
		{"no log, with a format", put("notes2.txt", []byte("these are notes\n")), "combined", "", ""},
		{"a HAR document", put("a.har", []byte(`{"log":{"version":"1.2","entries":[]}}`)), "har", "", "cannot be followed"},
		{"a pipe", pipe, "auto", "", "not a regular file"},
		{"an unknown format", log, "nonsense", "nonsense", "nonsense"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for followed, want := range map[bool]string{false: tc.read, true: tc.follow} {
				err := CheckFile(tc.format, "", tc.path, followed)
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("followed %v: %v, want %q", followed, err, want)
				}
			}
		})
	}
}
