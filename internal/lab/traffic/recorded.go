package traffic

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// RecordedOptions state the clock and the clients that recorded calls are given; recordings have neither.
type RecordedOptions struct {
	Seed  uint64
	Start time.Time // of the first exchange; must be given
	Rate  float64   // mean exchanges a second: 5 when zero
	Site  string
	// Principals hold one bearer token each: 40 when zero. Clients is the number of addresses they come from: 60 when zero.
	Principals, Clients int
	// Repeat replays every recorded session that often, each time as another principal: 3 when zero, because one supporter proves little.
	Repeat int
	// Anonymous is the share of sessions without a token.
	Anonymous float64
	// ScannerShare is the share of all exchanges made by one scanner; ScannerHits the share of its paths that answer 200 to it: 0.02
	// when zero, none when negative.
	ScannerShare, ScannerHits float64
	Wordlist                  []string // built-in when empty
	// CatchAllHost, when given, is a host that answers 200 to everything; CatchAllShare of all exchanges go there: 0.1 when zero.
	CatchAllHost  string
	CatchAllShare float64
	// Format is what is written: "entry" (exchange lines; also when empty) or "combined" (a log).
	Format string
}

// RecordedCount tells what was read and written. Sessions are recorded ones, before Repeat.
type RecordedCount struct{ Calls, Sessions, Damaged, Written int }

// Bounds of a recording.
const (
	maxRecordedLine  = 16 << 20
	maxRecordedCalls = 1 << 20
	maxRecordedBytes = 512 << 20
)

// ErrRecorded marks a recording that cannot be used.
var ErrRecorded = errors.New("recorded calls")

// recordedCall is one line: a call with its answer. Calls with the same src are one session, in order.
type recordedCall struct {
	Src     string            `json:"src"`
	Method  string            `json:"method"`
	Host    string            `json:"host"`
	Path    string            `json:"path"`
	Query   string            `json:"query"`
	Headers map[string]string `json:"req_headers"`
	Body    string            `json:"req_body"`
	Status  json.RawMessage   `json:"status"` // a number, or a number in quotes
	Answer  map[string]string `json:"resp_headers"`
	Text    string            `json:"resp_body"`
	Dropped bool              `json:"resp_body_dropped"`

	status int
}

// FromRecorded reads recorded calls (JSON lines, plain or gzipped: src, method, host, path, query, req_headers, req_body, status,
// resp_headers, resp_body) and writes them as traffic with the clock and the clients of o, in the order of time. Damaged lines are
// counted and left out.
func FromRecorded(ctx context.Context, r io.Reader, o RecordedOptions, w io.Writer) (n RecordedCount, err error) {
	if err := o.check(); err != nil {
		return n, err
	}
	calls, sessions, err := readRecorded(ctx, r, &n)
	if err != nil {
		return n, err
	}
	if len(calls) == 0 {
		return n, fmt.Errorf("%w: no usable line (%d damaged)", ErrRecorded, n.Damaged)
	}
	n.Calls, n.Sessions = len(calls), len(sessions)
	bw := bufio.NewWriterSize(w, 1<<18)
	var buf []byte
	err = replay(ctx, &o, calls, sessions, func(e *Entry) error {
		if o.Format == "combined" {
			buf = e.AppendCombined(buf[:0])
		} else {
			buf = e.AppendJSON(buf[:0])
		}
		buf = append(buf, '\n')
		n.Written++
		_, err := bw.Write(buf)
		return err
	})
	if err == nil {
		err = bw.Flush()
	}
	return n, err
}

func (o *RecordedOptions) check() error {
	for _, d := range []struct {
		at  *int
		def int
	}{{&o.Principals, 40}, {&o.Clients, 60}, {&o.Repeat, 3}} {
		if *d.at == 0 {
			*d.at = d.def
		}
	}
	if o.Rate == 0 {
		o.Rate = 5
	}
	if o.ScannerHits == 0 {
		o.ScannerHits = 0.02
	}
	if o.CatchAllHost != "" && o.CatchAllShare == 0 {
		o.CatchAllShare = 0.1
	}
	if len(o.Wordlist) == 0 {
		o.Wordlist = builtinWords()
	}
	var errs []error
	bad := func(wrong bool, message string) {
		if wrong {
			errs = append(errs, fmt.Errorf("%w: %s", ErrOptions, message))
		}
	}
	bad(o.Start.IsZero(), "a start time is needed")
	bad(o.Rate <= 0 || o.Rate > 1e6, "the rate must be over 0 and at most 1,000,000 a second")
	bad(o.Principals < 1 || o.Principals > 1e6 || o.Clients < 1 || o.Clients > 1e6, "principals and clients must be 1 to 1,000,000")
	bad(o.Repeat < 1 || o.Repeat > 1000, "repeat must be 1 to 1000")
	bad(o.Anonymous < 0 || o.Anonymous > 1, "the anonymous share must be 0 to 1")
	bad(o.ScannerShare < 0 || o.CatchAllShare < 0 || o.ScannerShare+o.CatchAllShare > 0.9, "scanner and catch-all share must not be negative, and at most 0.9 together")
	bad(o.Format != "" && o.Format != "entry" && o.Format != "combined", "format is entry or combined")
	return errors.Join(errs...)
}

// readRecorded reads all calls, and for each session the indices of its calls.
func readRecorded(ctx context.Context, r io.Reader, n *RecordedCount) (calls []recordedCall, sessions [][]int32, err error) {
	if r, err = unzip(r); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRecorded, err)
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), maxRecordedLine)
	index := map[string]int{}
	total := 0
	for sc.Scan() {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if len(strings.TrimSpace(sc.Text())) == 0 {
			continue
		}
		var c recordedCall
		if json.Unmarshal(sc.Bytes(), &c) != nil || !c.usable() {
			n.Damaged++
			continue
		}
		if total += len(sc.Bytes()); len(calls) == maxRecordedCalls || total > maxRecordedBytes {
			return nil, nil, fmt.Errorf("%w: more than %d calls or %d bytes; split the file", ErrRecorded, maxRecordedCalls, maxRecordedBytes)
		}
		i, ok := index[c.Src]
		if !ok {
			i = len(sessions)
			index[c.Src] = i
			sessions = append(sessions, nil)
		}
		sessions[i] = append(sessions[i], int32(len(calls)))
		calls = append(calls, c)
	}
	if err := sc.Err(); err != nil {
		return nil, nil, fmt.Errorf("%w: after call %d: %w", ErrRecorded, len(calls), err)
	}
	return calls, sessions, nil
}

// usable checks what a request line and a status line need.
func (c *recordedCall) usable() bool {
	status, err := strconv.Atoi(strings.Trim(string(c.Status), `"`))
	c.status = status
	return err == nil && status >= 100 && status <= 599 && c.Method != "" && c.Host != "" && strings.HasPrefix(c.Path, "/") &&
		printable(c.Method) && printable(c.Host)
}
