package estate

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"merlon/internal/control/admin/estate/openapi"
	"merlon/internal/model/inventory"
)

// Format is how an inventory is exported.
type Format string

// The formats of an export.
const (
	JSON    Format = "json"
	CSV     Format = "csv"
	OpenAPI Format = "openapi"
)

// Formats lists them.
func Formats() []Format { return []Format{JSON, CSV, OpenAPI} }

// Export is what a query selects, with all that is known of each endpoint, site by site. Page and order of the query do not
// matter. An OpenAPI document describes one site, so there the query must leave one.
func (x *Index) Export(f Format, q Query, now time.Time) (inventory.Inventory, error) {
	q.Sort, q.Facets = "", false
	if err := q.check(now); err != nil {
		return inventory.Inventory{}, err
	}
	if names := x.names(q.Within); q.Site != "" && q.Site != None && !slices.Contains(names, q.Site) {
		return inventory.Inventory{}, wrong("site", "there is none of that name: use one of %s", strings.Join(names, ", "))
	}
	s := x.find(&q, now)
	defer x.done(s)
	out := inventory.Inventory{Version: x.of.Version, At: x.of.At}
	at := make([]int, len(x.dims[Site].values)) // by number of site
	for _, row := range s.rows {
		at[x.dims[Site].codes[row]]++
	}
	for i := range x.of.Sites {
		code, ok := x.dims[Site].code(x.of.Sites[i].Name)
		if !ok || at[code] == 0 && q.Site != x.of.Sites[i].Name {
			continue
		}
		out.Sites = append(out.Sites, inventory.Site{
			Name: x.of.Sites[i].Name, CatchAll: x.of.Sites[i].CatchAll, Endpoints: make([]inventory.Endpoint, 0, at[code]),
		})
		at[code] = len(out.Sites) - 1
	}
	if f == OpenAPI && len(out.Sites) > 1 {
		return inventory.Inventory{}, wrong("site", "an OpenAPI document describes one site: choose one of %s", strings.Join(x.names(q.Within), ", "))
	}
	for _, row := range s.rows {
		site := &out.Sites[at[x.dims[Site].codes[row]]]
		site.Endpoints = append(site.Endpoints, *x.rows[row])
	}
	return out, nil
}

// Write writes an inventory. An OpenAPI document is made of its first site; callers choose one.
func Write(w io.Writer, f Format, v inventory.Inventory) error {
	switch f {
	case CSV:
		return writeCSV(w, v)
	case OpenAPI:
		return openapi.Write(w, &v.Sites[0], v.Version)
	default:
		return writeJSON(w, v)
	}
}

// writeJSON writes all endpoints as one array, one at a time: together they may be large.
func writeJSON(w io.Writer, v inventory.Inventory) error {
	b := bufio.NewWriterSize(w, 64<<10)
	between := "[\n  "
	for i := range v.Sites {
		for j := range v.Sites[i].Endpoints {
			_, _ = b.WriteString(between) // the error stays in b
			between = ",\n  "
			text, err := json.MarshalIndent(&v.Sites[i].Endpoints[j], "  ", "  ")
			if err != nil {
				return err
			}
			_, _ = b.Write(text)
		}
	}
	if between[0] == '[' {
		_, _ = b.WriteString("[]\n")
	} else {
		_, _ = b.WriteString("\n]\n")
	}
	return b.Flush()
}

func writeCSV(w io.Writer, v inventory.Inventory) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{
		"id", "site", "host", "method", "template", "operation", "state", "documented", "lifecycle", "requests", "confidence", "first_seen", "last_seen",
		"auth", "credentials", "access", "purpose", "sensitive", "owner", "labels", "risk", "callers",
	})
	for i := range v.Sites {
		for j := range v.Sites[i].Endpoints {
			e := &v.Sites[i].Endpoints[j]
			var sensitive []string
			for _, s := range e.Sensitive {
				sensitive = append(sensitive, s.Class+" in "+s.Where)
			}
			row := []string{
				strconv.FormatUint(uint64(e.ID), 10), e.Site, e.Host, e.Method, e.Template, e.Operation, string(e.State), strconv.FormatBool(e.Documented),
				strings.Join(e.Lifecycle, " "), strconv.FormatUint(e.Requests, 10), strconv.FormatFloat(e.Confidence, 'g', 3, 64), timeText(e.FirstSeen), timeText(e.LastSeen),
				string(e.Auth), strings.Join(e.Credentials, " "), string(e.Access), e.Purpose, strings.Join(sensitive, "; "), e.Owner,
				strings.Join(e.Labels, " "), strconv.FormatFloat(e.Risk.Score, 'f', -1, 64), strconv.FormatUint(e.Callers, 10),
			}
			for k := range row {
				row[k] = Cell(row[k])
			}
			_ = out.Write(row) // the error stays in out
		}
	}
	out.Flush()
	return out.Error()
}

// Cell keeps a spreadsheet from running text from traffic as a formula (OWASP, CSV Injection): such text begins with an
// apostrophe. Control characters become spaces, and what turns the direction of writing goes.
func Cell(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return ' '
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
	if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " \u00a0")); strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + s
	}
	return s
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
