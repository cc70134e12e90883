package stream

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// A header block that says one long field over and over, in a byte each time, is not unpacked to its end.
func TestAPackedHeaderBlockCostsLittle(t *testing.T) {
	pack := func(repeats int) []byte {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: "accept-encoding", Value: "gzip"}} {
			if err := e.WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
		for range repeats {
			if err := e.WriteField(hpack.HeaderField{Name: "user-agent", Value: strings.Repeat("a", 3000)}); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	var few, many, honest opening
	bound := pack(maxFieldBytes / 3000)
	if a, b := few.headers(pack(200)), many.headers(pack(4000)); a != b || a == 0 {
		t.Errorf("what stands beyond the bound is looked at: %x and %x", a, b)
	}
	if a := honest.headers(bound); a == 0 || a == new(opening).headers(pack(1)) {
		t.Errorf("what stands before the bound is not: %x", a)
	}
}
