package acme

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
)

func (h *Hospital) listInvoices(w http.ResponseWriter, r *http.Request, who *account) {
	q := r.URL.Query()
	number, size, ok := paging(w, q)
	if !ok {
		return
	}
	status := q.Get("status")
	if status != "" && !slices.Contains([]string{"open", "paid", "overdue", "void"}, status) {
		failField(w, http.StatusBadRequest, "invalid", "open, paid, overdue or void", "status")
		return
	}
	type row struct {
		ID        string `json:"id"`
		PatientID string `json:"patient_id"`
		Amount    int    `json:"amount_cents"`
		Currency  string `json:"currency"`
		Status    string `json:"status"`
		DueOn     string `json:"due_on"`
	}
	h.mu.RLock()
	var hits []*invoice
	all := h.invoices
	if who.role == isPatient {
		all = who.patient.invoices
	}
	for _, v := range all {
		if status == "" || v.Status == status {
			hits = append(hits, v)
		}
	}
	lo, hi := cut(len(hits), number, size)
	rows := make([]row, 0, hi-lo)
	for _, v := range hits[lo:hi] {
		rows = append(rows, row{v.ID, v.PatientID, v.Amount, v.Currency, v.Status, v.DueOn})
	}
	h.mu.RUnlock()
	reply(w, http.StatusOK, page[row]{rows, number, size, len(hits)})
}

func (h *Hospital) showInvoice(w http.ResponseWriter, r *http.Request, who *account) {
	h.mu.RLock()
	v := h.invoice[r.PathValue("invoiceId")]
	ok := v != nil && (who.role != isPatient || v.PatientID == who.patient.ID)
	var out invoice
	if ok {
		out = *v
	}
	h.mu.RUnlock()
	if !ok {
		fail(w, http.StatusNotFound, "not_found", "no such invoice")
		return
	}
	reply(w, http.StatusOK, out)
}

// writeInvoice is planted: it is in no description, and nobody checks that vendors have read-only contracts.
// PUT replaces state, amount and account; POST books an adjustment.
func (h *Hospital) writeInvoice(w http.ResponseWriter, r *http.Request, _ *account) {
	if h.o.BillingWriteFrom.IsZero() || h.o.Now().Before(h.o.BillingWriteFrom) {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "method_not_allowed", "this resource does not take "+r.Method)
		return
	}
	var in struct {
		Status     *string `json:"status"`
		Amount     *int    `json:"amount_cents"`
		IBAN       *string `json:"iban"`
		Adjustment *int    `json:"adjustment_cents"`
		Reason     string  `json:"reason"`
	}
	if !decode(w, r, &in) {
		return
	}
	if in.Status != nil && !slices.Contains([]string{"open", "paid", "overdue", "void"}, *in.Status) {
		failField(w, http.StatusUnprocessableEntity, "invalid", "open, paid, overdue or void", "status")
		return
	}
	h.mu.Lock()
	v := h.invoice[r.PathValue("invoiceId")]
	var out invoice
	if v != nil {
		if in.Status != nil {
			v.Status = *in.Status
		}
		if in.Amount != nil {
			v.Amount = *in.Amount
		}
		if in.IBAN != nil && len(*in.IBAN) <= 34 {
			v.IBAN = *in.IBAN
		}
		if in.Adjustment != nil && r.Method == http.MethodPost {
			v.Amount += *in.Adjustment
		}
		out = *v
	}
	h.mu.Unlock()
	if v == nil {
		fail(w, http.StatusNotFound, "not_found", "no such invoice")
		return
	}
	reply(w, http.StatusOK, out)
}

func (h *Hospital) exportInvoices(w http.ResponseWriter, _ *http.Request, _ *account) {
	rows := [][]string{{"id", "patient_id", "amount_cents", "currency", "status", "due_on"}}
	h.mu.RLock()
	for _, v := range h.invoices[:min(len(h.invoices), 200)] {
		rows = append(rows, []string{v.ID, v.PatientID, strconv.Itoa(v.Amount), v.Currency, v.Status, v.DueOn})
	}
	h.mu.RUnlock()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="invoices.csv"`)
	_ = csv.NewWriter(w).WriteAll(rows) // an error means that the client has gone
}
