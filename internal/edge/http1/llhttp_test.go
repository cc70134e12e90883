package http1

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// llhttpCase is one case of llhttp's markdown: a message, the mode llhttp ran in, and its log.
type llhttpCase struct {
	key, title, mode string
	wire             []byte
	log              []string
}

// readLLHTTP extracts the cases from the archive of llhttp's tests.
func readLLHTTP(t *testing.T) (cases []llhttpCase) {
	t.Helper()
	dir := os.Getenv("MERLON_EVAL_DATA")
	if dir == "" {
		t.Skip("MERLON_EVAL_DATA is not set: llhttp's cases are not run")
	}
	f, err := os.Open(filepath.Join(dir, "llhttp-tests", "llhttp-test.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "test/")
		if !strings.HasPrefix(name, "request/") && !strings.HasPrefix(name, "response/") || !strings.HasSuffix(name, ".md") {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(tr, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, parseLLHTTP(name, string(text))...)
	}
	slices.SortFunc(cases, func(a, b llhttpCase) int { return strings.Compare(a.key, b.key) })
	return cases
}

var llhttpMode = regexp.MustCompile(`"type":\s*"([a-z-]+)"`)

// parseLLHTTP reads one markdown file: headings, a meta comment, a block of http, a block of log.
func parseLLHTTP(file, text string) (cases []llhttpCase) {
	var c llhttpCase
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "##"):
			c = llhttpCase{key: fmt.Sprintf("%s:%d", file, i+1), title: strings.TrimLeft(line, "# ")}
		case strings.HasPrefix(line, "<!-- meta="):
			c.mode = llhttpMode.FindStringSubmatch(line)[1]
		case line == "```http" || line == "```log":
			from := i + 1
			for i++; lines[i] != "```"; i++ {
			}
			if line == "```http" {
				c.wire = llhttpInput(strings.Join(lines[from:i], "\n"))
				continue
			}
			c.log = lines[from:i]
			cases = append(cases, c)
		}
	}
	return cases
}

var (
	llhttpJoin  = regexp.MustCompile(`\\(\r\n|\r|\n)`)
	llhttpHex   = regexp.MustCompile(`\\x([0-9a-fA-F]+)`)
	llhttpOctal = regexp.MustCompile(`\\([0-7]{1,3})`)
)

// llhttpInput undoes the escapes as llhttp's md-test.ts does, in its order.
func llhttpInput(s string) []byte {
	s = llhttpJoin.ReplaceAllString(s, "")
	s = strings.ReplaceAll(s, "\n", "\r\n")
	s = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\f`, "\f").Replace(s)
	number := func(base int) func(string) string {
		return func(m string) string {
			v, err := strconv.ParseUint(strings.TrimLeft(m, `\x`), base, 21)
			if err != nil {
				v = 0
			}
			return string(rune(v))
		}
	}
	s = llhttpHex.ReplaceAllStringFunc(s, number(16))
	return []byte(llhttpOctal.ReplaceAllStringFunc(s, number(8)))
}

// summary is what both parsers make of a connection, as far as it can be compared.
type summary struct {
	refused string
	starts  []string // "METHOD target" or status
	fields  []string
	body    string
}

var llhttpSpan = regexp.MustCompile(`^/?off=\d+ len=\d+ span\[([a-z_]+)\]="?(.*?)"?/?$`)

// llhttpSummary reads llhttp's log.
func llhttpSummary(c *llhttpCase) (s summary) {
	var method, name, value string
	flush := func() {
		if name != "" {
			s.fields = append(s.fields, strings.ToLower(name)+": "+strings.TrimRight(value, " \t"))
		}
		name, value = "", ""
	}
	var last string
	for _, line := range c.log {
		line = strings.NewReplacer(`\t`, "\t", `\f`, "\f").Replace(line)
		if m := llhttpSpan.FindStringSubmatch(line); m != nil {
			text := m[2]
			switch m[1] {
			case "method":
				method += text
			case "url":
				s.starts = append(s.starts, method+" "+text)
				method = ""
			case "header_field":
				if last != "header_field" {
					flush()
				}
				name += text
			case "header_value":
				value += text
			case "body":
				switch {
				case strings.HasSuffix(line, "span[body]=cr"):
					text = "\r"
				case strings.HasSuffix(line, "span[body]=lf"):
					text = "\n"
				}
				s.body += text
			}
			last = m[1]
			continue
		}
		switch {
		case strings.Contains(line, "finish=2"):
			s.refused = "unsafe to finish"
		case strings.Contains(line, "error code=") && !strings.Contains(line, "code=22"):
			_, s.refused, _ = strings.Cut(line, "reason=")
			s.refused = strings.Trim(s.refused, `"/`)
		case strings.Contains(line, "headers complete"):
			flush()
			if k := strings.Index(line, "status="); k >= 0 {
				s.starts = append(s.starts, line[k+7:k+10])
			}
		case strings.Contains(line, "chunk complete"), strings.Contains(line, "message"):
			flush()
		}
	}
	flush()
	return s
}

var llhttpRequestLine = regexp.MustCompile(`(?m)^([A-Z-]+ [^\r\n]* HTTP/1\.1\r\n)`)

// addedHost is put into requests of which none has a Host: most of llhttp's have none, and would all be refused for it.
const addedHost = "host: added.example"

// ourSummary runs the codec over the same bytes. Bytes behind a message that closes the connection are refused, as a
// proxy does that reads no further. A message cut short is refused only where llhttp was told that the input ends.
func ourSummary(c *llhttpCase) (s summary) {
	from := fromClient
	if strings.HasPrefix(c.key, "response") {
		from = fromUpstream
	}
	l := DefaultLimits()
	wire := c.wire
	if from == fromClient && !strings.Contains(strings.ToLower(string(wire)), "\nhost:") {
		wire = llhttpRequestLine.ReplaceAll(wire, []byte("${1}"+addedHost+"\r\n"))
	}
	tr := decode(wire, 0, from, MethodGet, &l)
	if len(tr.messages) == 0 && tr.err == RejectError(exchange.AnomalyIncomplete) {
		// llhttp judges field by field; this codec judges a head when it is whole.
		tr = decode(append(wire, "\r\n\r\n"...), 0, from, MethodGet, &l)
	}
	for i, m := range tr.messages {
		if i+1 < len(tr.messages) && !m.keepAlive {
			s.refused = "data behind a message that closes"
		}
		if from == fromClient {
			s.starts = append(s.starts, m.method+" "+m.target)
		} else {
			s.starts = append(s.starts, strconv.Itoa(m.status))
		}
		for _, f := range append(m.fields, m.trailers...) {
			if field := strings.ToLower(f[0]) + ": " + f[1]; field != addedHost {
				s.fields = append(s.fields, field)
			}
		}
		s.body += m.body
	}
	if n := len(tr.messages); n > 0 && tr.err == RejectError(exchange.AnomalyIncomplete) &&
		tr.messages[n-1].framing == FramingNone && !tr.messages[n-1].keepAlive {
		s.refused = "data behind a message that closes"
	}
	var r RejectError
	if errors.As(tr.err, &r) && (r.Anomaly() != exchange.AnomalyIncomplete || strings.HasSuffix(c.mode, "-finish")) {
		s.refused = r.Anomaly().String()
	}
	return s
}

// disagreement describes how the two differ, or is empty.
func disagreement(theirs, ours summary) string {
	switch {
	case theirs.refused != "" && ours.refused != "":
		return ""
	case theirs.refused != "":
		return "llhttp refuses (" + theirs.refused + "), ours accepts"
	case ours.refused != "":
		return "llhttp accepts, ours refuses (" + ours.refused + ")"
	case !slices.Equal(theirs.starts, ours.starts):
		return fmt.Sprintf("start lines %q against ours %q", theirs.starts, ours.starts)
	case !slices.Equal(theirs.fields, ours.fields):
		return fmt.Sprintf("fields %q against ours %q", theirs.fields, ours.fields)
	case theirs.body != ours.body:
		return fmt.Sprintf("body %q against ours %q", theirs.body, ours.body)
	}
	return ""
}

const llhttpDifferences = "testdata/llhttp-differences.txt"

// explained is one line of testdata/llhttp-differences.txt.
type explained struct{ key, reason, title, difference string }

func (e explained) String() string {
	return strings.Join([]string{e.key, e.reason, e.title, e.difference}, " | ")
}

// readExplained reads reasons ("reason NAME: text") and cases ("key | reason | title | difference").
func readExplained(t *testing.T) (reasons [][2]string, cases []explained) {
	t.Helper()
	raw, err := os.ReadFile(llhttpDifferences)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(raw), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "reason "); ok {
			name, text, _ := strings.Cut(rest, ": ")
			reasons = append(reasons, [2]string{name, text})
			continue
		}
		parts := strings.SplitN(line, " | ", 4)
		if len(parts) != 4 {
			t.Fatalf("%s:%d: want four parts", llhttpDifferences, n+1)
		}
		cases = append(cases, explained{parts[0], parts[1], parts[2], parts[3]})
	}
	return reasons, cases
}

// TestLLHTTP runs llhttp's own cases. Where the codec disagrees, the difference must stand in llhttp-differences.txt with
// a reason, word for word; a difference that is gone must be taken out.
func TestLLHTTP(t *testing.T) {
	cases := readLLHTTP(t)
	if len(cases) < 240 {
		t.Fatalf("only %d cases found", len(cases))
	}
	reasons, list := readExplained(t)
	known := map[string]explained{}
	for _, e := range list {
		if !slices.ContainsFunc(reasons, func(r [2]string) bool { return r[0] == e.reason }) {
			t.Errorf("%s: no reason %q", e.key, e.reason)
		}
		known[e.key] = e
	}
	agree := 0
	for i := range cases {
		c := &cases[i]
		d := disagreement(llhttpSummary(c), ourSummary(c))
		e, listed := known[c.key]
		delete(known, c.key)
		switch {
		case d == "" && listed:
			t.Errorf("%s: listed, but both agree", c.key)
		case d == "":
			agree++
		case e.difference != d:
			t.Errorf("not explained: %s", explained{c.key, e.reason, c.title, d})
		}
	}
	for key := range known {
		t.Errorf("%s: listed, but there is no such case", key)
	}
	t.Logf("%d cases, %d agree, %d differ for %d reasons", len(cases), agree, len(list), len(reasons))
}
