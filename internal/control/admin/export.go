package admin

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

// Format is how an inventory is exported.
type Format string

// The formats of an export.
const (
	FormatJSON    Format = "json"
	FormatCSV     Format = "csv"
	FormatOpenAPI Format = "openapi"
)

// Formats lists them.
func Formats() []Format { return []Format{FormatJSON, FormatCSV, FormatOpenAPI} }

// ExportInventory is the endpoints to export, with all that is known of each; site may be "" where it does not matter
// (csv, json), or where there is one site.
func (a *Admin) ExportInventory(_ context.Context, c Caller, f Format, site string) (inventory.Inventory, error) {
	if err := c.Need(account.SeeInventory); err != nil {
		return inventory.Inventory{}, err
	}
	x := a.current()
	if x == nil {
		return inventory.Inventory{}, ErrNotFound
	}
	out := inventory.Inventory{Version: x.of.Version, At: x.of.At}
	var names []string
	for i := range x.of.Sites {
		s := &x.of.Sites[i]
		names = append(names, s.Name)
		if site == "" || s.Name == site {
			out.Sites = append(out.Sites, inventory.Site{Name: s.Name, CatchAll: s.CatchAll, Endpoints: make([]inventory.Endpoint, 0, len(s.Endpoints))})
		}
	}
	if site != "" && len(out.Sites) == 0 {
		return out, wrong("site", "there is none of that name: use one of %s", strings.Join(names, ", "))
	}
	if f == FormatOpenAPI && len(out.Sites) > 1 {
		return out, wrong("site", "an OpenAPI document describes one site: choose one of %s", strings.Join(names, ", "))
	}
	for i := range x.entries {
		for j := range out.Sites {
			if s := &out.Sites[j]; s.Name == x.entries[i].Site {
				s.Endpoints = append(s.Endpoints, x.entries[i].Endpoint)
			}
		}
	}
	return out, nil
}

// Export writes an inventory. An OpenAPI document is made of its first site; callers choose one.
func Export(w io.Writer, f Format, v inventory.Inventory) error {
	switch f {
	case FormatCSV:
		return writeCSV(w, v)
	case FormatOpenAPI:
		if len(v.Sites) == 0 {
			return ErrNotFound
		}
		return writeOpenAPI(w, &v.Sites[0], v.Version)
	default:
		all := []inventory.Endpoint{}
		for i := range v.Sites {
			all = append(all, v.Sites[i].Endpoints...)
		}
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
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
				row[k] = cell(row[k])
			}
			_ = out.Write(row) // the error stays in out
		}
	}
	out.Flush()
	return out.Error()
}

// cell keeps a spreadsheet from running text from traffic as a formula (OWASP, CSV Injection): such text begins with an
// apostrophe. Control characters become spaces.
func cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
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
