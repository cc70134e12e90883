package walk

import (
	"fmt"
	"strings"
	"testing"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

const body807 = `{"patientId":"7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01","type":"follow-up","status":"booked","start":"2026-03-04T09:30:00Z","end":"2026-03-04T10:00:00Z","priority":3,"remote":true,"clinic":{"id":1042,"name":"North Wing Cardiology","floor":2,"address":{"street":"12 Harbour Road","city":"Lisbon","zip":"1100-038","country":"PT"}},"doctor":{"id":88,"email":"a.silva@acme.example","languages":["pt","en"]},"reason":"Patient reports intermittent chest tightness after exercise, referred by the general practitioner with an ECG attached; no allergies known.","notes":"Please call before 9 am if the slot moves. Wheelchair access is needed at the north door.","tags":["cardio","follow-up","insured"],"insurance":{"provider":"Medis","policyNumber":"PT-2231-99812","validUntil":"2027-12-31","amount":125.50,"currency":"EUR"}}`

func fields(lines ...string) []exchange.Field {
	var out []exchange.Field
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		out = append(out, exchange.Field{Name: []byte(name), Value: []byte(value), ID: exchange.LookupHeader([]byte(name))})
	}
	return out
}

func browserFields() []exchange.Field {
	return fields("Host: api.acme.example", "Connection: keep-alive", "Accept: application/json", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
		"Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"Accept-Encoding: gzip, deflate", "Accept-Language: en-US,en;q=0.9", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors",
		"Referer: https://app.acme.example/visits", "X-Tenant: north", "X-Request-Id: 3c6d0a2e", "Cookie: theme=dark; sid=8f14e45fceea167a5a36dedd4bea2543")
}

func request(method, path, query, contentType, body string) *exchange.Exchange {
	x := &exchange.Exchange{Observed: exchange.SawAll, Method: []byte(method), Path: []byte(path), RawQuery: []byte(query)}
	if contentType != "" {
		x.Request.Fields = fields("Content-Type: " + contentType)
	}
	x.Request.Body, x.Request.BodySize = []byte(body), int64(len(body))
	return x
}

// show prints leaves one a line, as the tables below expect them.
func show(x *exchange.Exchange) string {
	var b strings.Builder
	for i := range x.Leaves {
		l := &x.Leaves[i]
		fmt.Fprintf(&b, "%s=", Where(x.Leaves, i))
		switch l.Kind {
		case exchange.KindObject:
			fmt.Fprintf(&b, "{%d}", l.Len)
		case exchange.KindArray:
			fmt.Fprintf(&b, "[%d]", l.Len)
		case exchange.KindString:
			fmt.Fprintf(&b, "%q", l.Value)
		default:
			fmt.Fprintf(&b, "%s", l.Value)
		}
		for f, mark := range map[exchange.LeafFlag]string{} {
			_, _ = f, mark
		}
		for _, f := range []struct {
			flag exchange.LeafFlag
			mark string
		}{{exchange.LeafTruncated, " cut"}, {exchange.LeafIdentifier, " id"}, {exchange.LeafSecretName, " secret"}, {exchange.LeafDuplicate, " twice"}, {exchange.LeafLiteral, " word"}} {
			if l.Flags&f.flag != 0 {
				b.WriteString(f.mark)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestShow(t *testing.T) {
	w := New(&Shared{})
	x := request("POST", "/v1/clinics/1042/visits", "page=2&patientId=7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01&q=a%20b+c&token=abc&sort=asc", "application/json", body807)
	x.Request.Fields = append(browserFields(), x.Request.Fields...)
	r := w.Request(x, Defaults())
	t.Logf("%+v %v walked=%v\n%s", r, x.Request.BodyKind, x.Request.Walked, show(x))
}

func BenchmarkJSON807(b *testing.B) {
	b.ReportAllocs()
	w := New(&Shared{})
	x := request("POST", "/", "", "application/json", body807)
	x.Request.Fields = x.Request.Fields[:1]
	lim := Defaults()
	b.SetBytes(int64(len(body807)))
	for b.Loop() {
		w.Reset()
		w.Request(x, lim)
	}
	b.ReportMetric(float64(len(x.Leaves)), "leaves")
}

func BenchmarkGET(b *testing.B) {
	b.ReportAllocs()
	w := New(&Shared{})
	x := request("GET", "/v1/patients/7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01/visits", "page=2&size=20&sort=asc&from=2026-01-01&doctorId=88", "", "")
	x.Request.Fields = browserFields()
	lim := Defaults()
	for b.Loop() {
		w.Reset()
		w.Request(x, lim)
	}
	b.ReportMetric(float64(len(x.Leaves)), "leaves")
}

func BenchmarkObserve(b *testing.B) {
	b.ReportAllocs()
	w := New(&Shared{})
	x := request("POST", "/v1/clinics/1042/visits", "page=2&size=20&sort=asc&from=2026-01-01&doctorId=88", "application/json", body807)
	x.Request.Fields = append(x.Request.Fields, browserFields()...)
	w.Request(x, Defaults())
	e := event.NewQueue(4).New()
	key := dataclass.Key{1, 2, 3}
	for b.Loop() {
		e.Reset()
		w.shared.Observe(e, x, key, 4)
	}
	b.ReportMetric(float64(len(x.Leaves)), "leaves")
}

func BenchmarkNames(b *testing.B) {
	name := []byte("patientIdentifier")
	b.Run("judged", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			traitsOf(name)
		}
	})
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		c := new(nameCache)
		for b.Loop() {
			c.look(1, name)
		}
	})
}
