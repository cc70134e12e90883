package config

import (
	"cmp"
	"encoding"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills Go values from a YAML tree, strictly, and goes on after a mistake so that all are listed.
// The library's own decoder stops at the first, which is why the tree is walked here.
type decoder struct {
	file     string
	at       map[string]*token.Position // place of each key that was written, for the checks that follow
	anchors  map[string]ast.Node
	nodes    int
	mistakes []Mistake
}

// add records a mistake at tk, which may be nil.
func (d *decoder) add(tk *token.Token, key, message, hint string) {
	if len(d.mistakes) >= maxMistakes {
		return
	}
	m := Mistake{File: d.file, Key: key, Message: message, Hint: hint}
	if tk != nil && tk.Position != nil {
		m.Line, m.Column = tk.Position.Line, tk.Position.Column
	}
	d.mistakes = append(d.mistakes, m)
}

// merge adds the mistakes of the checks, leaving out what follows from a mistake already listed: a value that did not
// parse is still the default, and nothing is to be said about that.
func (d *decoder) merge(more []Mistake) {
	parsed := d.mistakes
	for _, m := range more {
		if len(d.mistakes) < maxMistakes && !slices.ContainsFunc(parsed, func(p Mistake) bool { return covers(p.Key, m.Key) || covers(m.Key, p.Key) }) {
			d.mistakes = append(d.mistakes, m)
		}
	}
}

// covers says whether key is outer or stands below it; the file as a whole covers everything.
func covers(outer, key string) bool {
	rest, ok := strings.CutPrefix(key, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// sort orders the mistakes as they stand in the file.
func (d *decoder) sort() {
	slices.SortStableFunc(d.mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Key, b.Key), strings.Compare(a.Message, b.Message))
	})
	d.mistakes = slices.Compact(d.mistakes)
}

// presetter is an entry of a list, or a section that may be left out, whose keys have defaults of their own.
type presetter interface{ preset() }

// value decodes n into v, which stands at key. A key without a value keeps the default.
func (d *decoder) value(n ast.Node, v reflect.Value, key string, depth int) {
	d.nodes++
	if d.nodes > maxNodes || depth > 2*maxDepth {
		if d.nodes <= maxNodes+1 || depth == 2*maxDepth+1 {
			d.add(place(n), key, "too many values or aliases of aliases", "write the values out")
		}
		d.nodes = maxNodes + 1
		return
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.anchors[n.Name.String()] = n.Value
		d.value(n.Value, v, key, depth+1)
		return
	case *ast.AliasNode:
		target, ok := d.anchors[n.Value.String()]
		if !ok {
			d.add(place(n), key, "no anchor named "+quote(n.Value.String())+" stands above", "")
			return
		}
		d.value(target, v, key, depth+1)
		return
	case *ast.TagNode:
		d.add(place(n), key, "tags are not supported", "remove "+quote(n.Start.Value))
		return
	case *ast.NullNode:
		return
	}
	if p, ok := v.Addr().Interface().(presetter); ok {
		p.preset()
	}
	d.at[key] = place(n).Position
	if p, ok := v.Addr().Interface().(*netip.Prefix); ok {
		d.text(n, key, func(s string) (err error) { *p, err = parsePrefix(s); return err })
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, key, func(s string) error { return u.UnmarshalText([]byte(s)) })
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, key, depth)
	case reflect.Slice:
		d.sequence(n, v, key, depth)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(n, p.Elem(), key, depth+1)
		v.Set(p)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.add(place(n), key, "expected true or false, found "+shape(n), "")
			return
		}
		v.SetBool(b.Value)
	default:
		d.text(n, key, func(s string) error { return scalar(v, s) })
	}
}

// place is the token people would point at: for keys in block style the first key, not its colon.
func place(n ast.Node) *token.Token {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return m.Key.GetToken()
	}
	return n.GetToken()
}

// mapping decodes keys into the fields of a struct; unknown and repeated keys are mistakes.
func (d *decoder) mapping(n ast.Node, v reflect.Value, key string, depth int) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.add(place(n), key, "expected keys and values, found "+shape(n), "known keys: "+strings.Join(keys(v.Type()), ", "))
		return
	}
	seen := map[string]int{}
	for it := m.MapRange(); it.Next(); {
		tk := it.Key().GetToken()
		if it.Key().IsMergeKey() {
			d.add(tk, key, "merge keys are not supported", "write the keys out")
			continue
		}
		name := tk.Value
		at := join(key, name)
		if line, twice := seen[name]; twice {
			d.add(tk, at, fmt.Sprintf("stands in line %d already", line), "keep one")
			continue
		}
		seen[name] = tk.Position.Line
		f := slices.Index(keys(v.Type()), name)
		if f < 0 {
			d.add(tk, join(key, shorten(name)), "unknown key", nearest(name, keys(v.Type())))
			continue
		}
		d.value(it.Value(), v.Field(f), at, depth+1)
	}
}

// sequence decodes a list; the list replaces the default, it does not add to it.
func (d *decoder) sequence(n ast.Node, v reflect.Value, key string, depth int) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.add(place(n), key, "expected a list, found "+shape(n), "begin each entry with -, or write [first, second]")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, e := range s.Values {
		at := key + "[" + strconv.Itoa(i) + "]"
		if e.Type() == ast.NullType {
			d.add(e.GetToken(), at, "empty entry", "remove it")
			continue
		}
		d.value(e, out.Index(i), at, depth+1)
	}
	v.Set(out)
}

// text hands the scalar n to set as it was written.
func (d *decoder) text(n ast.Node, key string, set func(string) error) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		s = n.GetToken().Value
	default:
		d.add(place(n), key, "expected one value, found "+shape(n), "")
		return
	}
	if err := set(s); err != nil {
		message, hint := split(err)
		d.add(place(n), key, message, hint)
	}
}

// scalar parses s into v by v's type.
func scalar(v reflect.Value, s string) error {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = s
	case *int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return wrong("", "%s is not a whole number", quote(s))
		}
		*p = n
	case *float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return wrong("", "%s is not a number", quote(s))
		}
		*p = f
	case *time.Duration:
		t, err := parseDuration(s)
		if err != nil {
			return err
		}
		*p = t
	default:
		return fmt.Errorf("config: no way to decode %s", v.Type()) // a field of a new type; TestEveryFieldDecodes finds it
	}
	return nil
}
