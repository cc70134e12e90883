// Package acme is Acme Hospital: a small real API with planted faults, the upstream of the demonstration and of the scenarios.
//
// Everything in it is invented from a seed and bounded in memory. The faults are planted on purpose and listed in Faults;
// the rest of the API behaves as its description (Description) says.
package acme

import (
	"crypto/rsa"
	"net/http"
	"sync"
	"time"
)

// Options say which hospital is built.
type Options struct {
	// Seed decides every person, id, key and password.
	Seed uint64
	// Patients is the number of patients: 400 when zero, at most MaxPatients.
	Patients int
	// Now is the hospital's clock; it must be given. Appointments and records lie around its first answer.
	Now func() time.Time
	// BillingWriteFrom is the moment at which the undocumented billing write starts to answer; zero means never.
	BillingWriteFrom time.Time
	// Latency, when given, says how long a request is held before it is answered (the live drive's believable pace).
	Latency func(r *http.Request) time.Duration
	// RS256 signs tokens with RSA (about a millisecond a login) and publishes the key at /.well-known/jwks.json;
	// otherwise HS256 with a secret made from the seed.
	RS256 bool
}

// Bounds of one hospital. They keep a hospital that is attacked for days within some tens of megabytes.
const (
	MaxPatients     = 20_000
	maxAppointments = 20_000 // the oldest created ones are forgotten first
	maxSessions     = 4_096  // telehealth sessions and cookie sessions, each
	maxMessages     = 64     // in one telehealth session
	maxDocuments    = 16     // of one patient
	maxBody         = 1 << 20
	maxUpload       = 4 << 20
	maxSockets      = 256 // live telehealth connections at once
)

// Fault is one planted fault.
type Fault struct {
	Class    string // OWASP API Security Top 10 (2023) id
	Method   string
	Template string // in OpenAPI's form
	What     string
}

// Faults lists the planted faults, by the class each belongs to. Detection is measured against this list.
func Faults() []Fault {
	return []Fault{
		{"API9:2023", "PUT", "/v2/billing/invoices/{invoiceId}", "billing write, enabled without documentation"},
		{"API9:2023", "POST", "/v2/billing/invoices/{invoiceId}", "billing adjustment, enabled without documentation"},
		{"API5:2023", "PUT", "/v2/billing/invoices/{invoiceId}", "vendor keys may write although their contract is read-only"},
		{"API1:2023", "GET", "/v2/patients/{patientId}/records", "vendor keys list the records of any patient"},
		{"API1:2023", "GET", "/v2/patients/{patientId}/records/{recordId}", "vendor keys read any patient's record"},
		{"API2:2023", "GET", "/v2/internal/patients", "no authentication"},
		{"API3:2023", "GET", "/v2/internal/patients", "answers ssn and insurance number, which its description does not list"},
		{"API9:2023", "GET", "/v1/patients", "deprecated version still answers"},
		{"API9:2023", "GET", "/v1/patients/{patientId}", "deprecated version still answers"},
		{"API9:2023", "GET", "/v2/pharmacy/prescriptions/{prescriptionId}", "described, but not implemented"},
	}
}

// Hospital is the API; it is an http.Handler and safe for concurrent use.
type Hospital struct {
	o      Options
	mux    *http.ServeMux
	secret []byte
	rsa    *rsa.PrivateKey
	dir    Directory

	byLogin map[string]*account
	byKey   map[string]*account

	mu       sync.RWMutex
	patients []*patient
	patient  map[string]*patient
	invoices []*invoice
	invoice  map[string]*invoice
	visits   []*appointment
	visit    map[int]*appointment
	lastID   int
	talks    *ring[*talk]
	cookies  *ring[*account]
	tokens   map[string]claims // verified tokens, emptied when full
	counter  uint64            // numbers whatever is issued, so that ids follow from the order of requests alone
	sockets  chan struct{}
}

// New builds a hospital. It panics without a clock: that is a mistake in the program, not in its input.
func New(o Options) *Hospital {
	if o.Now == nil {
		panic("acme: Options.Now must be given")
	}
	if o.Patients <= 0 {
		o.Patients = 400
	}
	o.Patients = min(o.Patients, MaxPatients)
	h := &Hospital{
		o: o, secret: derive(o.Seed, "token secret"),
		talks: newRing[*talk](maxSessions), cookies: newRing[*account](maxSessions),
		tokens: map[string]claims{}, sockets: make(chan struct{}, maxSockets),
	}
	if o.RS256 {
		h.rsa = rsaKey(o.Seed)
	}
	h.seed(o.Now().UTC())
	h.routes()
	return h
}

// Directory tells who may log in, for honest clients and for the breach.
func (h *Hospital) Directory() Directory { return h.dir }

// ServeHTTP answers one request.
func (h *Hospital) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.o.Latency != nil {
		if d := h.o.Latency(r); d > 0 {
			t := time.NewTimer(d)
			select {
			case <-t.C:
			case <-r.Context().Done():
				t.Stop()
				return
			}
		}
	}
	h.mux.ServeHTTP(&writer{ResponseWriter: w, r: r}, r)
}

// writer replaces ServeMux's text answers for unknown paths and methods by the API's JSON errors.
type writer struct {
	http.ResponseWriter
	r        *http.Request
	replaced bool
}

func (w *writer) WriteHeader(status int) {
	// A pattern is set as soon as the mux has found a handler; without one it is the mux itself that speaks.
	if w.r.Pattern == "" && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) {
		w.replaced = true
		w.Header().Del("X-Content-Type-Options")
		if status == http.StatusNotFound {
			fail(w.ResponseWriter, status, "not_found", "no such resource")
		} else {
			fail(w.ResponseWriter, status, "method_not_allowed", "this resource does not take "+w.r.Method)
		}
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.replaced {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection (live telehealth).
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
