package walk

import (
	"bytes"
	"testing"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// FuzzWalk sends anything through both directions and the observations: nothing panics, limits hold, parents precede
// their members, literals come from words only, and the second walk of one walker sees what the first saw.
func FuzzWalk(f *testing.F) {
	f.Add([]byte("/a/17"), []byte("b=c"), []byte("x=1; sid=2"), []byte("application/json"), []byte("gzip"), []byte(`{"a":[{"id":1}]}`), false)
	f.Add([]byte("//"), []byte("&&=%"), []byte(";;="), []byte("multipart/form-data; boundary=b"), []byte(""), []byte("--b\r\nContent-Disposition: form-data; name=a\r\nContent-Type: application/json\r\n\r\n[1]\r\n--b--"), true)
	f.Fuzz(func(t *testing.T, path, query, cookie, contentType, coding, body []byte, cut bool) {
		x := &exchange.Exchange{Observed: exchange.SawAll, Method: []byte("POST"), Path: path, RawQuery: query, Status: 200}
		x.Request.Fields = []exchange.Field{
			{Name: []byte("Cookie"), Value: cookie, ID: exchange.HeaderCookie},
			{Name: contentType, Value: cookie},
			{Name: []byte("Content-Type"), Value: contentType, ID: exchange.HeaderContentType},
			{Name: []byte("Content-Encoding"), Value: coding, ID: exchange.HeaderContentEncoding},
		}
		x.Request.Body, x.Request.BodySize = body, int64(len(body))
		if cut {
			x.Request.BodySize++
		}
		x.Response = x.Request
		lim := Defaults()
		w := New(&Shared{})
		var first string
		for round := range 2 {
			w.Reset()
			request := w.Request(x, lim)
			n := len(x.Leaves)
			response := w.Response(x, lim)
			if n > lim.Leaves || len(x.Leaves)-n > lim.Leaves {
				t.Fatalf("%d and %d leaves", n, len(x.Leaves)-n)
			}
			if cut && (x.Request.Walked || x.Response.Walked) && len(body) > 0 {
				t.Fatal("a cut body was walked to its end")
			}
			if request.Issues.Has(IssueMalformed) && x.Request.Walked || response.Issues.Has(IssueMalformed) && x.Response.Walked {
				t.Fatal("a malformed body was walked to its end")
			}
			for i := range x.Leaves {
				l := &x.Leaves[i]
				if l.Parent >= int32(i) || l.Parent >= 0 && x.Leaves[l.Parent].Kind < exchange.KindObject {
					t.Fatalf("leaf %d has parent %d", i, l.Parent)
				}
				if l.Part == exchange.InPath && (bytes.IndexByte(l.Value, '/') >= 0 || len(l.Value) == 0) {
					t.Fatalf("segment %q", l.Value)
				}
				if l.Flags&exchange.LeafLiteral != 0 && (len(l.Value) > maxName || l.Flags&(exchange.LeafSecretName|exchange.LeafIdentifier) != 0) {
					t.Fatalf("literal %q with flags %b", l.Value, l.Flags)
				}
			}
			e := event.NewQueue(1).New()
			w.shared.Observe(e, x, dataclass.Key{1}, 0)
			if len(e.Observations) != len(x.Leaves) || len(e.Objects) > maxObjects {
				t.Fatalf("%d observations of %d leaves, %d objects", len(e.Observations), len(x.Leaves), len(e.Objects))
			}
			if s := show(x); round == 0 {
				first = s
			} else if s != first {
				t.Fatalf("first\n%s\nthen\n%s", first, s)
			}
		}
	})
}
