package acme

import (
	"net/http"
	"time"
)

// talk is a telehealth session: a consultation by messages, or live.
type talk struct {
	ID         string    `json:"id"`
	PatientID  string    `json:"patient_id"`
	Department string    `json:"department"`
	State      string    `json:"state"`
	OpenedAt   time.Time `json:"opened_at"`
	messages   []message
}

type message struct {
	ID   int       `json:"id"`
	From string    `json:"from"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

func (h *Hospital) openTalk(w http.ResponseWriter, r *http.Request, who *account) {
	var in struct {
		PatientID  string `json:"patient_id"`
		Department string `json:"department"`
	}
	if !decode(w, r, &in) {
		return
	}
	if who.role == isPatient {
		in.PatientID = who.patient.ID
	}
	if h.patient[in.PatientID] == nil {
		failField(w, http.StatusUnprocessableEntity, "invalid", "no such patient", "patient_id")
		return
	}
	if _, ok := departmentNamed(in.Department); !ok {
		failField(w, http.StatusUnprocessableEntity, "invalid", "no such department", "department")
		return
	}
	h.mu.Lock()
	t := &talk{ID: "ths_" + h.number("talk")[:20], PatientID: in.PatientID, Department: in.Department, State: "open", OpenedAt: h.o.Now().UTC()}
	h.talks.put(t.ID, t)
	h.mu.Unlock()
	w.Header().Set("Location", "/v2/telehealth/sessions/"+t.ID)
	reply(w, http.StatusCreated, t)
}

// talkOf finds a session the caller may enter; otherwise the answer is written.
func (h *Hospital) talkOf(w http.ResponseWriter, r *http.Request, who *account) *talk {
	h.mu.RLock()
	t, ok := h.talks.find(r.PathValue("sessionId"))
	h.mu.RUnlock()
	if !ok || (who.role == isPatient && t.PatientID != who.patient.ID) {
		fail(w, http.StatusNotFound, "not_found", "no such session")
		return nil
	}
	return t
}

func (h *Hospital) showTalk(w http.ResponseWriter, r *http.Request, who *account) {
	if t := h.talkOf(w, r, who); t != nil {
		reply(w, http.StatusOK, t)
	}
}

func (h *Hospital) listMessages(w http.ResponseWriter, r *http.Request, who *account) {
	if t := h.talkOf(w, r, who); t != nil {
		h.mu.RLock()
		out := append([]message{}, t.messages...)
		h.mu.RUnlock()
		reply(w, http.StatusOK, page[message]{out, 1, maxMessages, len(out)})
	}
}

func (h *Hospital) postMessage(w http.ResponseWriter, r *http.Request, who *account) {
	t := h.talkOf(w, r, who)
	if t == nil {
		return
	}
	var in struct {
		Text string `json:"text"`
	}
	if !decode(w, r, &in) {
		return
	}
	if in.Text == "" || len(in.Text) > 2000 {
		failField(w, http.StatusUnprocessableEntity, "invalid", "1 to 2000 characters", "text")
		return
	}
	h.mu.Lock()
	m := message{len(t.messages) + 1, who.name, in.Text, h.o.Now().UTC()}
	full := len(t.messages) >= maxMessages
	if !full {
		t.messages = append(t.messages, m)
	}
	h.mu.Unlock()
	if full {
		fail(w, http.StatusConflict, "conflict", "this session is full; open another")
		return
	}
	reply(w, http.StatusCreated, m)
}
