package acme

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// role is a set of kinds of callers.
type role uint8

const (
	anyone    role = 0
	isPatient role = 1 << iota
	isStaff
	isVendor
)

// routes is the whole surface of the hospital.
func (h *Hospital) routes() {
	h.mux = http.NewServeMux()
	people := isPatient | isStaff
	for _, rt := range []struct {
		pattern string
		who     role
		fn      func(http.ResponseWriter, *http.Request, *account)
	}{
		{"GET /{$}", anyone, h.home},
		{"GET /robots.txt", anyone, h.robots},
		{"GET /health", anyone, h.health},
		{"GET /.well-known/jwks.json", anyone, h.jwks},
		{"POST /login", anyone, h.formLogin},
		{"POST /v2/auth/login", anyone, h.login},
		{"POST /v2/auth/refresh", anyone, h.refresh},
		{"POST /v2/auth/logout", people, h.logout},
		{"GET /v2/me", people, h.me},

		{"GET /v1/patients", isStaff | isVendor, h.v1Patients},
		{"GET /v1/patients/{patientId}", isStaff | isVendor, h.v1Patient},

		{"GET /v2/departments", anyone, h.departments},
		{"GET /v2/departments/{slug}", anyone, h.department},
		{"GET /v2/internal/patients", anyone, h.internalPatients},
		{"GET /v2/patients", isStaff, h.listPatients},
		{"GET /v2/patients/{patientId}", people, h.showPatient},
		{"PATCH /v2/patients/{patientId}/contact", people, h.patchContact},
		{"GET /v2/patients/{patientId}/records", people | isVendor, h.listRecords},
		{"GET /v2/patients/{patientId}/records/{recordId}", people | isVendor, h.showRecord},
		{"GET /v2/patients/{patientId}/documents", people, h.listDocuments},
		{"POST /v2/patients/{patientId}/documents", people, h.upload},

		{"GET /v2/appointments", people | isVendor, h.listAppointments},
		{"POST /v2/appointments", people, h.createAppointment},
		{"GET /v2/appointments/{appointmentId}", people | isVendor, h.showAppointment},
		{"POST /v2/appointments/{appointmentId}/cancel", people, h.cancelAppointment},

		{"GET /v2/billing/invoices", people | isVendor, h.listInvoices},
		{"GET /v2/billing/invoices/export", isStaff | isVendor, h.exportInvoices},
		{"GET /v2/billing/invoices/{invoiceId}", people | isVendor, h.showInvoice},
		// Planted: not in the description, and vendors may call it.
		{"PUT /v2/billing/invoices/{invoiceId}", isStaff | isVendor, h.writeInvoice},
		{"POST /v2/billing/invoices/{invoiceId}", isStaff | isVendor, h.writeInvoice},

		{"POST /v2/telehealth/sessions", people, h.openTalk},
		{"GET /v2/telehealth/sessions/{sessionId}", people, h.showTalk},
		{"GET /v2/telehealth/sessions/{sessionId}/messages", people, h.listMessages},
		{"POST /v2/telehealth/sessions/{sessionId}/messages", people, h.postMessage},
		{"GET /v2/telehealth/sessions/{sessionId}/live", people, h.live},
	} {
		h.mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) {
			var who *account
			if rt.who != anyone {
				var ok bool
				if who, ok = h.authenticate(r); !ok {
					w.Header().Set("WWW-Authenticate", `Bearer realm="acme"`)
					fail(w, http.StatusUnauthorized, "unauthorized", "a valid access token, session or API key is needed")
					return
				}
				if who.role&rt.who == 0 {
					fail(w, http.StatusForbidden, "forbidden", "this account may not do that")
					return
				}
			}
			rt.fn(w, r, who)
		})
	}
}

// problem is the API's error body.
type problem struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Field   string `json:"field,omitempty"`
	} `json:"error"`
}

func fail(w http.ResponseWriter, status int, code, message string) {
	failField(w, status, code, message, "")
}

func failField(w http.ResponseWriter, status int, code, message, field string) {
	var p problem
	p.Error.Code, p.Error.Message, p.Error.Field = code, message, field
	reply(w, status, p)
}

// reply writes v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // every value is one of ours; a failure is a mistake here, and the server's recovery reports it
		panic(err)
	}
	hd := w.Header()
	hd.Set("Content-Type", "application/json")
	hd.Set("Content-Length", strconv.Itoa(len(b)))
	hd.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// decode reads a JSON body into v and answers the client's mistakes itself; false means the answer is written.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	if mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mt != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "unsupported_media_type", "send application/json")
		return false
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("more than one value")
		}
	}
	if err == nil {
		return true
	}
	var big *http.MaxBytesError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &big):
		fail(w, http.StatusRequestEntityTooLarge, "too_large", "the body is too large")
	case errors.As(err, &kind):
		failField(w, http.StatusUnprocessableEntity, "invalid", "wrong type", kind.Field)
	default:
		fail(w, http.StatusBadRequest, "malformed", "the body is not the JSON that is expected here")
	}
	return false
}

// page is the envelope of every list.
type page[T any] struct {
	Items   []T `json:"items"`
	Page    int `json:"page"`
	PerPage int `json:"per_page"`
	Total   int `json:"total"`
}

// paging reads page and per_page; false means that the answer (400) is written.
func paging(w http.ResponseWriter, q map[string][]string) (number, size int, ok bool) {
	number, size = 1, 20
	for name, at := range map[string]*int{"page": &number, "per_page": &size} {
		if v := q[name]; len(v) > 0 {
			n, err := strconv.Atoi(v[0])
			if err != nil || n < 1 || (name == "per_page" && n > 100) {
				failField(w, http.StatusBadRequest, "invalid", "must be a positive number (per_page at most 100)", name)
				return 0, 0, false
			}
			*at = n
		}
	}
	return number, size, true
}

// cut returns the bounds of one page of n items.
func cut(n, number, size int) (from, to int) {
	from = min((min(number, 1<<20)-1)*size, n)
	return from, min(from+size, n)
}
