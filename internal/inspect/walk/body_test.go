package walk

import (
	"bytes"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"merlon/internal/model/exchange"
)

func TestBodies(t *testing.T) {
	form := "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello there\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"meta\"\r\nContent-Type: application/json\r\n\r\n{\"id\":7}\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"scan\"; filename=\"../x.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\x00\x01\r\n--b--\r\n"
	for _, c := range []struct {
		name, contentType, body string
		kind                    exchange.BodyKind
		walked                  bool
		want                    string
	}{
		{"none", "application/json", "", exchange.BodyNone, true, ""},
		{"JSON", "application/json; charset=utf-8", `{"a":[1,null]}`, exchange.BodyJSON, true, "body={1} body.a=[2] body.a[]=1 body.a[]=null"},
		{"JSON of a vendor", "application/vnd.acme.v2+json", `"x"`, exchange.BodyJSON, true, `body="x" word`},
		{"malformed JSON keeps what came before", "application/json", `{"a":1,]`, exchange.BodyUndecodable, false, "body={1} body.a=1"},
		{"undeclared JSON", "", ` {"a":1}`, exchange.BodyJSON, true, "body={1} body.a=1"},
		{"JSON declared as text", "text/plain", `[{"a":1}]`, exchange.BodyJSON, true, "body=[1] body[]={1} body[].a=1"},
		{"text that begins like JSON", "text/plain", `{"a" and more`, exchange.BodyText, true, `body="{\"a\" and more"`},
		{"form", "application/x-www-form-urlencoded", "a=1&b=x+y%21&a=2&c&=z&&", exchange.BodyForm, true, `body={5} body.a="1" body.b="x y!" body.a="2" twice body.c="" body.""="z" word`},
		{
			"multipart", "multipart/form-data; boundary=\"b\"", form, exchange.BodyMultipart, true,
			`body={3} body.title="hello there" body.meta={1} body.meta.id=7 id body.scan={3} body.scan.filename="../x.png" body.scan.type="image/png" body.scan.content="\x89PNG\x00\x01"`,
		},
		{"multipart that does not end", "multipart/form-data; boundary=b", form[:len(form)-10], exchange.BodyUndecodable, false, ""},
		{"multipart with bare line feeds", "multipart/form-data; boundary=b", strings.ReplaceAll(form, "\r\n", "\n"), exchange.BodyUndecodable, false, "body={0}"},
		{"multipart without a boundary", "multipart/form-data", form, exchange.BodyUndecodable, false, ""},
		{"XML", "application/soap+xml", "<a/>", exchange.BodyXML, true, ""},
		{"text", "text/csv", "a,b\nc,d", exchange.BodyText, true, `body="a,b\nc,d"`},
		{"bytes", "", "\x00\x01\x02", exchange.BodyBinary, true, ""},
		{"image", "image/png", "\x89PNG", exchange.BodyBinary, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := request("POST", "", "", c.contentType, c.body)
			x.Request.Fields = append(x.Request.Fields[:0:0], x.Request.Fields...)
			w := New(&Shared{})
			w.begin(nil, Defaults())
			w.part = exchange.InBody
			w.body(&x.Request, true)
			x.Leaves = w.leaves
			if x.Request.BodyKind != c.kind || x.Request.Walked != c.walked {
				t.Errorf("%v walked %v, want %v %v (%+v)", x.Request.BodyKind, x.Request.Walked, c.kind, c.walked, w.report)
			}
			if got := strings.Join(strings.Split(strings.TrimSpace(show(x)), "\n"), " "); c.want != "" && got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for contentType, body := range map[string]string{
		"application/json":                  `{"a":1,"b":"long`,
		"application/x-www-form-urlencoded": "a=1&b=lon",
		"multipart/form-data; boundary=b":   "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nContent-Disp",
	} {
		x := request("POST", "", "", contentType, body)
		x.Request.BodySize += 100
		r := New(&Shared{}).Request(x, Defaults())
		if x.Request.Walked || r.Issues != 0 || !strings.Contains(show(x), "body.a=") || strings.Contains(show(x), "body.b=") || x.Request.BodyKind == exchange.BodyUndecodable {
			t.Errorf("%s: walked %v kind %v %+v\n%s", contentType, x.Request.Walked, x.Request.BodyKind, r, show(x))
		}
	}
}

func TestUnseen(t *testing.T) {
	x := request("POST", "/a", "b=c", "application/json", `{"a":1}`)
	x.Observed = exchange.SawRequestLine | exchange.SawStatus
	New(&Shared{}).Request(x, Defaults())
	if x.Request.Walked || x.Request.BodyKind != exchange.BodyNone || len(x.Leaves) != 2 {
		t.Errorf("an unseen body was walked: %+v\n%s", x.Request, show(x))
	}
	x.Observed = exchange.SawAll
	x.Request.Body, x.Request.BodySize = nil, 0
	if New(&Shared{}).Request(x, Defaults()); !x.Request.Walked {
		t.Error("a body that was seen to be absent is walked")
	}
}

func TestResponse(t *testing.T) {
	x := request("GET", "/a", "", "", "")
	w := New(&Shared{})
	w.Request(x, Defaults())
	before := len(x.Leaves)
	x.Response.Fields = fields("Content-Type: application/json", "Set-Cookie: sid=0123456789abcdef", "X-Total: 3", "Server: x", "Date: y")
	x.Response.Body = []byte(`{"id":17,"token":"abc"}`)
	x.Response.BodySize = int64(len(x.Response.Body))
	w.Response(x, Defaults())
	x.Leaves = x.Leaves[before:]
	for i := range x.Leaves {
		if x.Leaves[i].Parent >= 0 {
			x.Leaves[i].Parent -= int32(before)
		}
	}
	want := `response.header.content-type="application/json" response.header.set-cookie="sid=0123456789abcdef" secret response.header.x-total="3" response.body={2} response.body.id=17 id response.body.token="abc" secret`
	if got := strings.Join(strings.Split(strings.TrimSpace(show(x)), "\n"), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func compress(t testing.TB, coding string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "raw":
		f, err := flate.NewWriter(&out, 6)
		if err != nil {
			t.Fatal(err)
		}
		w = f
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCodings(t *testing.T) {
	inf := &Shared{}
	for range 2 { // the second time with decoders from the pool
		for _, c := range []struct {
			name, declared string
			body           []byte
			kind           exchange.BodyKind
			walked         bool
			issues         Issues
		}{
			{"gzip", "gzip", compress(t, "gzip", []byte(body807)), exchange.BodyJSON, true, 0},
			{"deflate", "Deflate", compress(t, "deflate", []byte(body807)), exchange.BodyJSON, true, 0},
			{"bare deflate", "deflate", compress(t, "raw", []byte(body807)), exchange.BodyJSON, true, 0},
			{"identity", "identity", []byte(body807), exchange.BodyJSON, true, 0},
			{"unknown", "br", []byte("xxxx"), exchange.BodyUndecodable, false, 1 << IssueCoding},
			{"two at once", "gzip, gzip", compress(t, "gzip", []byte(body807)), exchange.BodyUndecodable, false, 1 << IssueCoding},
			{"no gzip", "gzip", []byte(body807), exchange.BodyJSON, false, 1 << IssueCorrupt},
			{"a bomb", "gzip", compress(t, "gzip", []byte(`["`+strings.Repeat("a", 10<<20)+`"]`)), exchange.BodyJSON, false, 1 << IssueBomb},
		} {
			t.Run(c.name, func(t *testing.T) {
				x := request("POST", "", "", "application/json", string(c.body))
				x.Request.Fields = append(x.Request.Fields, fields("Content-Encoding: "+c.declared)...)
				lim := Defaults()
				lim.Decoded = 4 << 20
				w := New(inf)
				r := w.Request(x, lim)
				if c.name == "no gzip" {
					if r.Issues != c.issues || x.Request.Walked {
						t.Errorf("%+v", r)
					}
					return
				}
				if x.Request.BodyKind != c.kind || x.Request.Walked != c.walked || r.Issues != c.issues {
					t.Errorf("%v walked %v issues %b", x.Request.BodyKind, x.Request.Walked, r.Issues)
				}
				if cap(w.decoded) > 5<<20 {
					t.Errorf("%d bytes held", cap(w.decoded))
				}
			})
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=%41+%zz&a", "=&&=", "a[0].b=1&%5b%5D=x", strings.Repeat("a&", 300)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := New(&Shared{})
		lim := wide()
		lim.Params = 1 << 20
		w.begin(nil, lim)
		w.part = exchange.InQuery
		w.form(b, false)
		// net/url gives up on bad escapes and on ';'; without them both see the same pairs in the same order by name.
		values, err := url.ParseQuery(string(b))
		if err != nil || w.report.Issues.Has(IssuePercent) {
			if err == nil {
				t.Fatalf("%q: an issue that net/url does not see", b)
			}
			return
		}
		got := url.Values{}
		for i := range w.leaves {
			got.Add(string(w.leaves[i].Name), string(w.leaves[i].Value))
		}
		if got.Encode() != values.Encode() {
			t.Fatalf("%q: %v, want %v", b, got, values)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	var seed bytes.Buffer
	m := multipart.NewWriter(&seed)
	_ = m.SetBoundary("b")
	_ = m.WriteField("a", "x")
	p, _ := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="f"; filename="y.json"`}, "Content-Type": {"application/json"}})
	_, _ = p.Write([]byte(`{"a":1}`))
	_ = m.Close()
	f.Add(seed.Bytes(), "multipart/form-data; boundary=b")
	f.Add([]byte("--b\r\n\r\n\r\n--b--"), "multipart/form-data;boundary=\"b\"")
	f.Add([]byte("preamble\r\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\n--b--"), "multipart/form-data; boundary=b")
	f.Fuzz(func(t *testing.T, b []byte, contentType string) {
		w := New(&Shared{})
		w.begin(nil, Defaults())
		w.part = exchange.InBody
		ok := w.multipart(b, []byte(contentType), false)
		if ok == w.report.Issues.Has(IssueMalformed) && !w.report.Issues.Has(IssueTooMany) {
			t.Fatalf("%q: ok %v with %+v", b, ok, w.report)
		}
		for i := range w.leaves {
			if w.leaves[i].Parent >= int32(i) {
				t.Fatalf("leaf %d has parent %d", i, w.leaves[i].Parent)
			}
		}
		// What we accept without a preamble and name fields of, mime/multipart reads alike.
		if !ok || contentType != "multipart/form-data; boundary=b" || !bytes.HasPrefix(b, []byte("--b\r\n")) || len(w.leaves) == 0 {
			return
		}
		r := multipart.NewReader(bytes.NewReader(b), "b")
		form, err := r.ReadForm(1 << 20)
		if err != nil {
			return // it refuses more than we do (header limits, odd encodings)
		}
		defer func() { _ = form.RemoveAll() }()
		for i := range w.leaves {
			l := &w.leaves[i]
			if l.Parent != 0 || l.Kind != exchange.KindString || len(l.Name) == 0 || bytes.ContainsAny(l.Name, "\\\"%*") {
				continue
			}
			found := len(form.Value[string(l.Name)]) == 0 // parameters it parses otherwise
			for _, v := range form.Value[string(l.Name)] {
				found = found || v == string(l.Value)
			}
			if !found && !bytes.Contains(bytes.ToLower(b), []byte("transfer-encoding")) {
				t.Fatalf("%q: %s is %q, mime/multipart has %q", b, l.Name, l.Value, form.Value[string(l.Name)])
			}
		}
	})
}

func BenchmarkForm(b *testing.B) {
	b.ReportAllocs()
	w := New(&Shared{})
	x := request("POST", "/", "", "application/x-www-form-urlencoded", "user=alice%40acme.example&password=s3cr3t&next=%2Fhome&remember=on&attempt=2")
	lim := Defaults()
	for b.Loop() {
		w.Reset()
		w.Request(x, lim)
	}
}

func BenchmarkGzip(b *testing.B) {
	b.ReportAllocs()
	w := New(&Shared{})
	x := request("POST", "/", "", "application/json", string(compress(b, "gzip", []byte(body807))))
	x.Request.Fields = append(x.Request.Fields, fields("Content-Encoding: gzip")...)
	lim := Defaults()
	for b.Loop() {
		w.Reset()
		w.Request(x, lim)
	}
}

func BenchmarkMultipart(b *testing.B) {
	b.ReportAllocs()
	w := New(&Shared{})
	x := request("POST", "/", "", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello there\r\n--b\r\nContent-Disposition: form-data; name=\"scan\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\x00\x01\r\n--b--\r\n")
	lim := Defaults()
	for b.Loop() {
		w.Reset()
		w.Request(x, lim)
	}
}
