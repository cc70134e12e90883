package people

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/control/admin/people"
	"merlon/internal/control/web/ui"
)

// auditList is everything the page of the audit log shows.
type auditList struct {
	Entries []admin.AuditEntry
	Typed   url.Values // the filter as it stands in the address
	Older   string     // address of the page after this one; "" at the end
	Chain   *people.Chain
}

const auditPageSize = 100

// auditQuery reads a filter. Days are those of UTC; until is the last day that counts.
func auditQuery(v url.Values) (q admin.AuditQuery, err error) {
	q = admin.AuditQuery{Actor: v.Get("actor"), Action: v.Get("action"), Target: v.Get("target")}
	for name, to := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if s := v.Get(name); s != "" {
			if *to, err = time.Parse(time.DateOnly, s); err != nil {
				return q, &admin.InputError{Field: name, Err: errors.New("write a day as 2026-01-31")}
			}
		}
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
	}
	if s := v.Get("before"); s != "" {
		if q.Before, err = strconv.ParseUint(s, 10, 63); err != nil {
			return q, &admin.InputError{Field: "before", Err: errors.New("use the number of an entry")}
		}
	}
	return q, nil
}

func (s *room) audit(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	begin(r, p, "Audit log")
	v := auditList{Typed: r.URL.Query()}
	q, err := auditQuery(v.Typed)
	if err != nil {
		return err
	}
	q.Limit = auditPageSize
	if v.Entries, err = s.Admin.Audit(r.Context(), p.Caller, q); err != nil {
		return err
	}
	if n := len(v.Entries); n == q.Limit {
		next := url.Values{"before": {strconv.FormatUint(v.Entries[n-1].Number, 10)}}
		v.Older = "/audit?" + narrowed(v.Typed, next).Encode()
	}
	if v.Typed.Get("verify") != "" {
		chain, err := s.Admin.VerifyAudit(r.Context(), p.Caller)
		if err != nil {
			return err
		}
		v.Chain = &chain
	}
	return show(w, r, auditPage(p, v))
}

// narrowed is a filter with more; empty parts are left out.
func narrowed(filter, more url.Values) url.Values {
	out := url.Values{}
	for _, k := range []string{"actor", "action", "target", "since", "until"} {
		if s := filter.Get(k); s != "" {
			out.Set(k, s)
		}
	}
	for k, s := range more {
		out[k] = s
	}
	return out
}

// auditExport sends all that a filter selects, a page at a time, so that a long log takes no memory.
func (s *room) auditExport(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	q, err := auditQuery(r.URL.Query())
	if err != nil {
		return err
	}
	var put func([]admin.AuditEntry) error
	name, kind := "merlon-audit.jsonl", "application/x-ndjson"
	if r.URL.Query().Get("format") == "csv" {
		name, kind = "merlon-audit.csv", "text/csv; charset=utf-8"
		put = auditCSV(w)
	} else {
		lines := json.NewEncoder(w)
		put = func(page []admin.AuditEntry) error {
			for i := range page {
				if err := lines.Encode(&page[i]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	first := true
	start := func() {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		first = false
	}
	err = s.Admin.EachAudit(r.Context(), p.Caller, q, func(page []admin.AuditEntry) error {
		if first {
			start()
			if kind[:8] == "text/csv" {
				if err := put(nil); err != nil {
					return err
				}
			}
		}
		return put(page)
	})
	if err != nil && !first {
		// The beginning is out, so the end must not look like one.
		panic(http.ErrAbortHandler)
	}
	if err == nil && first {
		start()
		return put(nil)
	}
	return err
}

// auditCSV writes pages as CSV; the first one, which is nil, is the head.
func auditCSV(w http.ResponseWriter) func([]admin.AuditEntry) error {
	out := csv.NewWriter(w)
	return func(page []admin.AuditEntry) error {
		if page == nil {
			_ = out.Write([]string{"number", "at", "actor", "address", "action", "target", "detail", "hash"}) // the error stays in out
		}
		for _, e := range page {
			row := []string{strconv.FormatUint(e.Number, 10), e.At.UTC().Format(time.RFC3339Nano), e.Actor, e.Address, e.Action, e.Target, e.Detail, e.Hash}
			for i := range row {
				row[i] = estate.Cell(row[i])
			}
			_ = out.Write(row)
		}
		out.Flush()
		return out.Error()
	}
}
