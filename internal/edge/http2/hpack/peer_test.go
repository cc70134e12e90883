package hpack

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	peer "golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"
)

// lines is a list of fields as decoded prints it.
func lines(fields []peer.HeaderField) string {
	var b strings.Builder
	for _, f := range fields {
		if f.Sensitive {
			b.WriteByte('!')
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	return b.String()
}

// TestCodesAgree: both directions of the Huffman code, for every octet and for pairs of unlike lengths.
func TestCodesAgree(t *testing.T) {
	check := func(s string) {
		want := peer.AppendHuffmanString(nil, s)
		got := appendHuffman(nil, []byte(s))
		if !bytes.Equal(got, want) || huffmanLength(s) != len(want) {
			t.Fatalf("%q is coded %x, want %x", s, got, want)
		}
		if back, err := appendDecoded(nil, got); err != nil || string(back) != s {
			t.Fatalf("%q comes back as %q, %v", s, back, err)
		}
	}
	for a := range 256 {
		check(string([]byte{byte(a)}))
		check(strings.Repeat(string([]byte{byte(a)}), 50))
		for b := range 256 {
			check(string([]byte{byte(a), byte(b)}))
		}
	}
}

func someName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{":authority", ":method", ":path", ":status", "content-type", "cookie", "set-cookie", "date", "server", "x-a", "x-b", "vary", ""}),
		rapid.StringMatching(`[a-z-]{1,40}`))
}

func someValue() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "GET", "/", "200", "application/json", "a", "b", "c", strings.Repeat("long ", 300)}),
		rapid.StringMatching(`[ -~]{0,80}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 60), func(b []byte) string { return string(b) }))
}

// TestPeerReadsUs: lists that we encode come out of the other implementation as they went in, over table sizes that change.
func TestPeerReadsUs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e Encoder
		d := peer.NewDecoder(initialTable, nil)
		for range rapid.IntRange(1, 20).Draw(t, "blocks") {
			if rapid.IntRange(0, 4).Draw(t, "settings") == 0 {
				for range rapid.IntRange(1, 3).Draw(t, "changes") {
					size := rapid.SampledFrom([]uint32{0, 31, 32, 60, 100, 500, 4096, 65536}).Draw(t, "size")
					e.SetTable(size)
					d.SetAllowedMaxDynamicTableSize(size)
				}
			}
			var block []byte
			var want []peer.HeaderField
			for range rapid.IntRange(1, 12).Draw(t, "fields") {
				f := peer.HeaderField{Name: someName().Draw(t, "name"), Value: someValue().Draw(t, "value"), Sensitive: rapid.IntRange(0, 9).Draw(t, "sensitive") == 0}
				block = e.Append(block, []byte(f.Name), []byte(f.Value), f.Sensitive)
				f.Sensitive = f.Sensitive || guarded>>staticName([]byte(f.Name))&1 != 0
				want = append(want, f)
			}
			got, err := d.DecodeFull(block)
			if err != nil || lines(got) != lines(want) {
				t.Fatalf("%v\n%s\nwant\n%s", err, lines(got), lines(want))
			}
			if e.table.size > e.table.max || len(e.table.arena) > 2*initialTable {
				t.Fatalf("a table of %d holds %d in %d", e.table.max, e.table.size, len(e.table.arena))
			}
		}
	})
}

// TestWeReadPeer: the other way round.
func TestWeReadPeer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var buf bytes.Buffer
		e := peer.NewEncoder(&buf)
		limit := rapid.SampledFrom([]uint32{4096, 8192, 65536}).Draw(t, "limit")
		e.SetMaxDynamicTableSizeLimit(limit)
		var d Decoder
		d.Begin(limit, 1<<30)
		for range rapid.IntRange(1, 30).Draw(t, "blocks") {
			if rapid.IntRange(0, 4).Draw(t, "resize") == 0 {
				for range rapid.IntRange(1, 3).Draw(t, "changes") {
					e.SetMaxDynamicTableSize(rapid.SampledFrom([]uint32{0, 31, 32, 100, 300, 4096, 65536}).Draw(t, "size"))
				}
			}
			buf.Reset()
			var want []peer.HeaderField
			for range rapid.IntRange(1, 20).Draw(t, "fields") {
				f := peer.HeaderField{Name: someName().Draw(t, "name"), Value: someValue().Draw(t, "value"), Sensitive: rapid.IntRange(0, 9).Draw(t, "sensitive") == 0}
				if err := e.WriteField(f); err != nil {
					t.Fatal(err)
				}
				want = append(want, f)
			}
			got, err := decoded(&d, buf.Bytes())
			if err != nil || got != lines(want) {
				t.Fatalf("%v\n%s\nwant\n%s", err, got, lines(want))
			}
			if d.table.size > d.table.max || len(d.table.arena) > 2*int(limit) {
				t.Fatalf("a table of %d holds %d in %d", d.table.max, d.table.size, len(d.table.arena))
			}
		}
	})
}

// stricter are the errors where RFC 7541 leaves room, or asks for more than the other implementation does: it takes an
// update anywhere while its table is empty, any number of them at the beginning of a block, and integers of up to ten octets.
var stricter = []error{ErrUpdatePlace, ErrUpdateCount, ErrInteger}

// FuzzDecode gives the same octets, as two blocks, to both implementations: they take the same ones and read the same
// fields, and behind a block that both took the second one reads the same, so that the tables agree.
func FuzzDecode(f *testing.F) {
	for _, sequence := range examples() {
		for _, e := range sequence {
			f.Add(octets(f, e.hex), []byte{0xbe, 0xbf, 0xc0})
		}
	}
	for _, s := range []string{"20", "3fe11f", "3f45 40 01 61 01 62 be", "00 84 ffffffff 00", "ff 80ffffff07", "1f80808080808000", "00 81 1e 00", "40 01 61 01 62 7e 01 63 7e 80"} {
		f.Add(octets(f, s), []byte{0xbe})
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var d Decoder
		d.Begin(4096, 64<<10)
		p := peer.NewDecoder(4096, nil)
		for _, block := range [][]byte{first, second} {
			got, err := decoded(&d, block)
			if d.table.size > d.table.max || len(d.table.arena) > 2*initialTable || len(d.table.ring) > 2*initialTable/overhead {
				t.Fatalf("a table of %d holds %d in %d and %d", d.table.max, d.table.size, len(d.table.arena), len(d.table.ring))
			}
			for _, s := range append(stricter, ErrExpansion) {
				if errors.Is(err, s) {
					return
				}
			}
			want, peerErr := p.DecodeFull(block)
			switch {
			case errors.Is(err, ErrListTooLong):
				if peerErr != nil || !strings.HasPrefix(lines(want), got) {
					t.Fatalf("a list too long for us: %v\n%s\nwant a part of\n%s", peerErr, got, lines(want))
				}
			case (err == nil) != (peerErr == nil):
				t.Fatalf("%x: we say %v, the other says %v", block, err, peerErr)
			case err != nil:
				return
			case got != lines(want):
				t.Fatalf("%x:\n%s\nwant\n%s", block, got, lines(want))
			}
		}
	})
}

// FuzzHuffman: strings decode alike, and what decodes is coded again to the same octets, since there is one coding only.
func FuzzHuffman(f *testing.F) {
	for _, s := range []string{"", "a", "www.example.com", "\x00\xff\x80", strings.Repeat("0", 64)} {
		f.Add(appendHuffman(nil, []byte(s)))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := appendDecoded([]byte("kept"), src)
		want, peerErr := peer.HuffmanDecodeToString(src)
		if (err == nil) != (peerErr == nil) {
			t.Fatalf("%x: we say %v, the other says %v", src, err, peerErr)
		}
		if err != nil {
			return
		}
		if string(got) != "kept"+want {
			t.Fatalf("%x: %q, want %q", src, got[4:], want)
		}
		if back := appendHuffman(nil, got[4:]); !bytes.Equal(back, src) {
			t.Fatalf("%x is coded again as %x", src, back)
		}
	})
}
