package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/model/bundle"
)

func (s *server) standing(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.Standing(r.Context(), r.caller)
	if err != nil {
		return err
	}
	out, err := pageOf(r.query, all, func(e *bundle.Entry) string { return e.ID }, same)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

// newBlock is what somebody wants kept out.
type newBlock struct {
	Site  string          `json:"site,omitempty"` // "" for every site
	Kind  bundle.ListKind `json:"kind"`
	Value string          `json:"value"`
	Mode  bundle.Mode     `json:"mode,omitempty"` // enforce when left out
	Until time.Time       `json:"until,omitzero"` // until removed when left out
	Why   string          `json:"why,omitempty"`
}

func (s *server) block(w http.ResponseWriter, r *ask) error {
	var in newBlock
	if err := read(r, &in); err != nil {
		return err
	}
	e, err := s.Admin.Block(r.Context(), r.caller, in.block())
	if err != nil {
		return err
	}
	return write(w, r, http.StatusCreated, e)
}

func (b *newBlock) block() admin.Block {
	return admin.Block{Site: b.Site, Kind: b.Kind, Value: b.Value, Mode: b.Mode, Until: b.Until, Why: b.Why}
}

func (s *server) unblock(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.Unblock(r.Context(), r.caller, r.PathValue("id")))
}

func (s *server) audit(w http.ResponseWriter, r *ask) error {
	q, err := r.query.Audit()
	if err != nil {
		return err
	}
	all, err := s.Admin.Audit(r.Context(), r.caller, q)
	if err != nil {
		return err
	}
	out := page[admin.AuditEntry]{Items: all}
	if len(all) == q.Limit {
		out.NextCursor = strconv.FormatUint(all[len(all)-1].Number, 10)
	}
	return write(w, r, http.StatusOK, out)
}

// exportAudit streams all that a filter selects, a page at a time, so that a long log takes no memory.
func (s *server) exportAudit(w http.ResponseWriter, r *ask) error {
	asCSV := r.query.Word("format", "ndjson", "csv") == "csv"
	q, err := r.query.Audit()
	if err != nil {
		return err
	}
	out := stream{w: w, media: "application/x-ndjson", name: "merlon-audit.ndjson"}
	if asCSV {
		out.media, out.name = "text/csv; charset=utf-8; header=present", "merlon-audit.csv"
	}
	first := true
	err = s.Admin.EachAudit(r.Context(), r.caller, q, func(page []admin.AuditEntry) error {
		b, err := auditLines(page, asCSV, first)
		if first = false; err != nil {
			return err
		}
		return out.write(b)
	})
	return out.end(err)
}

func auditLines(entries []admin.AuditEntry, asCSV, first bool) ([]byte, error) {
	var b bytes.Buffer
	if !asCSV {
		lines := json.NewEncoder(&b)
		for i := range entries {
			if err := lines.Encode(&entries[i]); err != nil {
				return nil, err
			}
		}
		return b.Bytes(), nil
	}
	c := csv.NewWriter(&b)
	if first {
		_ = c.Write([]string{"number", "at", "actor", "address", "action", "target", "detail", "hash"})
	}
	for _, e := range entries { // cells from people must not begin a formula
		_ = c.Write([]string{
			strconv.FormatUint(e.Number, 10), e.At.UTC().Format(time.RFC3339Nano), estate.Cell(e.Actor), e.Address, e.Action, estate.Cell(e.Target), estate.Cell(e.Detail), e.Hash,
		})
	}
	c.Flush()
	return b.Bytes(), c.Error()
}

// chain is what a walk over the whole audit log found.
type chain struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Broken is the first entry that is changed, missing or added; 0 when the chain is whole.
	Broken uint64 `json:"broken"`
	Hash   string `json:"hash"`
}

func (s *server) verifyAudit(w http.ResponseWriter, r *ask) error {
	c, err := s.Admin.VerifyAudit(r.Context(), r.caller)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, chain(c))
}
