package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// page is a part of a list. NextCursor is empty on the last.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
	Total      *int   `json:"total,omitempty"`
}

func (s *server) inventory(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r.URL.RawQuery, inventoryQuery()).inventory()
	if err != nil {
		return err
	}
	found, err := s.Admin.Inventory(r.Context(), caller(r), q)
	if err != nil {
		return err
	}
	out := page[inventory.Endpoint]{Items: found.Endpoints, Total: &found.Total}
	if n := len(found.Endpoints); found.More && n > 0 {
		out.NextCursor = strconv.FormatUint(uint64(found.Endpoints[n-1].ID), 10)
	}
	return write(w, http.StatusOK, out)
}

func endpointID(r *http.Request) (identity.EndpointID, error) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err != nil || n == 0 {
		return 0, admin.ErrNotFound
	}
	return identity.EndpointID(n), nil
}

func (s *server) endpoint(w http.ResponseWriter, r *http.Request) error {
	id, err := endpointID(r)
	if err != nil {
		return err
	}
	e, err := s.Admin.Endpoint(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, e)
}

func (s *server) editEndpoint(w http.ResponseWriter, r *http.Request) error {
	id, err := endpointID(r)
	if err != nil {
		return err
	}
	var in struct {
		Owner  *string   `json:"owner"`
		Labels *[]string `json:"labels"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	e, err := s.Admin.Endpoint(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	// What is not said stays.
	if in.Owner == nil {
		in.Owner = &e.Owner
	}
	if in.Labels == nil {
		in.Labels = &e.Labels
	}
	if e, err = s.Admin.EditEndpoint(r.Context(), caller(r), id, *in.Owner, *in.Labels); err != nil {
		return err
	}
	e.Detail = nil
	return write(w, http.StatusOK, e)
}

func (s *server) export(w http.ResponseWriter, r *http.Request) error {
	q := parseQuery(r.URL.RawQuery, []Parameter{{Name: "format"}, {Name: "site"}})
	format := admin.Format(q.word("format", string(admin.FormatJSON), string(admin.FormatCSV), string(admin.FormatOpenAPI)))
	if q.err != nil {
		return q.err
	}
	if format == "" {
		format = admin.FormatJSON
	}
	v, err := s.Admin.ExportInventory(r.Context(), caller(r), format, q.text("site"))
	if err != nil {
		return err
	}
	var b bytes.Buffer // whole before it is sent, so that an error is still an error
	if err := admin.Export(&b, format, v); err != nil {
		return err
	}
	media, ext := "application/json", "json"
	switch format {
	case admin.FormatCSV:
		media, ext = "text/csv; charset=utf-8; header=present", "csv"
	case admin.FormatOpenAPI:
		media, ext = "application/vnd.oai.openapi+json;version=3.1", "openapi.json"
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="inventory-%d.%s"`, v.Version, ext))
	_, _ = b.WriteTo(w)
	return nil
}

func (s *server) status(w http.ResponseWriter, r *http.Request) error {
	st, err := s.Admin.Status(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, struct {
		admin.Status
		LearnedShare float64 `json:"learned_share"`
	}{st, st.LearnedShare()})
}

func (s *server) series(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r.URL.RawQuery, []Parameter{{Name: "site"}, {Name: "endpoint"}, {Name: "from"}, {Name: "to"}, {Name: "step"}}).series(s.Admin.Now())
	if err != nil {
		return err
	}
	points, err := s.Admin.Series(r.Context(), caller(r), q)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, map[string]any{"items": points})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) error {
	return write(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	if err := s.Admin.Ready(r.Context()); err != nil {
		status := "the database does not answer"
		if errors.Is(err, admin.ErrDraining) {
			status = "draining"
		}
		s.Log.Warn("not ready", "cause", err)
		return write(w, http.StatusServiceUnavailable, map[string]string{"status": status})
	}
	return write(w, http.StatusOK, map[string]string{"status": "ready"})
}

func (s *server) metrics(w http.ResponseWriter, r *http.Request) error {
	if s.Metrics == nil {
		return admin.ErrNotFound
	}
	s.Metrics.ServeHTTP(w, r)
	return nil
}

func (s *server) description(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.self)
	return nil
}

// days is a number of days as a duration.
func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
