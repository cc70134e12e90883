package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// blockRow is a block as shown; endpoints by their template where the id is known.
type blockRow struct {
	bundle.Entry
	Endpoint *inventory.Endpoint
}

func (s *server) blocks(w http.ResponseWriter, r *http.Request, p *page) error {
	return s.showBlocks(w, r, p, http.StatusOK, url.Values{})
}

func (s *server) showBlocks(w http.ResponseWriter, r *http.Request, p *page, status int, typed url.Values) error {
	p.Title, p.Active = "Blocks", "blocks"
	all, err := s.Admin.Standing(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	rows := make([]blockRow, 0, len(all))
	for _, e := range all {
		row := blockRow{Entry: e}
		if id, err := strconv.ParseUint(e.Value, 10, 32); err == nil && e.Kind == bundle.ListEndpoint {
			if known, err := s.Admin.Endpoint(r.Context(), p.Caller, identity.EndpointID(id)); err == nil {
				row.Endpoint = &known
			}
		}
		rows = append(rows, row)
	}
	return s.show(w, r, status, blocksPage(p, rows, typed, s.Admin.Now()))
}

// duration is a choice of how long a block holds.
type duration struct{ Key, Text string }

func durations() []duration {
	return []duration{{"1h", "1 hour"}, {"24h", "1 day"}, {"168h", "7 days"}, {"720h", "30 days"}, {"", "Until removed"}}
}

func (s *server) block(w http.ResponseWriter, r *http.Request, p *page) error {
	f := r.PostForm
	b := admin.Block{Kind: bundle.ListKind(f.Get("kind")), Value: f.Get("value"), Mode: bundle.Mode(f.Get("mode")), Why: f.Get("why")}
	if d, err := time.ParseDuration(f.Get("for")); err == nil && d > 0 && d <= 366*24*time.Hour {
		b.Until = s.Admin.Now().Add(d)
	}
	if _, err := s.Admin.Block(r.Context(), p.Caller, b); err != nil {
		if status, ok := refused(w, p, err); ok {
			return s.showBlocks(w, r, p, status, f)
		}
		return err
	}
	http.Redirect(w, r, back(f.Get("back"), "blocked"), http.StatusSeeOther)
	return nil
}

func (s *server) unblock(w http.ResponseWriter, r *http.Request, p *page) error {
	if err := s.Admin.Unblock(r.Context(), p.Caller, r.PathValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, back(r.PostForm.Get("back"), "unblocked"), http.StatusSeeOther)
	return nil
}

// back is the page a form came from, with what was done; the list of blocks when it does not say.
func back(path, done string) string {
	if path = within(path); path == "/" || strings.ContainsAny(path, "?#") {
		path = "/blocks"
	}
	return path + "?done=" + done
}

// orElse is what was typed, or what stands there at first.
func orElse(typed url.Values, key, otherwise string) string {
	if typed.Has(key) {
		return typed.Get(key)
	}
	return otherwise
}
