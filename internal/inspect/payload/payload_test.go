package payload

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"merlon/internal/inspect/walk"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// TestAllListsEveryConstructor reads the sources of this folder: a function New... that All does not call fails.
func TestAllListsEveryConstructor(t *testing.T) {
	packages, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	var constructors []string
	for name, file := range packages["payload"].Files {
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || strings.HasSuffix(name, "_test.go") {
				continue
			}
			if strings.HasPrefix(fn.Name.Name, "New") {
				constructors = append(constructors, fn.Name.Name)
			}
			if fn.Name.Name == "All" {
				ast.Inspect(fn, func(n ast.Node) bool {
					if c, ok := n.(*ast.CallExpr); ok {
						if id, ok := c.Fun.(*ast.Ident); ok {
							called[id.Name] = true
						}
					}
					return true
				})
			}
		}
	}
	if len(constructors) < 2 {
		t.Fatalf("found %v only", constructors)
	}
	for _, c := range constructors {
		if !called[c] {
			t.Errorf("%s is not listed in all.go", c)
		}
	}
}

func TestRulesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All().Rules() {
		if seen[r.ID] || r.Why == "" || r.Severity < finding.Low || r.Severity > finding.Critical {
			t.Errorf("rule %+v", r)
		}
		seen[r.ID] = true
		if stage, _, _ := strings.Cut(r.ID, "."); stage != "wire" && stage != "payload" {
			t.Errorf("rule %q is of another stage", r.ID)
		}
	}
	for a := exchange.Anomaly(1); int(a) < exchange.AnomalyCount; a++ {
		if !seen[a.String()] {
			t.Errorf("%v has no rule", a)
		}
	}
}

func TestWire(t *testing.T) {
	var both exchange.Anomalies
	both.Add(exchange.AnomalyObsFold)
	both.Add(exchange.AnomalyCLTE)
	var fold exchange.Anomalies
	fold.Add(exchange.AnomalyObsFold)
	for _, c := range []struct {
		name      string
		anomalies exchange.Anomalies
		told      exchange.Anomalies
		response  bool
		want      string
	}{
		{"silent without anomalies", 0, 0, false, ""},
		{"silent when all was told", both, both, true, ""},
		{"each is a finding", both, 0, false, "wire.obs-fold wire.cl-te"},
		{"only the new one", both, fold, true, "wire.cl-te"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := &exchange.Exchange{Anomalies: c.anomalies, RawHead: []byte("GET / HTTP/1.1\r\n")}
			var ids []string
			for _, f := range NewWire().Detect(&Input{Exchange: x, Told: c.told, Response: c.response}, nil) {
				ids = append(ids, f.ID)
				if f.Stage != finding.StageWire || f.Severity < finding.High || len(f.Classes) != 1 || f.Why == "" || (f.Evidence == "") != c.response {
					t.Errorf("%+v", f)
				}
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHeadIsMasked(t *testing.T) {
	head := "POST /pay/4111111111111111?token=s3cr3tvalue&q=secretword&page=2 HTTP/1.1\r\nHost: a.example\nAuthorization : Bearer abcdefsecret\r\n" +
		" foldedsecret99 tail\r\nCookie: sid=cookiesecret\r\nX-Api-Key: keysecret123\r\nTransfer-Encoding: \x00chunked\r\nContent-Length: 12\r\nX-Mail: alice@secret-host.example\r\nnocolonsecret\r\n\r\n"
	got := string(appendHead(nil, []byte(head)))
	for _, leak := range []string{"secret", "4111111111111111", "s3cr3t", "alice@"} {
		if strings.Contains(got, leak) {
			t.Errorf("leaks %q: %s", leak, got)
		}
	}
	for _, shown := range []string{"POST /pay/", "token=<hidden 11>", `Host: a.example\n `, `Authorization : <hidden 19>\r\n`, `Transfer-Encoding: \x00chunked\r\n`, "Content-Length: 12", "Cookie: <hidden 16>"} {
		if !strings.Contains(got, shown) {
			t.Errorf("does not show %q: %s", shown, got)
		}
	}
	if long := appendHead(nil, []byte(strings.Repeat("X: y\r\n", 1000))); len(long) > maxEvidence+200 {
		t.Errorf("%d bytes of evidence", len(long))
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		name, query, contentType, body, want string
	}{
		{"clean", "a=1&a=2", "application/json", `{"a":[1,{"b":2},{"b":3}]}`, ""},
		{"a form gives one name twice", "", "application/x-www-form-urlencoded", "a=1&a=2", ""},
		{"duplicate key", "", "application/json", `{"a":{"role":"user","role":"admin"}}`, "payload.duplicate-key body.a.role"},
		{"escaped duplicate key", "", "application/json", `{"role":1,"r\u006fle":2}`, "payload.duplicate-key body.role"},
		{"malformed", "", "application/json", `{"a":1,}`, "payload.malformed-json body"},
		{"malformed multipart", "", "multipart/form-data; boundary=x", "--y\r\n", "payload.malformed-body body"},
		{"encoding", "", "application/json", "{\"a\":\"\xff\"}", "payload.invalid-utf8 body"},
		{"mark", "", "application/json", "\xef\xbb\xbf{}", "payload.byte-order-mark body"},
		{"number", "", "application/json", "[1e999]", "payload.number-range body"},
		{"depth", "", "application/json", strings.Repeat("[", 100), "payload.malformed-json body payload.depth body"},
		{"percent", "a=%zz", "", "", "payload.bad-percent-encoding query"},
		{"type", "", "text/plain", `{"a":1}`, "payload.type-differs body"},
		{"text that only looks alike", "", "text/plain", `{"a", or so`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := &exchange.Exchange{Observed: exchange.SawAll, Path: []byte("/"), RawQuery: []byte(c.query)}
			x.Request.Fields = []exchange.Field{{Name: []byte("Content-Type"), Value: []byte(c.contentType), ID: exchange.HeaderContentType}}
			x.Request.Body, x.Request.BodySize = []byte(c.body), int64(len(c.body))
			report := walk.New(&walk.Shared{}).Request(x, walk.Defaults())
			var got []string
			for _, f := range All().Detect(&Input{Exchange: x, Report: report}, nil) {
				got = append(got, f.ID, f.Where)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func BenchmarkClean(b *testing.B) {
	d, in := All(), &Input{Exchange: &exchange.Exchange{}}
	out := make([]finding.Finding, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		out = d.Detect(in, out[:0])
	}
}

func BenchmarkSmuggling(b *testing.B) {
	x := &exchange.Exchange{RawHead: []byte("POST / HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer abcdef\r\nTransfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\n")}
	x.Anomalies.Add(exchange.AnomalyCLTE)
	d, in := All(), &Input{Exchange: x}
	out := make([]finding.Finding, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		out = d.Detect(in, out[:0])
	}
}

// FuzzHead checks that evidence of any head is bounded printable text.
func FuzzHead(f *testing.F) {
	f.Add([]byte("GET /a?b=c&d HTTP/1.1\r\nHost: x\n\r\n"))
	f.Add([]byte("GET  \x00?=&= HTTP/1.1\rX:\xff\n :\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		got := appendHead(nil, head)
		if len(got) > maxEvidence+2500 {
			t.Fatalf("%d bytes", len(got))
		}
		for _, c := range got {
			if c < ' ' || c > '~' {
				t.Fatalf("%q in %q", c, got)
			}
		}
	})
}
