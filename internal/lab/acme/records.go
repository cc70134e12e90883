package acme

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"
)

// recordRow is a record as the list shows one.
type recordRow struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Department string    `json:"department"`
	CreatedAt  time.Time `json:"created_at"`
}

func (h *Hospital) listRecords(w http.ResponseWriter, r *http.Request, who *account) {
	p := h.find(w, r, who)
	if p == nil {
		return
	}
	number, size, ok := paging(w, r.URL.Query())
	if !ok {
		return
	}
	rows := []recordRow{}
	from, to := cut(len(p.records), number, size)
	for _, rec := range p.records[from:to] {
		rows = append(rows, recordRow{rec.ID, rec.Kind, rec.Department, rec.CreatedAt})
	}
	reply(w, http.StatusOK, page[recordRow]{rows, number, size, len(p.records)})
}

func (h *Hospital) showRecord(w http.ResponseWriter, r *http.Request, who *account) {
	p := h.find(w, r, who)
	if p == nil {
		return
	}
	for _, rec := range p.records {
		if rec.ID == r.PathValue("recordId") {
			reply(w, http.StatusOK, rec)
			return
		}
	}
	fail(w, http.StatusNotFound, "not_found", "no such record")
}

// document is what is kept of an upload: everything but its content.
type document struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Type     string    `json:"content_type"`
	Category string    `json:"category"`
	Size     int       `json:"size"`
	SHA256   string    `json:"sha256"`
	At       time.Time `json:"uploaded_at"`
}

func (h *Hospital) listDocuments(w http.ResponseWriter, r *http.Request, who *account) {
	p := h.find(w, r, who)
	if p == nil {
		return
	}
	h.mu.RLock()
	docs := append([]document{}, p.documents...)
	h.mu.RUnlock()
	reply(w, http.StatusOK, page[document]{docs, 1, maxDocuments, len(docs)})
}

func (h *Hospital) upload(w http.ResponseWriter, r *http.Request, who *account) {
	p := h.find(w, r, who)
	if p == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	parts, err := r.MultipartReader()
	if err != nil {
		fail(w, http.StatusUnsupportedMediaType, "unsupported_media_type", "send multipart/form-data")
		return
	}
	d := document{At: h.o.Now().UTC()}
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n >= 8 {
			fail(w, http.StatusBadRequest, "malformed", "the parts cannot be read")
			return
		}
		body, err := io.ReadAll(part)
		switch {
		case err != nil:
			fail(w, http.StatusBadRequest, "malformed", "the parts cannot be read, or are too large")
			return
		case part.FormName() == "category" && len(body) <= 40:
			d.Category = string(body)
		case part.FormName() == "file":
			sum := sha256.Sum256(body)
			d.Name, d.Type, d.Size, d.SHA256 = part.FileName(), part.Header.Get("Content-Type"), len(body), hex.EncodeToString(sum[:])
		}
	}
	if d.Name == "" || d.Category == "" {
		failField(w, http.StatusUnprocessableEntity, "invalid", "the parts file and category are needed", "file")
		return
	}
	h.mu.Lock()
	d.ID = "doc_" + h.number("doc")[:16]
	p.documents = append(p.documents, d)
	if len(p.documents) > maxDocuments {
		p.documents = append([]document(nil), p.documents[1:]...)
	}
	h.mu.Unlock()
	reply(w, http.StatusCreated, d)
}
