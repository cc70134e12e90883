package estate

import (
	"io"
	"testing"
)

const large = 100_000

func BenchmarkNew(b *testing.B) {
	v := made(large)
	b.ReportAllocs()
	for b.Loop() {
		New(v, nil, nil)
	}
}

// BenchmarkNext is what the first page costs after a distillation that changed a little.
func BenchmarkNext(b *testing.B) {
	v := made(large)
	x := New(v, nil, nil)
	x.order("template")
	b.ReportAllocs()
	for b.Loop() {
		New(v, nil, x).order("template")
	}
}

func BenchmarkOrder(b *testing.B) {
	x := New(made(large), nil, nil)
	for _, o := range Sorts() {
		b.Run(o, func(b *testing.B) {
			for b.Loop() {
				delete(x.orders, o)
				x.order(o)
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	x := New(made(large), nil, nil)
	for name, q := range map[string]Query{
		"everything": {}, "everything by risk": {Sort: "risk"}, "one word": {Search: "invoices"}, "rare word": {Search: "notes77777"}, "one letter": {Search: "e"},
		"three words": {Search: "get svc0 team-3"}, "filters": {Auth: "none", Risk: 40, Lifecycle: "shadow"}, "last page": {Skip: large - 100},
	} {
		b.Run(name, func(b *testing.B) {
			q.Facets, q.Limit = true, 100
			if q.Sort == "" {
				q.Sort = "template"
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.List(q, at()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGroups(b *testing.B) {
	x := New(made(large), nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Groups(Query{Facets: true, Limit: 100}, Host, at()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTree(b *testing.B) {
	x := New(made(large), nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Tree(TreeQuery{}, at()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExport(b *testing.B) {
	x := New(made(large), nil, nil)
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				v, err := x.Export(f, Query{Site: "acme"}, at())
				if err == nil {
					err = Write(io.Discard, f, v)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
