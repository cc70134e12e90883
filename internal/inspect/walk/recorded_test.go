package walk

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// TestRecordedCalls walks recorded calls of real APIs: every JSON body reads as encoding/json reads it, and no member of
// a personal kind becomes vocabulary.
func TestRecordedCalls(t *testing.T) {
	data := os.Getenv("MERLON_EVAL_DATA")
	if data == "" {
		t.Skip("MERLON_EVAL_DATA is not set: the recorded calls are not there")
	}
	files, err := filepath.Glob(filepath.Join(data, "api-traffic-*", "*.jsonl.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded calls in %s: %v", data, err)
	}
	w := New(&Shared{})
	bodies, words, objects := 0, map[string]int{}, 0
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(z)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			var call struct {
				Method, Path, Query string
				Req                 string `json:"req_body"`
				Resp                string `json:"resp_body"`
				Status              any    // a number, or a word where the recording lacks it
			}
			if err := json.Unmarshal(s.Bytes(), &call); err != nil {
				t.Fatal(err)
			}
			x := request(call.Method, call.Path, call.Query, "application/json", call.Req)
			if status, ok := call.Status.(float64); ok {
				x.Status = int(status)
			}
			w.Reset()
			w.Request(x, wide())
			at := len(x.Leaves)
			x.Response.Fields = x.Request.Fields
			x.Response.Body, x.Response.BodySize = []byte(call.Resp), int64(len(call.Resp))
			report := w.Response(x, wide())
			if len(call.Resp) > 0 {
				bodies++
				if json.Valid(x.Response.Body) != x.Response.Walked {
					t.Errorf("%s %s: walked %v (%+v)", call.Method, call.Path, x.Response.Walked, report)
				}
				if body := bodyOf(x.Leaves[at:], at); x.Response.Walked && strings.Join(flatLeaves(body), "\n") != strings.Join(flat(t, x.Response.Body), "\n") {
					t.Errorf("%s %s: differs from encoding/json", call.Method, call.Path)
				}
			}
			for i := range x.Leaves {
				l := &x.Leaves[i]
				if l.Flags&exchange.LeafLiteral != 0 {
					words[string(l.Name)+"="+string(l.Value)]++
					if bytes.ContainsAny(l.Value, "@ ") {
						t.Errorf("%s: literal %q", Where(x.Leaves, i), l.Value)
					}
				}
				if l.Flags&exchange.LeafIdentifier != 0 {
					objects++
				}
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if bodies < 1000 {
		t.Errorf("only %d bodies", bodies)
	}
	t.Logf("%d bodies, %d object references, %d different words", bodies, objects, len(words))
}

// bodyOf cuts the body's leaves out and makes their parents count from there.
func bodyOf(leaves []exchange.Leaf, at int) []exchange.Leaf {
	for len(leaves) > 0 && leaves[0].Part != exchange.InResponseBody {
		leaves, at = leaves[1:], at+1
	}
	out := append([]exchange.Leaf(nil), leaves...)
	for i := range out {
		if out[i].Parent >= 0 {
			out[i].Parent -= int32(at)
		}
	}
	return out
}
