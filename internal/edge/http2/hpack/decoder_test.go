package hpack

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestDecodeStrictly: what RFC 7541 calls an error is one, and what it does not is none.
func TestDecodeStrictly(t *testing.T) {
	plain := strings.Repeat("00 01 61 01 62", 1)
	for _, c := range []struct {
		name string
		hex  string
		want error
	}{
		{"nothing", "", nil},
		{"a literal", plain, nil},
		{"index 0", "80", ErrIndex},
		{"last static index", "bd", nil},
		{"index of an empty table", "be", ErrIndex},
		{"greatest index", "ff 80ffffff07", ErrIndex},
		{"index overflows", "ff ffffffff0f", ErrInteger},
		{"index cut short", "ff", ErrTruncated},
		{"name index of an empty table", "7e 01 62", ErrIndex},
		{"name index overflows, not indexed", "0f ffffffffff01 00", ErrInteger},
		{"name index, never indexed", "1f 10 01 62", nil},
		{"no value", "00 01 61", ErrTruncated},
		{"no name", "00", ErrTruncated},
		{"name shorter than said", "00 05 61", ErrTruncated},
		{"value shorter than said", "00 01 61 7f 00 62", ErrTruncated},
		{"length of 2 GiB", "00 01 61 7f 80ffffff07", ErrTruncated},
		{"length overflows", "00 01 61 7f ffffffffff7f", ErrInteger},
		{"empty name and value", "00 00 00", nil},
		{"empty Huffman string", "00 80 80", nil},
		{"Huffman padded with ones", "00 81 1f 00", nil},
		{"Huffman padded with a zero", "00 81 1e 00", ErrPadding},
		{"Huffman padded with zeros", "00 81 18 00", ErrPadding},
		{"Huffman padded with an octet", "00 82 1f ff 00", ErrPadding},
		{"Huffman padding alone, eight bits", "00 81 ff 00", ErrPadding},
		{"Huffman padding of a whole code's bits", "00 83 ffffff 00", ErrPadding},
		{"end of string", "00 84 ffffffff 00", ErrHuffman},
		{"end of string, then more", "00 85 1f ffffffff 00", ErrHuffman},
		{"end of string within a long one", "00 8c 18c6318c6318c631 ffffffff 00", ErrHuffman},
		{"a code of 30 bits", "00 84 fffffff3 00", nil},
		{"a code of 30 bits cut", "00 83 fffffc 00", ErrPadding},
		{"update to nothing", "20" + plain, nil},
		{"update to the limit", "3fe11f" + plain, nil},
		{"update over the limit", "3fe21f" + plain, ErrUpdateLimit},
		{"update by far", "3f e0ffffff07" + plain, ErrUpdateLimit},
		{"update overflows", "3f ffffffffffff01", ErrInteger},
		{"two updates", "20 3fe11f" + plain, nil},
		{"three updates", "20 20 3fe11f" + plain, ErrUpdateCount},
		{"update behind a field", plain + "20", ErrUpdatePlace},
		{"update between fields", plain + "20" + plain, ErrUpdatePlace},
		{"update alone", "20", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d Decoder
			d.Begin(4096, 1<<20)
			_, err := decoded(&d, octets(t, c.hex))
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if e := Error(""); err != nil && !errors.As(err, &e) {
				t.Fatalf("%v is not of the type that ends a connection", err)
			}
		})
	}
}

// TestLowerLimit: a limit under 4096 holds from the acknowledgement on, and is owed an update then.
func TestLowerLimit(t *testing.T) {
	field := octets(t, "40 01 61 01 62")
	begin := func() *Decoder {
		d := new(Decoder)
		d.Begin(64, 1<<20)
		if _, err := decoded(d, append(field, field...)); err != nil {
			t.Fatal(err)
		}
		if d.table.len() != 2 {
			t.Fatalf("%d fields held before the limit is known", d.table.len())
		}
		d.Acknowledged()
		return d
	}
	if _, err := decoded(begin(), field); err != ErrUpdateAbsent {
		t.Fatalf("without an update: %v", err)
	}
	if _, err := decoded(begin(), append(octets(t, "3f22"), field...)); err != ErrUpdateLimit {
		t.Fatalf("update to 65: %v", err)
	}
	d := begin()
	if _, err := decoded(d, append(octets(t, "3f21"), field...)); err != nil || d.table.len() != 1 {
		t.Fatalf("update to 64: %v, %d fields held", err, d.table.len())
	}
	if _, err := decoded(d, field); err != nil {
		t.Fatalf("later blocks owe nothing: %v", err)
	}
}

// TestList: the list is counted as SETTINGS_MAX_HEADER_LIST_SIZE is, and the table survives a list that is too long.
func TestList(t *testing.T) {
	one := octets(t, "00 01 61 01 62") // counts 34
	var d Decoder
	d.Begin(4096, 3*34)
	if got, err := decoded(&d, bytes.Repeat(one, 3)); err != nil || strings.Count(got, "\n") != 3 {
		t.Fatalf("at the limit: %v, %q", err, got)
	}
	added := octets(t, "40 01 63 01 64")
	got, err := decoded(&d, append(bytes.Repeat(one, 3), added...))
	if err != ErrListTooLong || strings.Count(got, "\n") != 3 {
		t.Fatalf("over the limit: %v, %q", err, got)
	}
	if got, err = decoded(&d, []byte{0xbe}); err != nil || got != "c: d\n" {
		t.Fatalf("the field behind the limit is in the table: %v, %q", err, got)
	}
	if _, err = decoded(&d, append(bytes.Repeat(one, 5), 0x80)); err != ErrIndex {
		t.Fatalf("a fault behind the limit: %v", err)
	}
}

// TestExpansion: one field of 4 KiB named thousands of times costs its limit and no more.
func TestExpansion(t *testing.T) {
	var d Decoder
	d.Begin(4096, 64<<10)
	big := append([]byte{0x40}, appendText(nil, bytes.Repeat([]byte{'a'}, 2000))...)
	big = append(big, appendText(nil, bytes.Repeat([]byte{'b'}, 2000))...)
	if _, err := decoded(&d, big); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := d.Decode(bytes.Repeat([]byte{0xbe}, 1<<20), func(_, _ []byte, _ bool) error { n++; return nil })
	if err != ErrExpansion || n != (64<<10)/(4000+overhead) {
		t.Fatalf("%v after %d fields", err, n)
	}
}

// TestRefused: emit's error comes back once the block has been read, so that the table agrees with the peer's.
func TestRefused(t *testing.T) {
	var d Decoder
	d.Begin(4096, 1<<20)
	no := errors.New("no")
	n := 0
	err := d.Decode(octets(t, "82 40 01 61 01 62"), func(_, _ []byte, _ bool) error { n++; return no })
	if err != no || n != 1 {
		t.Fatalf("%v after %d fields", err, n)
	}
	if got, err := decoded(&d, []byte{0xbe}); err != nil || got != "a: b\n" {
		t.Fatalf("%v, %q", err, got)
	}
	if err = d.Decode(octets(t, "82 80"), func(_, _ []byte, _ bool) error { return no }); err != ErrIndex {
		t.Fatalf("a fault goes before: %v", err)
	}
}

// TestNameTakenOver: a field that takes its name from one that it drives out.
func TestNameTakenOver(t *testing.T) {
	var d Decoder
	d.Begin(4096, 1<<20)
	name := strings.Repeat("n", 30)
	block := append([]byte{0x3f, 0x51, 0x40, 30}, name...) // a table of 112: one field fits
	block = append(block, 10)
	block = append(block, "0123456789"...)
	want := name + ": 0123456789\n"
	for i := range 50 {
		value := strings.Repeat(string(rune('a'+i%26)), 10+i%20)
		block = append(append(block, 0x7e, byte(len(value))), value...)
		want += name + ": " + value + "\n"
	}
	got, err := decoded(&d, block)
	if err != nil || got != want {
		t.Fatalf("%v\n%s", err, got)
	}
	if d.table.len() != 1 || len(d.table.arena) > 2*4096 {
		t.Fatalf("%d fields held in %d bytes", d.table.len(), len(d.table.arena))
	}
}
