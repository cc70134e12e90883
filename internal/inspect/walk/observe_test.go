package walk

import (
	"strings"
	"testing"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

func observe(x *exchange.Exchange, params uint64) *event.Event {
	e := event.NewQueue(4).New()
	Observe(e, x, dataclass.Key{1, 2, 3}, params)
	return e
}

// everything is all text that the event holds.
func everything(e *event.Event) string {
	var b strings.Builder
	for i := range e.Observations {
		b.WriteString(e.Text(e.Observations[i].Name) + "=" + e.Text(e.Observations[i].Literal) + "\n")
	}
	return b.String()
}

func TestObserveLeaksNothing(t *testing.T) {
	w := New(&Inflater{})
	x := request("POST", "/users/alice@acme.example/cards/4111111111111111", "token=q1w2e3r4&q=some+free+text", "application/json",
		`{"password":"hunter2","pin":4711,"card":4111111111111111,"name":"Alice Liddell","firstName":"Alice","mail":"alice@acme.example",
		"byMail":{"bob@acme.example":"x"},"jwt":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U","secret":{"a":["deep","words"]},
		"status":"booked","`+strings.Repeat("n", 100)+`":1}`)
	x.Request.Fields = append(x.Request.Fields, browserFields()...)
	w.Request(x, Defaults())
	e := observe(x, 0)
	text := everything(e)
	for _, leak := range []string{"alice", "Alice", "bob@", "4111", "hunter2", "4711", "q1w2", "free", "eyJ", "8f14e45f", "deep", "words", "dark", strings.Repeat("n", 65)} {
		if strings.Contains(text, leak) {
			t.Errorf("the event holds %q:\n%s", leak, text)
		}
	}
	for _, there := range []string{"status=booked", "=users", "=cards", "{email}=", strings.Repeat("n", 64) + "="} {
		if !strings.Contains(text, there) {
			t.Errorf("the event lacks %q:\n%s", there, text)
		}
	}
	for i := range e.Observations {
		o := &e.Observations[i]
		secret := o.Flags&exchange.LeafSecretName != 0
		if secret && (o.Token != 0 || o.Number != 0) {
			t.Errorf("secret %q has a token or number", e.Text(o.Name))
		}
		if o.Kind >= exchange.KindObject && o.Token != 0 {
			t.Errorf("container %q has a token", e.Text(o.Name))
		}
		if dataclass.Set(o.Classes).Has(dataclass.PAN) && o.Number != 0 {
			t.Errorf("card number in %q", e.Text(o.Name))
		}
	}
}

func TestObservePathLiterals(t *testing.T) {
	w := New(&Inflater{})
	x := request("GET", "/users/alice/visits/17", "", "", "")
	w.Request(x, Defaults())
	for _, c := range []struct {
		name   string
		params uint64
		want   string
	}{
		{"unmatched", 0, "users,alice,visits,"},
		{"parameters keep no literal", 1<<1 | 1<<3, "users,,visits,"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := observe(x, c.params)
			var got []string
			for i := range e.Observations {
				got = append(got, e.Text(e.Observations[i].Literal))
				if e.Observations[i].Part != exchange.InPath || e.Observations[i].Token == 0 {
					t.Errorf("observation %d: %+v", i, e.Observations[i])
				}
			}
			if strings.Join(got, ",") != c.want {
				t.Errorf("got %q, want %q", strings.Join(got, ","), c.want)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	const uuid = "7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01"
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		response, want           string
	}{
		{"requested and issued", "GET", "/visits/17", "", 200, `{"id":17,"patient":{"id":4}}`, "path.1 requested, response.body.id issued, response.body.patient.id issued"},
		{"created with 201", "PUT", "/visits", `{"patientId":4}`, 201, `{"id":"` + uuid + `","patient":{"id":4}}`, "body.patientId requested, response.body.id created, response.body.patient.id issued"},
		{"created by POST", "POST", "/visits", `{"patientId":4}`, 200, `{"id":18,"patientId":4}`, "body.patientId requested, response.body.id created, response.body.patientId issued"},
		{"nothing created by failing", "POST", "/visits", `{"patientId":4}`, 400, `{"id":18}`, "body.patientId requested, response.body.id issued"},
		{"a list issues", "GET", "/visits", "", 200, `[{"id":1},{"id":2}]`, "response.body[].id issued, response.body[].id issued"},
		{"an array of ids", "POST", "/merge", `{"ids":[1,2],"n":3}`, 204, "", "body.ids[] requested, body.ids[] requested"},
		{"words and dates are none", "GET", "/visits/today", "", 200, `{"status":"done","day":"2026-01-01","n":17}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := New(&Inflater{})
			x := request(c.method, c.path, "", "application/json", c.body)
			w.Request(x, Defaults())
			x.Status = c.status
			x.Response.Fields = fields("Content-Type: application/json")
			x.Response.Body, x.Response.BodySize = []byte(c.response), int64(len(c.response))
			w.Response(x, Defaults())
			e := observe(x, 0)
			var got []string
			next := 0
			for _, o := range e.Objects {
				for next < len(x.Leaves) && (x.Leaves[next].Flags&exchange.LeafIdentifier == 0 || e.Observations[next].Token != o.Token) {
					next++
				}
				got = append(got, Where(x.Leaves, next)+" "+[]string{"requested", "issued", "created"}[o.Use])
				next++
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), c.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]traits{
		"id": nameObject, "patientId": nameObject, "patient_id": nameObject, "orderIDs": nameObject, "invoiceNumber": nameObject, "paid": 0, "grid": 0, "fluid": 0,
		"status": 0, "password": nameSecret, "accessToken": nameSecret, "nextPageToken": 0, "firstName": namePersonal, "address1": namePersonal, "sha256": 0, "line2": 0,
		"17": nameTyped, "7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01": nameTyped, "a@b.example": nameTyped, "2026-01-02": nameTyped, "v2": 0, "utf8": 0, "": 0,
	} {
		if got := traitsOf([]byte(name)); got != want {
			t.Errorf("%q: %05b, want %05b", name, got, want)
		}
		c := new(nameCache)
		for range 2 {
			if loc, _, got := c.look(5, []byte(name)); got != want || loc != Member(5, []byte(name)) {
				t.Errorf("%q remembered: %05b at %x, want %05b at %x", name, got, loc, want, Member(5, []byte(name)))
			}
		}
	}
}

func TestWalkDoesNotAllocate(t *testing.T) {
	w := New(&Inflater{})
	x := request("POST", "/v1/clinics/1042/visits", "page=2&q=a%20b", "application/json", body807)
	x.Request.Fields = append(x.Request.Fields, browserFields()...)
	e := event.NewQueue(4).New()
	if n := testing.AllocsPerRun(100, func() {
		w.Reset()
		w.Request(x, Defaults())
		e.Reset()
		Observe(e, x, dataclass.Key{1}, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
