package eventlist

import (
	"database/sql"
	"net/netip"
	"strings"

	"merlon/internal/store"
	"merlon/internal/store/posting"
)

// plain is a filter as SQL, for the rows that are in no chunk yet. It selects at least what the filter does; exact tells that
// it selects nothing else.
func plain(f *store.EventFilter) (where string, args []any, exact bool) {
	all := []string{"1"}
	add := func(clause string, v ...any) { all, args = append(all, clause), append(args, v...) }
	for _, c := range [...]struct{ column, value string }{
		{"site", f.Site},
		{"node", f.Node},
		{"source", f.Source},
		{"method", f.Method},
		{"host", f.Host},
		{"action", f.Action},
		{"would", f.Would},
		{"mode", f.Mode},
		{"rule", f.Rule},
		{"actor", f.Actor},
		{"principal", f.Principal},
		{"strength", f.Strength},
		{"country", f.Country},
		{"fingerprint", f.Fingerprint},
		{"ja4", f.JA4},
		{"http2", f.HTTP2},
	} {
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	for _, c := range [...]struct {
		clause string
		is     bool
		value  any
	}{
		{"endpoint = ?", f.Endpoint != 0, f.Endpoint},
		{"template = ?", f.Unmatched, ""},
		{"asn = ?", f.ASN != 0, f.ASN},
		{"status = ?", f.Status >= 100, f.Status},
		{"status / 100 = ?", f.Status > 0 && f.Status < 100, f.Status},
		{"severity >= ?", f.MinSeverity > 0, f.MinSeverity},
		{"latency >= ?", f.MinLatency > 0, f.MinLatency.Microseconds()},
		{"notable = ?", f.Notable, true},
		{"instr(finding_ids, ?) > 0", f.Finding != "", "\n" + f.Finding + "\n"},
		{"instr(lower(template), ?) > 0", f.Template != "", lower(f.Template)},
	} {
		if c.is {
			add(c.clause, c.value)
		}
	}
	if !f.From.IsZero() {
		add("at >= ?", f.From.UnixNano())
	}
	if !f.To.IsZero() {
		add("at < ?", f.To.UnixNano())
	}
	exact = true
	if f.RPC != "" {
		add("(rpc = ? OR substr(rpc, 1, ?) = ?)", f.RPC, len(f.RPC)+1, f.RPC+" ")
	}
	if f.UserAgent != "" {
		add("(agent IN (SELECT value FROM event_words WHERE field = ? AND instr(lower(CAST(text AS TEXT)), ?) > 0) OR instr(lower(user_agent), ?) > 0)",
			int(posting.Agent), lower(f.UserAgent), lower(f.UserAgent))
	}
	if f.Address != "" {
		if p, err := netip.ParsePrefix(f.Address); err == nil {
			exact = false
			if p.Addr().Is4() { // the octets that are whole are the beginning of the text
				octets := strings.SplitAfter(p.Masked().Addr().String(), ".")
				from := strings.Join(octets[:min(p.Bits()/8, 3)], "")
				add("substr(address, 1, ?) = ?", len(from), from)
			} else {
				add("instr(address, ?) > 0", ":")
			}
		} else {
			add("address = ?", f.Address)
		}
	}
	return strings.Join(all, " AND "), args, exact
}

// recent is a row of the tail as a histogram needs it.
type recent struct {
	at      int64
	refused bool
}

// recents are the selected rows that are in no chunk.
func (s *search) recents() (out []recent, err error) {
	where, args, exact := plain(s.f)
	args = append(args, s.begin, tailRows)
	if !exact {
		found, err := s.load(`WHERE `+where+` AND row >= ? ORDER BY row DESC LIMIT ?`, args...)
		for i := range found {
			if s.f.Match(&found[i]) {
				out = append(out, recent{found[i].Time.UnixNano(), found[i].Action == refused})
			}
		}
		return out, err
	}
	err = s.each(func(r *sql.Rows) error {
		var one recent
		err := r.Scan(&one.at, &one.refused)
		out = append(out, one)
		return err
	}, `SELECT at, action = 'block' FROM events WHERE `+where+` AND row >= ? ORDER BY row DESC LIMIT ?`, args...)
	return out, err
}

// tailRows bounds what is counted of rows that are in no chunk: of those there are fewer than a chunk's, and for minutes
// after an upgrade more.
const tailRows = 2 * posting.Rows
