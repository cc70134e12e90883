// Package otlp is what has already happened: HTTP server spans and access log records, sent by OpenTelemetry.
//
// A Receiver takes OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/, version 1) at /v1/traces and /v1/logs, as protobuf
// or JSON, plain or gzip. Of the traces it takes server spans of HTTP, by the stable semantic conventions and the ones before
// them; of the logs, records with the same attributes. Each becomes an exchange with what the span says and nothing else
// observed. Everything else is accepted and counted, so that a Collector can send all it has.
//
// It is a live source: when the queue is full, actors are sampled and drops counted there; when Options.Full says so,
// requests are put off (503 with Retry-After), which exporters understand.
package otlp

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1/netform"
	"merlon/internal/enforce/engine"
)

// Options is everything a Receiver is made from.
type Options struct {
	Engine *engine.Engine
	// Trusted are the networks that may send; with none it is this machine alone.
	Trusted []netip.Prefix
	// Token is what senders must present as bearer token (RFC 6750); empty for none.
	Token string
	// Site takes everything; empty lets the resource's merlon.site, a site that is called like its service.name, or the
	// host of each request choose, in this order.
	Site string
	// Full tells that nothing more should be taken for now; nil for never.
	Full func() bool
	Now  func() time.Time
	Log  *slog.Logger
}

// Bounds of one record, and of one request.
const (
	maxBody       = 16 << 20 // packed and unpacked (8,192 spans, a Collector's batch, take 8 MiB)
	maxRecords    = 65536    // of one request; those behind are rejected
	maxConcurrent = 4        // requests that are read at a time; the others are put off (429 with Retry-After)
	maxReading    = 30 * time.Second
	maxAttributes = 512      // the SDKs' default limit is 128; those behind are not looked at
	maxHeaders    = 64       // header fields that a record brings, each way
	maxResources  = 10_000   // of one request
	maxAhead      = 5 * 60e9 // how far a record may lie ahead of its arrival
	maxSpan       = 86400e9  // the longest exchange that is believed: a day
	keptBody      = 1 << 20  // buffers up to this size are kept between requests
	maxToken      = 4 << 10  // of an Authorization field
	retryFull     = "5"      // seconds
	retryBusy     = "1"      // seconds
)

// Stats counts what a Receiver did. Records = Exchanges + Clients + Others + Vague + Rejected.
type Stats struct {
	Requests, Refused, PutOff int64
	Records, Exchanges        int64
	// Clients are spans of calls that a service made, which are not learned from. Others are no HTTP. Vague are server
	// spans of HTTP without a path or a method, such as those that name their route only.
	Clients, Others, Vague int64
	// Rejected are damaged, or beyond what one request may have; senders are told of them.
	Rejected int64
}

// Receiver is the http.Handler. It is safe for concurrent use.
type Receiver struct {
	o        Options
	token    [sha256.Size]byte
	slots    chan struct{}
	records  int64     // maxRecords, or what a test lowers it to
	pool     sync.Pool // of *batch
	counts   counts
	stranger atomic.Bool
	vague    atomic.Bool
}

type counts struct {
	requests, refused, putOff                            atomic.Int64
	records, exchanges, clients, others, vague, rejected atomic.Int64
}

// New makes a Receiver.
func New(o Options) *Receiver {
	r := &Receiver{o: o, token: sha256.Sum256([]byte(o.Token)), slots: make(chan struct{}, maxConcurrent), records: maxRecords}
	r.pool.New = func() any { return &batch{r: r, agent: []byte("User-Agent")} }
	return r
}

// Stats is what was counted so far.
func (r *Receiver) Stats() Stats {
	c := &r.counts
	return Stats{
		Requests: c.requests.Load(), Refused: c.refused.Load(), PutOff: c.putOff.Load(),
		Records: c.records.Load(), Exchanges: c.exchanges.Load(), Clients: c.clients.Load(), Others: c.others.Load(),
		Vague: c.vague.Load(), Rejected: c.rejected.Load(),
	}
}

// signal is what a path takes.
type signal uint8

const (
	traces signal = iota
	logs
)

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.counts.requests.Add(1)
	form, known := contentForm(q.Header.Get("Content-Type"))
	a := answer{r: r, w: w, form: form}
	var what signal
	switch q.URL.Path {
	case "/v1/traces":
	case "/v1/logs":
		what = logs
	case "/v1/metrics":
		a.refuse(http.StatusNotFound, "metrics are not taken here; send traces and logs only")
		return
	default:
		a.refuse(http.StatusNotFound, "send to /v1/traces or /v1/logs")
		return
	}
	switch {
	case !netform.Trusts(r.o.Trusted, q.RemoteAddr):
		if !r.stranger.Swap(true) {
			r.o.Log.Warn("a program sent telemetry that is not in otlp.from; it is refused", "peer", q.RemoteAddr)
		}
		a.refuse(http.StatusForbidden, "this network may not send here; see otlp.from")
	case q.Header.Get("Origin") != "":
		a.refuse(http.StatusForbidden, "pages of a browser may not send here")
	case !r.authorised(q):
		w.Header().Set("WWW-Authenticate", `Bearer realm="merlon"`)
		a.refuse(http.StatusUnauthorized, "a bearer token is needed, or it is wrong")
	case q.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		a.refuse(http.StatusMethodNotAllowed, "only POST is taken")
	case !known:
		a.refuse(http.StatusUnsupportedMediaType, "Content-Type must be application/x-protobuf or application/json")
	case !knownCoding(q.Header):
		a.refuse(http.StatusUnsupportedMediaType, "Content-Encoding must be gzip, or be left out")
	case r.o.Full != nil && r.o.Full():
		r.counts.putOff.Add(1)
		w.Header().Set("Retry-After", retryFull)
		a.refuse(http.StatusServiceUnavailable, "more has come than can be learned for now")
	default:
		select {
		case r.slots <- struct{}{}:
			defer func() { <-r.slots }()
			r.receive(a, q, what)
		default:
			r.counts.putOff.Add(1)
			w.Header().Set("Retry-After", retryBusy)
			a.refuse(http.StatusTooManyRequests, "too many requests at a time")
		}
	}
}

// authorised compares the bearer token, in time that does not depend on it.
func (r *Receiver) authorised(q *http.Request) bool {
	if r.o.Token == "" {
		return true
	}
	h := q.Header.Get("Authorization")
	const scheme = "bearer "
	if len(h) <= len(scheme) || len(h) > maxToken || !strings.EqualFold(h[:len(scheme)], scheme) {
		return false
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(h[len(scheme):])))
	return subtle.ConstantTimeCompare(sum[:], r.token[:]) == 1
}

// receive reads a body, judges what is in it, and answers.
func (r *Receiver) receive(a answer, q *http.Request, what signal) {
	b := r.pool.Get().(*batch)
	defer b.release()
	if status, why := b.read(a.w, q); status != 0 {
		a.refuse(status, why)
		return
	}
	b.begin(r.o.Now().UnixNano(), what)
	if !b.decode(a.form, true) {
		a.refuse(http.StatusBadRequest, "the body is not a well-formed export request")
		return
	}
	b.decode(a.form, false)
	b.count()
	a.accept(what, b.rejected, b.why)
}
