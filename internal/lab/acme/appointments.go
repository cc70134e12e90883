package acme

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

func (h *Hospital) listAppointments(w http.ResponseWriter, r *http.Request, who *account) {
	q := r.URL.Query()
	number, size, ok := paging(w, q)
	if !ok {
		return
	}
	var from time.Time
	if v := q.Get("from"); v != "" {
		var err error
		if from, err = time.Parse(time.DateOnly, v); err != nil {
			failField(w, http.StatusBadRequest, "invalid", "must be a date", "from")
			return
		}
	}
	status, ward := q.Get("status"), q.Get("department")
	if status != "" && status != "booked" && status != "cancelled" && status != "done" {
		failField(w, http.StatusBadRequest, "invalid", "booked, cancelled or done", "status")
		return
	}
	h.mu.RLock()
	var hits []*appointment
	all := h.visits
	if who.role == isPatient {
		all = who.patient.visits
	}
	for _, v := range all {
		if (status == "" || v.Status == status) &&
			(ward == "" || v.Department == ward) && !v.StartsAt.Before(from) {
			hits = append(hits, v)
		}
	}
	lo, hi := cut(len(hits), number, size)
	rows := make([]appointment, 0, hi-lo)
	for _, v := range hits[lo:hi] {
		rows = append(rows, *v)
	}
	h.mu.RUnlock()
	reply(w, http.StatusOK, page[appointment]{rows, number, size, len(hits)})
}

func (h *Hospital) createAppointment(w http.ResponseWriter, r *http.Request, who *account) {
	var in struct {
		PatientID  string    `json:"patient_id"`
		Department string    `json:"department"`
		StartsAt   time.Time `json:"starts_at"`
		Minutes    int       `json:"minutes"`
		Reason     string    `json:"reason"`
	}
	if !decode(w, r, &in) {
		return
	}
	if who.role == isPatient {
		if in.PatientID != "" && in.PatientID != who.patient.ID {
			fail(w, http.StatusForbidden, "forbidden", "book for yourself")
			return
		}
		in.PatientID = who.patient.ID
	}
	if in.Minutes == 0 {
		in.Minutes = 15
	}
	for _, c := range []struct {
		bad     bool
		field   string
		message string
	}{
		{h.patient[in.PatientID] == nil, "patient_id", "no such patient"},
		{!slices.Contains(h.slugs(), in.Department), "department", "no such department"},
		{in.StartsAt.Before(h.o.Now()), "starts_at", "must be in the future"},
		{in.Minutes < 5 || in.Minutes > 120, "minutes", "5 to 120"},
		{in.Reason == "" || len(in.Reason) > 200, "reason", "1 to 200 characters"},
	} {
		if c.bad {
			failField(w, http.StatusUnprocessableEntity, "invalid", c.message, c.field)
			return
		}
	}
	h.mu.Lock()
	v := &appointment{
		PatientID: in.PatientID, Department: in.Department, StartsAt: in.StartsAt.UTC(), Minutes: in.Minutes, Status: "booked",
		Reason: in.Reason, Doctor: "Dr " + h.byLogin[h.dir.Staff[h.lastID%len(h.dir.Staff)].Username].name,
	}
	h.addVisit(v)
	out := *v
	h.mu.Unlock()
	w.Header().Set("Location", "/v2/appointments/"+strconv.Itoa(out.ID))
	reply(w, http.StatusCreated, out)
}

// appointment finds one that the caller may see; it answers 404 for another patient's, so as not to say that it exists.
// The caller holds mu.
func (h *Hospital) appointmentOf(r *http.Request, who *account) *appointment {
	id, err := strconv.Atoi(r.PathValue("appointmentId"))
	v := h.visit[id]
	if err != nil || v == nil || (who.role == isPatient && v.PatientID != who.patient.ID) {
		return nil
	}
	return v
}

func (h *Hospital) showAppointment(w http.ResponseWriter, r *http.Request, who *account) {
	h.mu.RLock()
	v := h.appointmentOf(r, who)
	var out appointment
	if v != nil {
		out = *v
	}
	h.mu.RUnlock()
	if v == nil {
		fail(w, http.StatusNotFound, "not_found", "no such appointment")
		return
	}
	reply(w, http.StatusOK, out)
}

func (h *Hospital) cancelAppointment(w http.ResponseWriter, r *http.Request, who *account) {
	h.mu.Lock()
	v := h.appointmentOf(r, who)
	var out appointment
	booked := v != nil && v.Status == "booked"
	if booked {
		v.Status = "cancelled"
		out = *v
	}
	h.mu.Unlock()
	switch {
	case v == nil:
		fail(w, http.StatusNotFound, "not_found", "no such appointment")
	case !booked:
		fail(w, http.StatusConflict, "conflict", "only a booked appointment can be cancelled")
	default:
		reply(w, http.StatusOK, out)
	}
}
