package estate

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"merlon/internal/control/admin"
	index "merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
)

// export sends what the address selects as a file. It may be large, so it is sent as it is written: whatever can be wrong is
// found before.
func (s *room) export(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Active = "inventory"
	q, err := index.Parse(r.URL.Query())
	if err != nil {
		return mistake(err)
	}
	f := admin.Format(r.URL.Query().Get("format"))
	if !slices.Contains(admin.Formats(), f) {
		return &admin.InputError{Field: "format", Err: fmt.Errorf("use one of %v", admin.Formats())}
	}
	v, err := s.Admin.ExportFound(r.Context(), p.Caller, f, q)
	if err != nil {
		return err
	}
	if f == admin.FormatOpenAPI && len(v.Sites) == 0 {
		return admin.ErrNotFound
	}
	media, ext := "application/json", "json"
	switch f {
	case admin.FormatCSV:
		media, ext = "text/csv; charset=utf-8; header=present", "csv"
	case admin.FormatOpenAPI:
		media, ext = "application/vnd.oai.openapi+json;version=3.1", "openapi.json"
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="inventory-%d.%s"`, v.Version, ext))
	_ = admin.Export(w, f, v) // the reader has gone
	return nil
}

// mistake makes a mistake in an address one that the page of errors knows.
func mistake(err error) error {
	var wrong *index.Wrong
	if errors.As(err, &wrong) {
		return &admin.InputError{Field: wrong.Field, Err: wrong.Err}
	}
	return err
}
