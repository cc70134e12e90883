// Package replay rebuilds an exchange from a stored event, as far as it was observed, and says what can be judged again.
//
// No value of the exchange is stored, so the rebuilt one has an example of each value's class in its place: enough for the
// endpoint to be found, the rules to be asked and the shape to be seen. What needs the values themselves is undecided, and is
// taken over from the record. docs/decisions/0033 says why.
package replay

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// Record is what an exchange line says of the event it was rebuilt from, in its member "_event". Only a replay that was asked
// for reads it: whoever learns from lines must not believe it.
type Record struct {
	ID       string          `json:"id"`
	Method   string          `json:"method"`
	Source   string          `json:"source"`
	Observed []string        `json:"observed"`
	Outcome  int             `json:"outcome"`
	Own      int             `json:"own_status,omitempty"` // what Merlon answered itself
	Notes    []string        `json:"anomalies,omitempty"`
	Print    string          `json:"fingerprint,omitempty"`
	Country  string          `json:"country,omitempty"`
	ASN      uint32          `json:"asn,omitempty"`
	Who      Who             `json:"who"`
	Verdict  json.RawMessage `json:"verdict"` // the verdict line
	Gaps     []Undecided     `json:"undecided,omitempty"`
}

// Who is the caller as it was settled then.
type Who struct {
	Credentials uint8  `json:"credentials,omitempty"`
	Principal   string `json:"principal,omitempty"` // token
	Strength    string `json:"strength"`
	Carrier     uint8  `json:"carrier,omitempty"`
	Session     string `json:"session,omitempty"` // token
	Issued      bool   `json:"issued,omitempty"`
	Actor       string `json:"actor"`
}

// entry is a HAR 1.2 entry with our fields.
type entry struct {
	Started  string         `json:"startedDateTime"`
	Time     float64        `json:"time"`
	Request  message        `json:"request"`
	Response message        `json:"response"`
	Timings  map[string]any `json:"timings,omitempty"`
	Client   map[string]any `json:"_client,omitempty"`
	Site     string         `json:"_site,omitempty"`
	Event    Record         `json:"_event"`
}

type message struct {
	Method   string   `json:"method,omitempty"`
	URL      string   `json:"url,omitempty"`
	Status   int      `json:"status,omitempty"`
	Headers  []pair   `json:"headers"`
	PostData *content `json:"postData,omitempty"`
	Content  *content `json:"content,omitempty"`
	BodySize int64    `json:"bodySize"`
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type content struct {
	MIME string `json:"mimeType"`
	Text string `json:"text,omitempty"`
	Size int64  `json:"size"`
}

// LineOf is Line with the verdict line made here.
func LineOf(e *store.Event) ([]byte, error) {
	v := Verdict(e)
	return Line(e, v.Append(nil))
}

// Verdict is a stored event as its verdict line.
func Verdict(r *store.Event) event.Line {
	return event.Line{
		ID: r.ID, Time: r.Time, Site: r.Site, Node: r.Node, Source: r.Source, Method: r.Method, Host: r.Host, Template: r.Template,
		EndpointID: r.Endpoint, Actor: r.Actor, Principal: r.Principal, Strength: r.Strength, Address: r.Address, Country: r.Country,
		UserAgent: r.UserAgent, Fingerprint: r.Fingerprint, JA4: r.JA4, HTTP2: r.HTTP2, RPC: r.RPC, Mode: r.Mode, Action: r.Action, Would: r.Would, Rule: r.Rule, Status: r.Status,
		LatencyMicros: r.LatencyMicros, Findings: r.Findings,
	}
}

// Line is the event as an exchange line, without a line break. verdict is its verdict line.
func Line(e *store.Event, verdict []byte) ([]byte, error) {
	d := &e.Detail
	observed := d.Observed
	if !d.Known() {
		observed = exchange.SawRequestLine | exchange.SawStatus | exchange.SawClient
	}
	b := builder{shape: e.Shape}
	out := entry{
		Started: e.Time.UTC().Format(time.RFC3339Nano), Time: float64(e.LatencyMicros) / 1000, Site: e.Site,
		Request:  message{Method: method(e.Method), URL: b.url(e), Headers: b.headers(e), BodySize: d.RequestBytes},
		Response: message{Status: e.Status, Headers: []pair{}, BodySize: d.ResponseBytes},
		Client:   map[string]any{}, Timings: map[string]any{"wait": float64(e.LatencyMicros) / 1000},
		Event: Record{
			ID: e.ID, Method: e.Method, Source: e.Source, Observed: observed.Names(), Outcome: int(d.Outcome), Own: d.OwnStatus,
			Print: e.Fingerprint, Country: e.Country, ASN: e.ASN, Who: whoOf(e), Verdict: verdict, Gaps: Gaps(e),
		},
	}
	for a := range d.Anomalies.All() {
		out.Event.Notes = append(out.Event.Notes, a.String())
	}
	if text := b.body(exchange.InBody, d.RequestBody); text != "" {
		out.Request.PostData = &content{MIME: mime(d.RequestBody), Text: text, Size: int64(len(text))}
		out.Request.BodySize = int64(len(text))
	}
	if text := b.body(exchange.InResponseBody, d.ResponseBody); text != "" {
		out.Response.Content = &content{MIME: mime(d.ResponseBody), Text: text, Size: int64(len(text))}
		out.Response.BodySize = int64(len(text))
	}
	for k, v := range map[string]string{"ip": e.Address, "ja4": e.JA4, "h2": e.HTTP2} {
		if v != "" {
			out.Client[k] = v
		}
	}
	return json.Marshal(out)
}

func whoOf(e *store.Event) Who {
	d := &e.Detail
	w := Who{Credentials: uint8(d.Credentials), Strength: e.Strength, Carrier: uint8(d.Principal.Carrier), Issued: d.Session.Issued, Actor: e.Actor}
	if d.Principal.Token != 0 {
		w.Principal = event.TokenText(d.Principal.Token)
	}
	if d.Session.Token != 0 {
		w.Session = event.TokenText(d.Session.Token)
	}
	return w
}

// method is a method that any reader of entries takes; what it was stands in the record.
func method(m string) string {
	for _, c := range m {
		if (c < 'A' || c > 'Z') && c != '-' {
			return "GET"
		}
	}
	if m == "" {
		return "GET"
	}
	return m
}

// Restore puts into x what the record knows and an entry cannot say. Name is the stages' view of who it was.
func (r *Record) Restore(x *exchange.Exchange) {
	x.Method = []byte(r.Method)
	x.Source = exchange.SourceJournal
	x.Observed = exchange.ParseObserved(r.Observed) &^ (exchange.SawCredentials | exchange.SawHeaderOrder | exchange.SawWire)
	for _, name := range r.Notes {
		if a, ok := exchange.ParseAnomaly(name); ok {
			x.Anomalies.Add(a)
		}
	}
	x.Client.Fingerprint = identity.Fingerprint(token(r.Print))
	if len(r.Country) == 2 {
		x.Client.Place = identity.Place{Country: [2]byte{r.Country[0], r.Country[1]}, ASN: r.ASN}
	}
}

// Identity is who it was.
func (w *Who) Identity() (c identity.Credentials, p identity.Principal, s identity.Session, a identity.Actor) {
	for k := identity.Anonymous; k <= identity.Verified; k++ {
		if k.String() == w.Strength {
			p.Strength = k
		}
	}
	p.Token, p.Carrier = token(w.Principal), identity.Credential(w.Carrier)
	s = identity.Session{Token: token(w.Session), Issued: w.Issued}
	kind, text, _ := strings.Cut(w.Actor, ":")
	for k := identity.ActorNetwork; k <= identity.ActorPrincipal; k++ {
		if k.String() == kind {
			a = identity.Actor{Kind: k, Token: token(text)}
		}
	}
	return identity.Credentials(w.Credentials), p, s, a
}

func token(text string) uint64 {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0
	}
	return n
}
