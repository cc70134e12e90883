package outline

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"merlon/internal/model/inventory"
)

// Endpoint writes everything that is known of an endpoint as a table, for people.
func Endpoint(w io.Writer, e *inventory.Endpoint) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(k, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", k, Printable(fmt.Sprintf(format, args...)))
	}
	row("endpoint", "%s %s", e.Method, e.Template)
	row("id", "%d", e.ID)
	row("site, host", "%s, %s", e.Site, OrDash(e.Host))
	row("state", "%s (confidence %.2f)", e.State, e.Confidence)
	row("life cycle", "%s", OrDash(strings.Join(e.Lifecycle, ", ")))
	row("documented", "%s", documented(e))
	row("authentication", "%s (%s)", e.Auth, OrDash(strings.Join(e.Credentials, ", ")))
	row("requests", "%d by %d callers, %s to %s", e.Requests, e.Callers, Day(e.FirstSeen), Day(e.LastSeen))
	row("risk", "%.0f of 100, %s", e.Risk.Score, map[bool]string{true: "confirmed", false: "not confirmed yet"}[e.Risk.Confirmed])
	for _, term := range e.Risk.Terms {
		row("", "%+.0f %s: %s", term.Value, term.Name, term.Why)
	}
	for _, s := range e.Sensitive {
		row("sensitive", "%s in %s", s.Class, s.Where)
	}
	if d := e.Detail; d != nil {
		if d.Support.Missing != "" {
			row("to be confirmed", "%s", d.Support.Missing)
		}
		for _, s := range d.Statuses {
			row("status", "%d: %d", s.Status, s.Count)
		}
		row("latency", "p50 %.1f ms, p95 %.1f ms, p99 %.1f ms (n=%d)", d.Latency.P50, d.Latency.P95, d.Latency.P99, d.Latency.Count)
		for _, p := range d.Parameters {
			row("parameter", "%s in %s: %s, %s, seen %d times, %s", p.Name, p.In, Word(p.Schema), map[bool]string{true: "required", false: "optional"}[p.Required], p.Seen, p.State)
		}
		for _, s := range d.Schemas {
			row("schema", "%s (n=%d)", strings.Join(strings.Fields(s.Message+" "+s.Status+" "+s.MediaType), " "), s.Samples)
			for _, line := range Tree(s.Schema) {
				row("", "%s", line)
			}
		}
		for _, p := range d.Postures {
			row("finding", "%s (%s): %s %s", p.ID, p.Severity, p.Why, p.Mend)
		}
		for _, h := range d.History {
			row("history", "%s %s", Day(h.At), h.What)
		}
	}
	return t.Flush()
}

func documented(e *inventory.Endpoint) string {
	if !e.Documented {
		return "no"
	}
	return strings.TrimSpace("yes " + e.Operation)
}

// Printable makes text from traffic safe for a terminal: control characters and what is not printable are escaped.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// Day is a time to the minute in UTC, a dash for none.
func Day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}
