package walk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// wide are limits that no test text reaches, depth aside.
func wide() Limits {
	lim := Defaults()
	lim.Leaves, lim.Members, lim.Elements = 1<<20, 1<<20, 1<<20
	return lim
}

// walkJSON walks b alone.
func walkJSON(b []byte, lim Limits) (leaves []exchange.Leaf, report Report, ok bool) {
	w := New(&Shared{})
	w.begin(nil, lim)
	w.part = exchange.InBody
	ok = w.jsonText(b, -1, exchange.RootLoc(exchange.InBody), 0, false)
	return w.leaves, w.report, ok
}

// implementationDefined is our decision on each text that RFC 8259 leaves open, by the suite's file name without i_.
// True is accepted. The reason stands behind each group.
var implementationDefined = map[string]bool{
	// A double cannot hold them: accepted, and IssueNumber where it overflows.
	"number_double_huge_neg_exp": true, "number_huge_exp": true, "number_neg_int_huge_exp": true, "number_pos_double_huge_exp": true,
	"number_real_neg_overflow": true, "number_real_pos_overflow": true, "number_real_underflow": true, "number_too_big_neg_int": true,
	"number_too_big_pos_int": true, "number_very_big_negative_int": true,
	// Half surrogate pairs in escapes: accepted with IssueEncoding, as servers do.
	"object_key_lone_2nd_surrogate": true, "string_1st_surrogate_but_2nd_missing": true, "string_1st_valid_surrogate_2nd_invalid": true,
	"string_incomplete_surrogate_and_escape_valid": true, "string_incomplete_surrogate_pair": true, "string_incomplete_surrogates_escape_valid": true,
	"string_invalid_lonely_surrogate": true, "string_invalid_surrogate": true, "string_inverted_surrogates_U+1D11E": true, "string_lone_second_surrogate": true,
	// Ill-formed UTF-8 inside strings: accepted with IssueEncoding.
	"string_UTF-8_invalid_sequence": true, "string_UTF8_surrogate_U+D800": true, "string_invalid_utf-8": true, "string_iso_latin_1": true,
	"string_lone_utf8_continuation_byte": true, "string_not_in_unicode_range": true, "string_overlong_sequence_2_bytes": true,
	"string_overlong_sequence_6_bytes": true, "string_overlong_sequence_6_bytes_null": true, "string_truncated-utf-8": true,
	// UTF-16: refused, since HTTP APIs exchange UTF-8 (RFC 8259 section 8.1).
	"string_UTF-16LE_with_BOM": false, "string_utf16BE_no_BOM": false, "string_utf16LE_no_BOM": false,
	// Deeper than the limit: refused with IssueDepth.
	"structure_500_nested_arrays": false,
	// A byte-order mark: accepted with IssueByteOrderMark.
	"structure_UTF-8_BOM_empty_object": true,
}

func TestJSONTestSuite(t *testing.T) {
	data := os.Getenv("MERLON_EVAL_DATA")
	if data == "" {
		t.Skip("MERLON_EVAL_DATA is not set: the JSON test suite (github.com/nst/JSONTestSuite) is not there")
	}
	f, err := os.Open(filepath.Join(data, "jsontestsuite", "jsontestsuite.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		dir, name := filepath.Split(h.Name)
		if !strings.Contains(dir, "test_parsing") || !strings.HasSuffix(name, ".json") {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		kind, name := name[:1], strings.TrimSuffix(name[2:], ".json")
		count[kind]++
		_, report, ok := walkJSON(b, Defaults())
		want := kind == "y"
		if kind == "i" {
			decided := false
			if want, decided = implementationDefined[name]; !decided {
				t.Errorf("i_%s is not decided; accepted: %v", name, ok)
				continue
			}
		}
		if ok != want {
			t.Errorf("%s_%s: accepted %v, want %v (%+v)", kind, name, ok, want, report)
		}
		if kind == "y" && report.Issues&^(1<<IssueDuplicateName) != 0 {
			t.Errorf("y_%s has issues %b", name, report.Issues)
		}
		if ok == report.Issues.Has(IssueMalformed) {
			t.Errorf("%s_%s: accepted %v with issues %b", kind, name, ok, report.Issues)
		}
	}
	if count["y"] < 90 || count["n"] < 180 || count["i"] != len(implementationDefined) {
		t.Errorf("the suite has %v", count)
	}
	t.Logf("%v", count)
}

// flat lists the values of a text as encoding/json sees them, in the form of flatLeaves.
func flat(t *testing.T, b []byte) []string {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	type level struct {
		array bool
		key   bool // the next token is a name
	}
	var out []string
	var stack []level
	name := ""
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		top := len(stack) - 1
		if delim, ok := tok.(json.Delim); ok {
			switch delim {
			case '{', '[':
				out = append(out, fmt.Sprintf("%d %q %v", len(stack), name, delim))
				if top >= 0 {
					stack[top].key = !stack[top].array
				}
				stack, name = append(stack, level{array: delim == '[', key: delim == '{'}), ""
			default:
				stack, name = stack[:top], ""
			}
			continue
		}
		if top >= 0 && stack[top].key {
			stack[top].key, name = false, tok.(string)
			continue
		}
		v := ""
		switch x := tok.(type) {
		case string:
			v = strconv.Quote(x)
		case json.Number:
			v = x.String()
		default:
			v = fmt.Sprint(x)
		}
		out = append(out, fmt.Sprintf("%d %q %s", len(stack), name, v))
		name = ""
		if top >= 0 {
			stack[top].key = !stack[top].array
		}
	}
}

func flatLeaves(leaves []exchange.Leaf) []string {
	out := make([]string, len(leaves))
	for i := range leaves {
		l := &leaves[i]
		depth := 0
		for p := l.Parent; p >= 0; p = leaves[p].Parent {
			depth++
		}
		v := string(l.Value)
		switch l.Kind {
		case exchange.KindObject:
			v = "{"
		case exchange.KindArray:
			v = "["
		case exchange.KindString:
			v = strconv.Quote(v)
		case exchange.KindNull:
			v = "<nil>"
		}
		out[i] = fmt.Sprintf("%d %q %s", depth, l.Name, v)
	}
	return out
}

// FuzzWalkJSON compares with encoding/json. Explained differences: a byte-order mark is skipped, depth is limited, and
// ill-formed UTF-8 stands as it came where encoding/json replaces it.
func FuzzWalkJSON(f *testing.F) {
	for _, s := range []string{body807, `{"a":1,"a":2}`, `[1.5e3,-0,0.1,1e999,12345678901234567890]`, `{"\u0061\ud834\udd1e":"\n\"\\"}`, `[[],{},[{}]]`, ` [true , false,null ] `, `"x`, `{"a"}`, "\"\xff\"", `"\ud800"`, `[1,]`, `1 2`, strings.Repeat("[", 70), `{"":{"":""}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		leaves, report, ok := walkJSON(b, wide())
		if report.Issues.Has(IssueDepth) {
			return
		}
		plain := bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		if want := json.Valid(plain); ok != want {
			t.Fatalf("%q: accepted %v, encoding/json %v at %d", b, ok, want, report.At)
		}
		for i := range leaves {
			l := &leaves[i]
			if l.Parent >= int32(i) || l.Parent < 0 && i > 0 {
				t.Fatalf("%q: leaf %d has parent %d", b, i, l.Parent)
			}
			_ = Where(leaves, i)
		}
		if !ok {
			// Every beginning of a text is walked without fault when it is said to be one.
			return
		}
		for i := range leaves {
			if l := &leaves[i]; l.Kind == exchange.KindInteger || l.Kind == exchange.KindNumber {
				want, err := strconv.ParseFloat(string(l.Value), 64)
				if err == nil && l.Number != want {
					t.Fatalf("%s is %v, want %v", l.Value, l.Number, want)
				}
				if err != nil && !report.Issues.Has(IssueNumber) {
					t.Fatalf("%s: no issue, want %v", l.Value, err)
				}
			}
		}
		if report.Issues.Has(IssueEncoding) {
			return
		}
		got, want := flatLeaves(leaves), flat(t, plain)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("%q:\n%s\nwant\n%s", b, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		// A beginning of a valid text is never malformed when it is said to be cut.
		w := New(&Shared{})
		for n := 1; n < len(plain) && n < 64; n++ {
			w.begin(nil, wide())
			w.part = exchange.InBody
			if w.jsonText(plain[:n], -1, 1, 0, true); w.report.Issues.Has(IssueMalformed) {
				t.Fatalf("%q cut at %d is malformed at %d", plain, n, w.report.At)
			}
		}
	})
}

func TestJSONLimits(t *testing.T) {
	list := "[" + strings.Repeat(`{"id":1,"x":[1,2]},`, 99) + `{"id":1,"x":[1,2]}]`
	leaves, report, ok := walkJSON([]byte(list), Defaults())
	if !ok || leaves[0].Len != 100 || len(leaves) != 1+16*5 || report.Skipped == 0 || report.Issues != 0 {
		t.Errorf("%d leaves, length %d, %+v", len(leaves), leaves[0].Len, report)
	}
	var big strings.Builder
	big.WriteString("{")
	for i := range 400 {
		fmt.Fprintf(&big, `"k%da":1,`, i)
	}
	big.WriteString(`"z":1}`)
	leaves, report, ok = walkJSON([]byte(big.String()), Defaults())
	if !ok || leaves[0].Len != 401 || len(leaves) != 257 || !report.Issues.Has(IssueTooMany) {
		t.Errorf("%d leaves, length %d, %+v", len(leaves), leaves[0].Len, report)
	}
	for depth, want := range map[int]bool{64: true, 65: false} {
		_, report, ok = walkJSON([]byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)), Defaults())
		if ok != want || report.Issues.Has(IssueDepth) == want {
			t.Errorf("depth %d: %v %+v", depth, ok, report)
		}
	}
	// The checked-only part of an array is still checked.
	if _, report, ok = walkJSON([]byte("["+strings.Repeat("1,", 50)+"{]"), Defaults()); ok || !report.Issues.Has(IssueMalformed) {
		t.Errorf("%+v", report)
	}
}

func TestDuplicates(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       int
	}{
		{"none", `{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}`, 0},
		{"plain", `{"a":1,"b":2,"a":3}`, 1},
		{"escaped", `{"role":1,"r\u006fle":3}`, 1},
		{"in an element", `[{"a":1},{"a":1,"a":2}]`, 1},
		{"keys that are values share a location and are no duplicates", `{"7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01":1,"7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a02":2,"17":1,"18":2}`, 0},
		{"unless they are the same", `{"17":1,"17":2}`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaves, report, _ := walkJSON([]byte(c.body), Defaults())
			n := 0
			for i := range leaves {
				if leaves[i].Flags&exchange.LeafDuplicate != 0 {
					n++
				}
			}
			if n != c.want || report.Issues.Has(IssueDuplicateName) != (c.want > 0) {
				t.Errorf("%d duplicates, want %d; issues %b", n, c.want, report.Issues)
			}
		})
	}
}
