package schema

import (
	"testing"
)

// FuzzLattice merges whatever decodes: no panic, the caps hold, the laws hold.
func FuzzLattice(f *testing.F) {
	small := flood(2, 3, 2)
	a, b := feed(small[:1]), feed(small[1:])
	wide := feed(flood(26, 10, 0))
	lit := literals{}
	for _, x := range []*Tree{New(seed), a, b, wide, shop(2, lit)} {
		for _, y := range []*Tree{a, wide} {
			f.Add(x.AppendBinary(nil), y.AppendBinary(nil))
		}
	}
	o := order(1)
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, _, err := Decode(x, seed)
		if err != nil {
			return
		}
		o.observe(a)
		a.Derive(Options{Gate: quorum}).JSONSchema()
		b, _, err := Decode(y, seed)
		if err != nil {
			return
		}
		a.Merge(b)
		b.Merge(a)
		o.observe(a)
		Diff(a.Derive(Options{}), b.Derive(Options{}))
		for _, tree := range []*Tree{a, b} {
			if tree.Len() > maxNodes {
				t.Fatalf("%d locations", tree.Len())
			}
			if _, _, err := Decode(tree.AppendBinary(nil), seed); err != nil {
				t.Fatalf("what merging gave cannot be read: %v", err)
			}
		}
	})
}

// FuzzObserve hands hostile leaves to a tree: parents that point anywhere, names outside the arena.
func FuzzObserve(f *testing.F) {
	f.Add([]byte("\x05\x00\x00\x05\x01\x00\x06\x02\x01\x04\x03\x02"), []byte("name"))
	f.Fuzz(func(t *testing.T, shape, names []byte) {
		var leaves []Leaf
		for i := 0; i+3 <= len(shape) && i < 3000; i += 3 {
			leaves = append(leaves, Leaf{
				Kind: Kind(shape[i] & 15), Parent: int32(int8(shape[i+1])), Loc: uint64(shape[i+2]),
				NameOff: uint32(shape[i]), NameLen: uint32(shape[i+1] & 7), Classes: uint64(shape[i]) << 40, Token: uint64(shape[i+2]),
			})
		}
		tree := New(seed)
		tree.Observe(leaves, names, Support{})
		tree.Observe(leaves, names, Support{Strong: true, Principal: 1})
		tree.Derive(Options{}).JSONSchema()
		got, _, err := Decode(tree.AppendBinary(nil), seed)
		if err != nil {
			t.Fatal(err)
		}
		tree.Merge(got)
	})
}

// FuzzParse reads hostile schemas; what is written is read back as the same.
func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		`{"type":["string","null"],"enum":["a",null]}`, `{"$ref":"#/a","a":{"$ref":"#/a"}}`,
		`{"oneOf":[{"type":"integer"},{"properties":{"x":{"const":1.5}},"required":["x","y"]}],"allOf":[{"items":{}}]}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := Parse(doc)
		if err != nil {
			return
		}
		out := s.JSONSchema()
		if len(out) > maxSchemaBytes {
			return
		}
		back, err := Parse(out)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		Union(s, back)
		Diff(s, back)
	})
}
