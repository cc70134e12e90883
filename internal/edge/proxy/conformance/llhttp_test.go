package conformance

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"merlon/internal/model/event"
)

// TestLLHTTP sends the request cases of llhttp's own tests to every server. What they were made to tell apart is not of
// interest here: whatever they are taken for, it has to be the same on both sides.
func TestLLHTTP(t *testing.T) {
	cases := llhttpCases(t)
	if len(cases) < 100 {
		t.Fatalf("%d cases, wanted 100", len(cases))
	}
	everyUpstream(t, func(t *testing.T, r *rig) {
		passed, refused := 0, 0
		for _, s := range cases {
			a, err := r.play(s.wire)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			for _, d := range r.up.differences(a) {
				t.Errorf("%s: %s", s.name, d)
			}
			for _, e := range a.events {
				switch e.outcome {
				case event.OutcomeAnswered:
					passed++
				case event.OutcomeRefused:
					refused++
				}
			}
		}
		t.Logf("%d cases: %d requests were passed on, %d refused", len(cases), passed, refused)
		if passed < 50 || refused < 50 {
			t.Error("this proves little")
		}
	})
}

// llhttpCases reads the blocks of http from the archive's markdown files about requests. Most have no Host and would all
// be refused for that, so each is sent as it is and, where that makes a difference, with one.
func llhttpCases(t *testing.T) (out []shape) {
	t.Helper()
	dir := os.Getenv("MERLON_EVAL_DATA")
	if dir == "" {
		t.Skip("PASSED BY: MERLON_EVAL_DATA is not set, so llhttp's cases are not sent")
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
		if !strings.HasPrefix(name, "request/") || !strings.HasSuffix(name, ".md") {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(tr, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, llhttpBlocks(name, string(text))...)
	}
	slices.SortFunc(out, func(a, b shape) int { return strings.Compare(a.name, b.name) })
	return out
}

var llhttpRequestLine = regexp.MustCompile(`(?m)^([A-Z-]+ [^\r\n]* HTTP/1\.[01]\r\n)`)

func llhttpBlocks(file, text string) (out []shape) {
	all := strings.Split(text, "\n")
	for i := 0; i < len(all); i++ {
		if all[i] != "```http" {
			continue
		}
		from := i + 1
		for i++; i < len(all) && all[i] != "```"; i++ {
		}
		s := shape{name: file + ":" + strconv.Itoa(from), wire: llhttpWire(strings.Join(all[from:i], "\n"))}
		if strings.Contains(strings.ToLower(s.wire), "upgrade: websocket") {
			continue // without the other end of the handshake there is nothing to compare
		}
		out = append(out, s)
		if !strings.Contains(strings.ToLower(s.wire), "\nhost:") {
			out = append(out, shape{name: s.name + " with a host", wire: llhttpRequestLine.ReplaceAllString(s.wire, "${1}host: added.example\r\n")})
		}
	}
	return out
}

var (
	llhttpJoin   = regexp.MustCompile(`\\(\r\n|\r|\n)`)
	llhttpNumber = regexp.MustCompile(`\\x([0-9a-fA-F]+)|\\([0-7]{1,3})`)
)

// llhttpWire undoes the escapes of llhttp's md-test.ts.
func llhttpWire(s string) string {
	s = llhttpJoin.ReplaceAllString(s, "")
	s = strings.ReplaceAll(s, "\n", "\r\n")
	s = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t", `\f`, "\f").Replace(s)
	return llhttpNumber.ReplaceAllStringFunc(s, func(m string) string {
		base := 8
		if strings.HasPrefix(m, `\x`) {
			base = 16
		}
		v, err := strconv.ParseUint(strings.TrimLeft(m, `\x`), base, 21)
		if err != nil {
			v = 0
		}
		return string(rune(v))
	})
}
