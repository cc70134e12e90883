package activity

import (
	"bufio"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
)

// export streams the events that the list selects, as CSV or as one verdict line each.
func (s *room) export(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	in := r.URL.Query()
	q, err := admin.ParseEventQuery(in, s.Admin.Now())
	if err != nil {
		return err
	}
	format, kind := "ndjson", "application/x-ndjson"
	if in.Get("format") == "csv" {
		format, kind = "csv", "text/csv; charset=utf-8"
	}
	q.Limit = 0
	out, begun := bufio.NewWriterSize(w, 64<<10), false
	sheet := csv.NewWriter(out)
	more, err := s.Admin.ExportEvents(r.Context(), p.Caller, q, func(page []admin.Event) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Disposition", `attachment; filename="events-`+s.Admin.Now().UTC().Format("20060102-150405")+"."+format+`"`)
			// Whoever reads finds out behind the last line whether it is all.
			w.Header().Set("Trailer", "Merlon-More")
			if format == "csv" {
				_ = sheet.Write(columns())
			}
		}
		return writeEvents(out, sheet, format, page)
	})
	if !begun {
		return err
	}
	sheet.Flush()
	_ = out.Flush() // the reader has gone
	w.Header().Set("Merlon-More", strconv.FormatBool(more || err != nil))
	if err != nil {
		s.Log.Warn("an export of events broke off", "cause", err)
	}
	return nil
}

func columns() []string {
	return []string{
		"time", "id", "site", "node", "source", "method", "host", "template", "endpoint_id", "status", "latency_ms", "action", "would", "mode", "rule", "severity", "findings",
		"actor", "principal", "strength", "address", "country", "asn", "fingerprint", "ja4", "h2", "rpc", "user_agent",
	}
}

func writeEvents(out io.Writer, sheet *csv.Writer, format string, page []admin.Event) error {
	for i := range page {
		e := &page[i]
		if format != "csv" {
			if _, err := out.Write(append(e.Append(nil), '\n')); err != nil {
				return errGone
			}
			continue
		}
		row := rowOf(*e)
		ids := make([]string, 0, len(row.Found))
		for _, f := range row.Found {
			ids = append(ids, f.ID)
		}
		cells := []string{
			e.Time.UTC().Format(time.RFC3339Nano), e.ID, e.Site, e.Node, e.Source, e.Method, e.Host, e.Template, numbered(e.EndpointID), strconv.Itoa(e.Status),
			strconv.FormatFloat(float64(e.LatencyMicros)/1000, 'f', -1, 64), e.Action, e.Would, e.Mode, e.Rule, severityWord(e), strings.Join(ids, " "),
			e.Actor, e.Principal, e.Strength, e.Address, e.Country, numbered(e.ASN), e.Fingerprint, e.JA4, e.HTTP2, e.RPC, e.UserAgent,
		}
		for j := range cells {
			cells[j] = estate.Cell(cells[j])
		}
		if err := sheet.Write(cells); err != nil {
			return errGone
		}
	}
	return nil
}

func severityWord(e *admin.Event) string {
	if e.Severity == 0 {
		return ""
	}
	return e.Severity.String()
}
