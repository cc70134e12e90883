package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"merlon/internal/control/admin"
	"merlon/internal/control/api/quota"
)

// once carries a request out, unless it was carried out before: then it answers as it did.
func (s *server) once(w http.ResponseWriter, a *ask, route *Route) error {
	key := strings.Trim(a.Header.Get("Idempotency-Key"), `"`)
	if len(a.Header.Values("Idempotency-Key")) > 1 || key == "" || len(key) > quota.MaxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return &admin.InputError{Field: "Idempotency-Key", Err: errors.New("write 1 to 255 visible ASCII characters, such as a UUID")}
	}
	body, err := io.ReadAll(a.Body) // bounded by admin.MaxBody
	if err != nil {
		return err
	}
	a.Body = io.NopCloser(bytes.NewReader(body))
	mark := sha256.Sum256(append([]byte(a.Method+" "+a.URL.RequestURI()+"\n"), body...))
	key = callerKey(a) + "\n" + key
	was, err := s.repeats.Begin(key, mark, route.Secret, s.Admin.Now())
	if err != nil {
		return err
	}
	if was != nil {
		maps.Copy(w.Header(), was.Header)
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(was.Status)
		_, _ = w.Write(was.Body)
		return nil
	}
	rec := &quota.Recorder{Fields: http.Header{}}
	defer func() { s.repeats.End(key, rec.Status, rec.Fields, rec.Body.Bytes()) }() // a panic forgets it, too
	if err := route.handle(s, rec, a); err != nil {
		rec.Status = 0
		return err
	}
	maps.Copy(w.Header(), rec.Fields)
	w.WriteHeader(rec.Status)
	_, _ = w.Write(rec.Body.Bytes())
	return nil
}
