package acme

import (
	"net/http"
	"net/mail"
	"sort"
	"strings"
)

// patientRow is a patient as lists show one.
type patientRow struct {
	ID     string `json:"id"`
	MRN    string `json:"mrn"`
	Given  string `json:"given_name"`
	Family string `json:"family_name"`
	Born   string `json:"date_of_birth"`
	City   string `json:"city"`
}

type contact struct {
	Email    string `json:"email"`
	Phone    string `json:"phone"`
	Street   string `json:"street"`
	City     string `json:"city"`
	Postcode string `json:"postcode"`
}

// patientFull is a patient as its own page shows one.
type patientFull struct {
	patientRow
	Sex             string  `json:"sex"`
	Insurer         string  `json:"insurer"`
	InsuranceNumber string  `json:"insurance_number"`
	Contact         contact `json:"contact"`
}

func (p *patient) row() patientRow { return patientRow{p.ID, p.MRN, p.Given, p.Family, p.Born, p.City} }

func (p *patient) full() patientFull {
	return patientFull{p.row(), p.Sex, p.Insurer, p.InsuranceNumber, contact{p.Email, p.Phone, p.Street, p.City, p.Postcode}}
}

// search returns the patients whose name or number begins with q, one page of them.
func (h *Hospital) search(q string, number, size int) (hits []*patient, total int) {
	q = strings.ToLower(q)
	if q == "" {
		from, to := cut(len(h.patients), number, size)
		return h.patients[from:to], len(h.patients)
	}
	for _, p := range h.patients {
		if hasPrefixFold(p.Family, q) || hasPrefixFold(p.Given, q) || hasPrefixFold(p.MRN, q) {
			hits = append(hits, p)
		}
	}
	from, to := cut(len(hits), number, size)
	return hits[from:to], len(hits)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func (h *Hospital) listPatients(w http.ResponseWriter, r *http.Request, _ *account) {
	q := r.URL.Query()
	number, size, ok := paging(w, q)
	if !ok {
		return
	}
	order := q.Get("sort")
	if order != "" && order != "family_name" && order != "-family_name" {
		failField(w, http.StatusBadRequest, "invalid", "sort by family_name or -family_name", "sort")
		return
	}
	h.mu.RLock()
	hits, total := h.search(q.Get("q"), number, size)
	rows := make([]patientRow, 0, len(hits))
	for _, p := range hits {
		rows = append(rows, p.row())
	}
	h.mu.RUnlock()
	if order != "" {
		sort.SliceStable(rows, func(i, j int) bool {
			return (rows[i].Family < rows[j].Family) != (order[0] == '-') && rows[i].Family != rows[j].Family
		})
	}
	reply(w, http.StatusOK, page[patientRow]{rows, number, size, total})
}

// internalPatients is planted: it asks nobody who they are, and answers more than its description lists.
func (h *Hospital) internalPatients(w http.ResponseWriter, r *http.Request, _ *account) {
	type row struct {
		patientRow
		SSN             string `json:"ssn"`
		InsuranceNumber string `json:"insurance_number"`
	}
	number, size, ok := paging(w, r.URL.Query())
	if !ok {
		return
	}
	h.mu.RLock()
	hits, total := h.search(r.URL.Query().Get("q"), number, size)
	rows := make([]row, 0, len(hits))
	for _, p := range hits {
		rows = append(rows, row{p.row(), p.SSN, p.InsuranceNumber})
	}
	h.mu.RUnlock()
	reply(w, http.StatusOK, page[row]{rows, number, size, total})
}

// find looks a patient up and checks that a patient's account asks for itself; the answer is written when it is not found.
// Vendors are not checked: that is the planted hole, and routes.go says where they come in.
func (h *Hospital) find(w http.ResponseWriter, r *http.Request, who *account) *patient {
	p := h.patient[r.PathValue("patientId")]
	switch {
	case who.role == isPatient && (p == nil || who.patient != p):
		fail(w, http.StatusForbidden, "forbidden", "that is not you")
	case p == nil:
		fail(w, http.StatusNotFound, "not_found", "no such patient")
	default:
		return p
	}
	return nil
}

func (h *Hospital) showPatient(w http.ResponseWriter, r *http.Request, who *account) {
	if p := h.find(w, r, who); p != nil {
		h.mu.RLock()
		out := p.full()
		h.mu.RUnlock()
		reply(w, http.StatusOK, out)
	}
}

func (h *Hospital) patchContact(w http.ResponseWriter, r *http.Request, who *account) {
	p := h.find(w, r, who)
	if p == nil {
		return
	}
	var in struct{ Email, Phone, Street, City, Postcode *string }
	if !decode(w, r, &in) {
		return
	}
	if in.Email != nil {
		if a, err := mail.ParseAddress(*in.Email); err != nil || a.Address != *in.Email {
			failField(w, http.StatusUnprocessableEntity, "invalid", "must be an e-mail address", "email")
			return
		}
	}
	h.mu.Lock()
	for field, v := range map[*string]*string{&p.Email: in.Email, &p.Phone: in.Phone, &p.Street: in.Street, &p.City: in.City, &p.Postcode: in.Postcode} {
		if v != nil && len(*v) <= 200 {
			*field = *v
		}
	}
	out := p.full()
	h.mu.Unlock()
	reply(w, http.StatusOK, out)
}

// v1 is the deprecated shape: flat, with the old names.
type v1Patient struct {
	PatientID string `json:"patientId"`
	Name      string `json:"name"`
	DOB       string `json:"dob"`
	Insurance string `json:"insuranceNo"`
	Phone     string `json:"phone"`
}

func (p *patient) v1() v1Patient {
	return v1Patient{p.ID, p.Family + ", " + p.Given, p.Born, p.InsuranceNumber, p.Phone}
}

func deprecated(w http.ResponseWriter) {
	w.Header().Set("Deprecation", "@1735689600") // RFC 9745: since 1 January 2025
	w.Header().Set("Sunset", "Tue, 30 Jun 2026 00:00:00 GMT")
}

func (h *Hospital) v1Patients(w http.ResponseWriter, r *http.Request, _ *account) {
	number, size, ok := paging(w, r.URL.Query())
	if !ok {
		return
	}
	deprecated(w)
	h.mu.RLock()
	hits, _ := h.search(r.URL.Query().Get("name"), number, size)
	out := make([]v1Patient, 0, len(hits))
	for _, p := range hits {
		out = append(out, p.v1())
	}
	h.mu.RUnlock()
	reply(w, http.StatusOK, out)
}

func (h *Hospital) v1Patient(w http.ResponseWriter, r *http.Request, who *account) {
	if p := h.find(w, r, who); p != nil {
		deprecated(w)
		h.mu.RLock()
		out := p.v1()
		h.mu.RUnlock()
		reply(w, http.StatusOK, out)
	}
}
