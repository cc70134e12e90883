package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/sketch"
)

// literals is a side table: token -> literal.
type literals map[uint64]string

func (l literals) token(v string) uint64 {
	h := loc(99, v)
	l[h] = v
	return h
}

func (l literals) lookup(h uint64) (string, bool) { v, ok := l[h]; return v, ok }

// quorum is a gate as the distiller has one: two strong principals or three networks.
func quorum(s *Supporters) bool { return s.Strong.Len() >= 2 || s.Weak.Len() >= 3 }

// shop feeds n orders in which each field shows one thing that Derive must find.
func shop(n int, lit literals) *Tree {
	t := New(seed)
	for i := range n {
		var m message
		r := m.add(-1, "", Leaf{Kind: KindObject})
		str := func(name string, c dataclass.Set, length int, v string) {
			m.add(r, name, Leaf{Kind: KindString, Classes: uint64(c), Chars: uint16(dataclass.CharLower), Len: uint32(length), Token: lit.token(v)})
		}
		str("id", 1<<dataclass.UUID, 36, fmt.Sprint("id", i))
		str("status", 1<<dataclass.Word, 4, []string{"open", "paid", "sent"}[i%3])
		m.add(r, "total", Leaf{Kind: KindNumber, Num: float64(i%900) + 0.5, Token: sketch.Mix(uint64(i))})
		if i%10 != 0 {
			str("note", 1<<dataclass.Text, 20, fmt.Sprint("note", i))
		}
		if i%2 == 0 {
			m.add(r, "gift", Leaf{Kind: KindNull})
		} else {
			m.add(r, "gift", Leaf{Kind: KindBool})
		}
		by := m.add(r, "scores", Leaf{Kind: KindObject})
		for k := range 2 {
			m.add(by, fmt.Sprint("user-", i*2+k), Leaf{Kind: KindInteger, Num: 3, Token: 5})
		}
		days := m.add(r, "days", Leaf{Kind: KindObject})
		m.add(days, fmt.Sprintf("2024-01-%02d", 1+i%28), Leaf{Kind: KindInteger, Num: 3, Token: 5})
		list := m.add(r, "tags", Leaf{Kind: KindArray, Len: 2})
		m.add(list, "", Leaf{Kind: KindString, Token: lit.token(fmt.Sprint("tag", i)), Len: 5})
		if i == n/2 {
			str("debug", 1<<dataclass.Word, 1, "1") // one attacker's field
		}
		m.by = Support{Network: sketch.Mix(uint64(i % 50)), Bucket: uint32(i / 100)}
		if i == n/2 {
			m.by.Network = 12345
		}
		m.observe(t)
	}
	return t
}

func TestDerive(t *testing.T) {
	lit := literals{}
	s := shop(4000, lit).Derive(Options{Gate: quorum, Literal: lit.lookup})
	if s.Types != 1<<KindObject || s.Count != 4000 || !s.Confirmed || s.Map {
		t.Fatalf("root %+v", s)
	}
	for _, c := range []struct {
		name     string
		types    string
		required bool
		good     func(*Shape) bool
	}{
		{"id", "string", true, func(s *Shape) bool { return s.Format == "uuid" && s.FormatShare == 1 && s.Enum == nil }},
		{"status", "string", true, func(s *Shape) bool {
			return s.Enum != nil && len(s.Enum.Values) == 3 && s.Enum.Unseen < 1e-3 && s.Enum.Values[0].Confirmed && s.Format == ""
		}},
		{"total", "number", true, func(s *Shape) bool { return s.Enum == nil && s.Maximum == nil }},
		{"note", "string", false, func(s *Shape) bool { return s.Present == 3600 && s.Parents == 4000 && s.Confirmed }},
		{"gift", "null|boolean", true, func(s *Shape) bool { return s.Nullable() && s.Enum == nil }},
		{"scores", "object", true, func(s *Shape) bool {
			return s.Map && s.Additional != nil && s.Additional.Types == 1<<KindInteger && s.Keys > 6000 && len(s.Properties) == 0
		}},
		{"days", "object", true, func(s *Shape) bool { return s.Map && s.Keys == 28 }},
		{"tags", "array", true, func(s *Shape) bool { return s.Items != nil && s.Items.Types == 1<<KindString }},
		{"debug", "string", false, func(s *Shape) bool { return !s.Confirmed && s.Count == 1 }},
	} {
		p := s.Property(c.name)
		if p == nil {
			t.Errorf("%s is missing", c.name)
			continue
		}
		if typeText(p.Types) != c.types || p.Required != c.required || !c.good(p) {
			t.Errorf("%s: types %s required %v %+v", c.name, typeText(p.Types), p.Required, p)
		}
	}
	if p := s.Property("id"); p.RequiredLow < EnforceRequired {
		t.Errorf("4000 of 4000 gives a lower bound of %g", p.RequiredLow)
	}
}

// What few messages cannot show must not be stated.
func TestDeriveStaysSilent(t *testing.T) {
	lit := literals{}
	s := shop(12, lit).Derive(Options{Literal: lit.lookup})
	for _, p := range s.Properties {
		if p.Required || p.Enum != nil || p.Confirmed || p.MaxLength != nil || p.Maximum != nil {
			t.Errorf("%s after 12 messages: %+v", p.Name, p.Shape)
		}
	}
	if New(seed).Derive(Options{}) != nil {
		t.Error("a shape from nothing")
	}
	// An enum with a value seen once in 300: more are likely to come.
	tree := New(seed)
	for i := range 300 {
		var m message
		v := uint64(1 + i%3)
		if i == 299 {
			v = 9
		}
		m.add(-1, "sort", Leaf{Kind: KindString, Token: sketch.Mix(v)})
		m.observe(tree)
	}
	if e := tree.Derive(Options{}).Property("sort").Enum; e != nil {
		t.Errorf("enum %+v", e)
	}
	// Values without a token (secrets) hide a set.
	tree = New(seed)
	for i := range 1000 {
		var m message
		m.add(-1, "key", Leaf{Kind: KindString, Token: uint64(i % 2)})
		m.observe(tree)
	}
	if e := tree.Derive(Options{}).Property("key").Enum; e != nil {
		t.Errorf("enum %+v", e)
	}
	// A walk that was cut short says nothing about absence.
	tree = New(seed)
	for i := range 100 {
		var m message
		r := m.add(-1, "", Leaf{Kind: KindObject})
		m.add(r, "first", Leaf{Kind: KindNull})
		if m.by.Partial = i%2 == 0; !m.by.Partial {
			m.add(r, "last", Leaf{Kind: KindNull})
		}
		m.observe(tree)
	}
	if p := tree.Derive(Options{}).Property("last"); p.Present != 50 || p.Parents != 50 {
		t.Errorf("last: %d of %d", p.Present, p.Parents)
	}
	if n := &tree.nodes[tree.table.find(loc(loc(1, ""), "first"))]; n.present != 50 || n.count() != 100 {
		t.Errorf("first: present %d of %d", n.present, n.count())
	}
	// Optional fields are fields, not the keys of a map.
	tree = New(seed)
	for i := range 60 {
		var m message
		r := m.add(-1, "", Leaf{Kind: KindObject})
		for k := range 10 {
			if (i+k)%3 != 0 {
				m.add(r, fmt.Sprint("option_", string(rune('a'+k))), Leaf{Kind: KindString})
			}
		}
		m.observe(tree)
	}
	if s := tree.Derive(Options{}); s.Map || len(s.Properties) != 10 {
		t.Errorf("optional fields: map %v, %d properties", s.Map, len(s.Properties))
	}
}

func TestDeriveParameters(t *testing.T) {
	tree := New(seed)
	for i := range 20_000 {
		var m message
		m.add(-1, "page", Leaf{Kind: KindString, Classes: 1<<dataclass.Int | 1<<dataclass.Number, Num: float64(i % 90), Len: 2, Token: sketch.Mix(uint64(i % 90))})
		m.add(-1, "ratio", Leaf{Kind: KindString, Classes: 1 << dataclass.Number, Len: 4, Token: sketch.Mix(uint64(i))})
		m.add(-1, "deep", Leaf{Kind: KindString, Classes: 1<<dataclass.BoolWord | 1<<dataclass.Word, Len: 4, Token: sketch.Mix(uint64(i % 2))})
		m.add(-1, "q", Leaf{Kind: KindString, Classes: 1 << dataclass.Word, Len: uint32(3 + i%10), Token: sketch.Mix(uint64(i))})
		m.observe(tree)
	}
	s := tree.Derive(Options{Text: true})
	want := map[string]Types{"page": 1 << KindInteger, "ratio": 1 << KindNumber, "deep": 1 << KindBool, "q": 1 << KindString}
	for name, types := range want {
		if p := s.Property(name); p == nil || p.Types != types || !p.Required {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p := s.Property("page"); p.Minimum == nil || *p.Minimum != 0 || *p.Maximum != 100 {
		t.Errorf("page: %v %v", p.Minimum, p.Maximum)
	}
	if p := s.Property("q"); p.MaxLength == nil || *p.MaxLength < 24 || *p.MaxLength > 26 {
		t.Errorf("q: %v", p.MaxLength)
	}
	if p := tree.Derive(Options{}).Property("page"); p.Types != 1<<KindString {
		t.Errorf("page in JSON is %s", typeText(p.Types))
	}
}

// A dozen objects with a different member each are not a map yet.
func TestDeriveFewObjects(t *testing.T) {
	for n, want := range map[int]bool{12: false, 200: true} {
		tree := New(seed)
		for i := range n {
			var m message
			r := m.add(-1, "", Leaf{Kind: KindObject})
			m.add(r, fmt.Sprint("member_", string(rune('a'+i/26)), string(rune('a'+i%26))), Leaf{Kind: KindString})
			m.observe(tree)
		}
		if s := tree.Derive(Options{}); s.Map != want {
			t.Errorf("%d objects: map %v", n, s.Map)
		}
	}
}

// What is written is valid JSON Schema for the validator of another house, the
// data it came from pass it, and reading it back changes nothing.
func TestJSONSchema(t *testing.T) {
	lit := literals{}
	tree := shop(4000, lit)
	s := tree.Derive(Options{Gate: quorum, Literal: lit.lookup})
	doc := s.JSONSchema()
	if again := tree.Derive(Options{Gate: quorum, Literal: lit.lookup}).JSONSchema(); string(again) != string(doc) {
		t.Error("not the same bytes twice")
	}
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("order.json", v); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("order.json")
	if err != nil {
		t.Fatal(err)
	}
	good := `{"id":"b7d1c9b0-0f9c-4a53-9d4c-8d5d7a3f6a10","status":"paid","total":1.5,"gift":null,` +
		`"scores":{"anyone":3},"days":{"2024-02-02":1},"tags":["x"],"note":"n"}`
	for _, x := range []struct {
		name, doc string
		ok        bool
	}{
		{"an order", good, true},
		{"a status never seen", strings.Replace(good, "paid", "hacked", 1), false},
		{"no id", strings.Replace(good, `"id"`, `"di"`, 1), false},
		{"a score that is a string", strings.Replace(good, `"anyone":3`, `"anyone":"3"`, 1), false},
		{"no note", strings.Replace(good, `,"note":"n"`, "", 1), true},
	} {
		data, err := jsonschema.UnmarshalJSON(strings.NewReader(x.doc))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(data); (err == nil) != x.ok {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	back, err := Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(s, back); len(d) != 0 {
		t.Errorf("written and read back: %v", d)
	}
	if !strings.Contains(string(doc), `"x-merlon-state":"candidate"`) {
		t.Error("the lone field is not marked")
	}
}

func TestDiff(t *testing.T) {
	base := `{"type":"object","properties":{"a":{"type":"string","maxLength":10},"b":{"type":"integer"},"c":{"enum":["x","y"]},"d":{"type":"array","items":{"type":"string"}}},"required":["a"]}`
	for _, c := range []struct{ name, to, want string }{
		{"nothing", base, ""},
		{"added", strings.Replace(base, `"b":`, `"bb":{"type":"null"},"b":`, 1), ".bb added"},
		{"removed", strings.Replace(base, `"b":{"type":"integer"},`, ``, 1), ".b removed"},
		{"wider type", strings.Replace(base, `"integer"`, `"number"`, 1), ".b type widened"},
		{"nullable", strings.Replace(base, `"type":"integer"`, `"type":"integer","nullable":true`, 1), ".b type widened"},
		{"other type", strings.Replace(base, `"integer"`, `"boolean"`, 1), ".b type changed"},
		{"optional", strings.Replace(base, `"required":["a"]`, `"required":[]`, 1), ".a became optional"},
		{"required", strings.Replace(base, `["a"]`, `["a","b"]`, 1), ".b became required"},
		{"format", strings.Replace(base, `"maxLength":10`, `"maxLength":10,"format":"uuid"`, 1), ".a format changed"},
		{"enum wider", strings.Replace(base, `"y"]`, `"y","z"]`, 1), ".c enum widened"},
		{"enum narrower", strings.Replace(base, `,"y"`, ``, 1), ".c enum narrowed"},
		{"bound wider", strings.Replace(base, `10`, `11`, 1), ".a bounds widened"},
		{"bound gone", strings.Replace(base, `,"maxLength":10`, ``, 1), ".a bounds widened"},
		{"bound narrower", strings.Replace(base, `10`, `9`, 1), ".a bounds narrowed"},
		{"elements", strings.Replace(base, `"items":{"type":"string"}`, `"items":{"type":"boolean"}`, 1), ".d[] type changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := Parse([]byte(base))
			if err != nil {
				t.Fatal(err)
			}
			b, err := Parse([]byte(c.to))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range Diff(a, b) {
				got = append(got, x.Path+" "+x.Kind.String())
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"reference", `{"$ref":"#/$defs/a","$defs":{"a":{"type":"integer"}}}`, `{"type":"integer"}`},
		{
			"recursion", `{"type":"object","properties":{"next":{"$ref":"#"}}}`,
			`{"type":"object","properties":{"next":{"type":"object","properties":{"next":{}}}}}`,
		},
		{
			"all of", `{"allOf":[{"type":"object","properties":{"a":{"type":"string"}}},{"properties":{"b":{}},"required":["b"]}]}`,
			`{"type":"object","properties":{"a":{"type":"string"},"b":{}},"required":["b"]}`,
		},
		{"one of", `{"oneOf":[{"type":"string"},{"type":"integer","minimum":1}]}`, `{"type":["integer","string"],"minimum":1}`},
		{
			"one of objects", `{"oneOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}]}`,
			`{"type":"object","properties":{"a":{},"b":{}}}`,
		},
		{"nullable", `{"type":"string","nullable":true}`, `{"type":["null","string"]}`},
		{"constant", `{"const":7}`, `{"type":"integer","enum":[7]}`},
		{"closed", `{"type":"object","additionalProperties":false}`, `{"type":"object","additionalProperties":false}`},
		{"map", `{"additionalProperties":{"type":"boolean"}}`, `{"type":"object","additionalProperties":{"type":"boolean"}}`},
		{"foreign reference", `{"$ref":"other.json#/a"}`, `{}`},
		{"dangling reference", `{"$ref":"#/none"}`, `{}`},
		{"anything", `true`, `{}`},
	} {
		s, err := Parse([]byte(c.doc))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(s.JSONSchema()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	bomb := `{"$ref":"#/$defs/l0","$defs":{`
	for i := range 30 {
		bomb += fmt.Sprintf(`"l%d":{"allOf":[{"$ref":"#/$defs/l%d"},{"$ref":"#/$defs/l%d"}]},`, i, i+1, i+1)
	}
	bomb += `"l30":{}}}`
	for _, doc := range []string{``, `{`, `7`, `{"items":3}`, `{} {}`, bomb} {
		if _, err := Parse([]byte(doc)); err == nil {
			t.Errorf("%.40s was read", doc)
		}
	}
}
