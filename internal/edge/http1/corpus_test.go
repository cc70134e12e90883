package http1

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// wireCase is one block of testdata/requests.txt or responses.txt.
type wireCase struct {
	name      string
	verb      string // reject, note or silent
	anomalies exchange.Anomalies
	wire      []byte
}

// readCases parses a corpus file; its form is described at the head of testdata/requests.txt.
func readCases(t testing.TB, path string) (cases []wireCase) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(raw), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			words, title, ok := strings.Cut(line[1:], "] ")
			if !ok {
				t.Fatalf("%s:%d: no title", path, n+1)
			}
			verb, names, _ := strings.Cut(words, " ")
			c := wireCase{name: title, verb: verb}
			for _, name := range strings.Fields(names) {
				a, ok := exchange.ParseAnomaly(name)
				if !ok {
					t.Fatalf("%s:%d: no anomaly %q", path, n+1, name)
				}
				c.anomalies.Add(a)
			}
			if (verb == "silent") != (c.anomalies == 0) {
				t.Fatalf("%s:%d: %s with %d anomalies", path, n+1, verb, c.anomalies.Len())
			}
			cases = append(cases, c)
		case line[0] == '|':
			text := strings.TrimPrefix(line[1:], " ")
			end := "\r\n"
			if cut, ok := strings.CutSuffix(text, `\`); ok && !strings.HasSuffix(cut, `\`) {
				text, end = cut, ""
			}
			unquoted, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
			if err != nil {
				t.Fatalf("%s:%d: %v", path, n+1, err)
			}
			c := &cases[len(cases)-1]
			c.wire = append(c.wire, unquoted...)
			c.wire = append(c.wire, end...)
		default:
			t.Fatalf("%s:%d: neither case, line nor comment", path, n+1)
		}
	}
	return cases
}

// message is one decoded message, copied out of the buffer.
type message struct {
	method, target, path, query, host string
	status                            int
	minor                             uint8
	keepAlive, expect, websocket      bool
	framing                           Framing
	fields                            [][2]string
	body                              string
	trailers                          [][2]string
}

// transcript is all that a connection's bytes decode to.
type transcript struct {
	messages  []message
	anomalies exchange.Anomalies
	err       error
}

func copyFields(fields Fields) (out [][2]string) {
	for _, f := range fields {
		out = append(out, [2]string{string(f.Name), string(f.Value)})
	}
	return out
}

// decode runs the codec over a connection that delivers wire in pieces of the given size (0: all at once) and then ends.
// Heads are parsed from a buffer that moves with every piece, as a proxy's may.
func decode(wire []byte, piece int, from side, method Method, l *Limits) (tr transcript) {
	var (
		req    RequestHead
		resp   ResponseHead
		body   Body
		buf    []byte
		inBody bool
	)
	if piece <= 0 {
		piece = max(len(wire), 1)
	}
	fail := func(err error) transcript {
		tr.err = err
		var r RejectError
		if errors.As(err, &r) {
			tr.anomalies.Add(r.Anomaly())
		}
		return tr
	}
	for {
		for len(buf) > 0 || inBody && body.Done() {
			if !inBody {
				var n int
				var err error
				m := message{}
				if from == fromClient {
					n, err = req.Parse(buf, l)
					if err == ErrNeedMore {
						break
					}
					tr.anomalies.Union(req.Anomalies)
					m = message{
						method: string(req.Method), target: string(req.Target), path: string(req.Path), query: string(req.RawQuery),
						host: string(req.Host), minor: req.Minor, keepAlive: req.KeepAlive, expect: req.ExpectContinue, websocket: req.WebSocket,
						framing: req.Framing, fields: copyFields(req.Fields),
					}
					body.BeginRequest(&req, l)
				} else {
					n, err = resp.Parse(buf, l, method, false)
					if err == ErrNeedMore {
						break
					}
					tr.anomalies.Union(resp.Anomalies)
					m = message{status: resp.Status, minor: resp.Minor, keepAlive: resp.KeepAlive, framing: resp.Framing, fields: copyFields(resp.Fields)}
					body.BeginResponse(&resp, l)
				}
				if err != nil {
					return fail(err)
				}
				tr.messages = append(tr.messages, m)
				buf, inBody = buf[n:], true
				continue
			}
			last := &tr.messages[len(tr.messages)-1]
			if !body.Done() {
				payload, n, _, err := body.Next(buf)
				tr.anomalies.Union(body.Anomalies)
				if err != nil {
					return fail(err)
				}
				if n == 0 {
					panic("http1: Next made no progress")
				}
				last.body += string(payload)
				buf = buf[n:]
			}
			if body.Done() {
				last.trailers = copyFields(body.Trailers)
				inBody = false
			}
		}
		if len(wire) == 0 {
			break
		}
		k := min(piece, len(wire))
		buf = append(slices.Clone(buf), wire[:k]...)
		wire = wire[k:]
	}
	if inBody {
		if err := body.End(); err != nil {
			return fail(err)
		}
	} else if len(buf) > 0 {
		return fail(RejectError(exchange.AnomalyIncomplete))
	}
	return tr
}

func names(s exchange.Anomalies) (out []string) {
	for a := range s.All() {
		out = append(out, a.String())
	}
	return out
}

func TestCorpus(t *testing.T) {
	l := DefaultLimits()
	for _, file := range []struct {
		path    string
		from    side
		atLeast int
	}{{"testdata/requests.txt", fromClient, 120}, {"testdata/responses.txt", fromUpstream, 25}} {
		cases := readCases(t, file.path)
		if len(cases) < file.atLeast {
			t.Fatalf("%s: only %d cases", file.path, len(cases))
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				for _, piece := range []int{0, 1, 7} {
					tr := decode(c.wire, piece, file.from, MethodGet, &l)
					if tr.anomalies != c.anomalies {
						t.Errorf("pieces of %d: got %v, want %v", piece, names(tr.anomalies), names(c.anomalies))
					}
					if (tr.err != nil) != (c.verb == "reject") {
						t.Errorf("pieces of %d: %s, but error is %v", piece, c.verb, tr.err)
					}
				}
			})
		}
	}
}
