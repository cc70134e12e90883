package scenario

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"merlon/internal/lab/traffic"
)

// maxRecordedLine bounds one exchange line of a recording.
const maxRecordedLine = 32 << 20

// RecordedTraffic: calls that real programs once made of a real API, replayed by some dozens of principals over days, with a
// scanner among them and a host that answers everything beside them. open opens the recording.
func RecordedTraffic(name string, open func() (io.ReadCloser, error), o traffic.RecordedOptions) Scenario {
	o.Start, o.Site = monday(), site
	return Scenario{
		Name: "recorded_" + name, World: "recorded calls of " + name + ", a scanner, and a host that answers everything", Seed: o.Seed,
		Traffic: func(ctx context.Context) ([]traffic.Entry, error) {
			f, err := open()
			if err != nil {
				return nil, err
			}
			defer f.Close()
			var lines bytes.Buffer
			if _, err := traffic.FromRecorded(ctx, f, o, &lines); err != nil {
				return nil, err
			}
			return readLines(&lines)
		},
		Expect: Expect{CatchAll: []string{o.CatchAllHost}},
	}
}

// entryLine is what a scenario reads of an exchange line.
type entryLine struct {
	Started time.Time `json:"startedDateTime"`
	Time    float64   `json:"time"`
	Request struct {
		Method      string           `json:"method"`
		URL         string           `json:"url"`
		HTTPVersion string           `json:"httpVersion"`
		Headers     []traffic.Header `json:"headers"`
		PostData    struct {
			Text string `json:"text"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		Status  int              `json:"status"`
		Headers []traffic.Header `json:"headers"`
		Content struct {
			Size int64  `json:"size"`
			Text string `json:"text"`
		} `json:"content"`
	} `json:"response"`
	Client traffic.Client `json:"_client"`
	Site   string         `json:"_site"`
	Label  traffic.Label  `json:"_label"`
}

// readLines reads exchange lines back.
func readLines(r io.Reader) (out []traffic.Entry, err error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxRecordedLine)
	for sc.Scan() {
		var l entryLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("exchange line %d: %w", len(out)+1, err)
		}
		out = append(out, traffic.Entry{
			Started: l.Started, Duration: time.Duration(l.Time * float64(time.Millisecond)), Client: l.Client, Site: l.Site, Label: l.Label,
			Request: traffic.Request{Method: l.Request.Method, URL: l.Request.URL, Version: l.Request.HTTPVersion, Headers: l.Request.Headers, Body: l.Request.PostData.Text},
			Response: traffic.Response{
				Status: l.Response.Status, Version: l.Request.HTTPVersion, Headers: l.Response.Headers, Body: l.Response.Content.Text,
				BodyUnknown: l.Response.Content.Size < 0,
			},
		})
	}
	return out, sc.Err()
}

// Score is how well learned templates fit true ones.
type Score struct {
	// Precision and Recall are over endpoints: method and template, names of parameters aside, of those that succeeded.
	Precision, Recall float64
	// Grouped is the share of successful calls that fall under exactly their true template.
	Grouped float64
	// Learned, True and Calls are the sizes of the sets.
	Learned, True, Calls int
}

// F1 is the harmonic mean of precision and recall.
func (s Score) F1() float64 {
	if s.Precision+s.Recall == 0 {
		return 0
	}
	return 2 * s.Precision * s.Recall / (s.Precision + s.Recall)
}

// TrueCall is a recorded call with the template it truly belongs to.
type TrueCall struct {
	Method, Host, Path, Template string
	Status                       int
}

// Judge compares the templates of a result with the truth. Every learned endpoint of the hosts in question counts against
// precision, whether a call falls under it or not; only one under which none but calls of unknown truth fall is neither
// right nor wrong.
func (r *Result) Judge(calls []TrueCall) Score {
	hosts, truth, learned := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range calls {
		hosts[c.Host] = true
	}
	match := map[string][][]string{}
	for i := range r.Output.Site.Endpoints {
		e := &r.Output.Site.Endpoints[i]
		if !hosts[e.Host] {
			continue
		}
		t := segments(nameless(e.Template))
		learned[e.Method+" "+join(t)] = true
		match[e.Method+" "+e.Host] = append(match[e.Method+" "+e.Host], t)
	}
	var s Score
	right, unknown, judged := 0, map[string]bool{}, map[string]bool{}
	for _, c := range calls {
		if c.Status/100 != 2 {
			continue
		}
		got, ok := under(match[c.Method+" "+c.Host], segments(c.Path))
		if c.Template == "" {
			unknown[c.Method+" "+got] = ok
			continue
		}
		s.Calls++
		want := join(segments(nameless(c.Template)))
		truth[c.Method+" "+want] = true
		judged[c.Method+" "+got] = true
		if ok && got == want {
			right++
		}
	}
	for k := range unknown {
		if !judged[k] {
			delete(learned, k)
		}
	}
	hit := 0
	for k := range learned {
		if truth[k] {
			hit++
		}
	}
	s.Learned, s.True = len(learned), len(truth)
	s.Precision, s.Recall = float64(hit)/float64(max(len(learned), 1)), float64(hit)/float64(max(len(truth), 1))
	s.Grouped = float64(right) / float64(max(s.Calls, 1))
	return s
}

// under finds the most specific template that covers a path.
func under(ts [][]string, path []string) (string, bool) {
	var best []string
next:
	for _, t := range ts {
		if len(t) != len(path) {
			continue
		}
		for i := range t {
			if t[i] != "{}" && t[i] != path[i] {
				continue next
			}
		}
		if best == nil || moreLiteral(t, best) {
			best = t
		}
	}
	return join(best), best != nil
}

func moreLiteral(a, b []string) bool {
	for i := range a {
		if x, y := a[i] == "{}", b[i] == "{}"; x != y {
			return y
		}
	}
	return false
}

// segments splits a path into decoded, non-empty segments.
func segments(p string) []string {
	out := []string{}
	for len(p) > 0 {
		i := 0
		for i < len(p) && p[i] != '/' {
			i++
		}
		if i > 0 {
			seg := p[:i]
			if u, err := url.PathUnescape(seg); err == nil {
				seg = u
			}
			out = append(out, seg)
		}
		p = p[min(i+1, len(p)):]
	}
	return out
}

func join(segs []string) string {
	s := ""
	for _, x := range segs {
		s += "/" + x
	}
	return s
}
