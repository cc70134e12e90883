package hpack

import (
	"bytes"
	"strconv"
	"testing"

	peer "golang.org/x/net/http2/hpack"
)

// TestEncode says what is written how, block after block.
func TestEncode(t *testing.T) {
	type field struct{ name, value string }
	plain := func(first byte, name, value string) []byte {
		return appendText(appendText([]byte{first}, []byte(name)), []byte(value))
	}
	named := func(dst []byte, value string) []byte { return appendText(dst, []byte(value)) }
	for _, c := range []struct {
		name      string
		field     field
		sensitive bool
		want      [4][]byte // the same field, four times
	}{
		{"static field", field{":status", "404"}, false, [4][]byte{{0x8d}, {0x8d}, {0x8d}, {0x8d}}},
		{"enters when it comes again", field{"content-type", "application/json"}, false, [4][]byte{
			named([]byte{0x0f, 0x10}, "application/json"), named([]byte{0x5f}, "application/json"), {0xbe}, {0xbe},
		}},
		{"own name", field{"x-frame-options", "DENY"}, false, [4][]byte{
			plain(0, "x-frame-options", "DENY"), plain(0x40, "x-frame-options", "DENY"), {0xbe}, {0xbe},
		}},
		{"date never enters", field{"date", "now"}, false, [4][]byte{
			named([]byte{0x0f, 0x12}, "now"), named([]byte{0x0f, 0x12}, "now"), named([]byte{0x0f, 0x12}, "now"), named([]byte{0x0f, 0x12}, "now"),
		}},
		{"cookies are never to be indexed", field{"set-cookie", "a=b"}, false, [4][]byte{
			named([]byte{0x1f, 0x28}, "a=b"), named([]byte{0x1f, 0x28}, "a=b"), named([]byte{0x1f, 0x28}, "a=b"), named([]byte{0x1f, 0x28}, "a=b"),
		}},
		{"what the caller calls sensitive", field{"x-key", "k"}, true, [4][]byte{
			plain(0x10, "x-key", "k"), plain(0x10, "x-key", "k"), plain(0x10, "x-key", "k"), plain(0x10, "x-key", "k"),
		}},
		{"a static field called sensitive", field{":status", "200"}, true, [4][]byte{
			named([]byte{0x18}, "200"), named([]byte{0x18}, "200"), named([]byte{0x18}, "200"), named([]byte{0x18}, "200"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e Encoder
			for i, want := range c.want {
				if got := e.Append(nil, []byte(c.field.name), []byte(c.field.value), c.sensitive); !bytes.Equal(got, want) {
					t.Fatalf("time %d: %x, want %x", i+1, got, want)
				}
			}
		})
	}
}

// TestLargeStaysOut: what fills the table does not enter it.
func TestLargeStaysOut(t *testing.T) {
	var e Encoder
	for range 3 {
		e.Append(nil, []byte("x"), bytes.Repeat([]byte{'v'}, largest), false)
	}
	if e.table.len() != 0 {
		t.Fatal("a large value is in the table")
	}
}

// TestStatus: every code comes out as it went in.
func TestStatus(t *testing.T) {
	var e Encoder
	d := peer.NewDecoder(initialTable, nil)
	for range 3 {
		for code := 98; code < 1002; code++ {
			fields, err := d.DecodeFull(e.AppendStatus(nil, code))
			want := code
			if code < 100 || code > 999 {
				want = 500
			}
			if err != nil || len(fields) != 1 || fields[0].Name != ":status" || fields[0].Value != strconv.Itoa(want) {
				t.Fatalf("%d: %v, %v", code, fields, err)
			}
		}
	}
}

// TestSetTable: the peer's limit is kept, and said at the beginning of the next block.
func TestSetTable(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []uint32
		want string
		max  int
	}{
		{"the default", []uint32{4096}, "88", 4096},
		{"more than is used", []uint32{65536}, "88", 4096},
		{"less", []uint32{100}, "3f45 88", 100},
		{"none", []uint32{0}, "20 88", 0},
		{"none and back", []uint32{0, 4096}, "20 3fe11f 88", 4096},
		{"down twice", []uint32{200, 100}, "3f45 88", 100},
		{"down, up a little, up more", []uint32{100, 200, 65536}, "20 3fe11f 88", 4096},
		{"down, up, down to less", []uint32{100, 200, 50}, "20 3f13 88", 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e Encoder
			for _, n := range c.set {
				e.SetTable(n)
			}
			if got := e.AppendStatus(nil, 200); !bytes.Equal(got, octets(t, c.want)) {
				t.Fatalf("%x, want %s", got, c.want)
			}
			if got := e.AppendStatus(nil, 200); !bytes.Equal(got, []byte{0x88}) {
				t.Fatalf("the second block is %x", got)
			}
			if e.table.max != c.max {
				t.Fatalf("table of %d, want %d", e.table.max, c.max)
			}
		})
	}
}
