package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/web"
	"merlon/internal/model/account"
)

// BenchmarkPages is what a page of a large estate takes on the server: 100,000 endpoints, as an administrator's token.
func BenchmarkPages(b *testing.B) {
	w := admintest.New(b)
	w.Fill(b, 100_000)
	token := w.Token(b, w.SignIn(b).Caller, account.Admin)
	h := web.New(web.Options{Admin: w.Admin, Log: slog.New(slog.DiscardHandler)})
	for _, path := range []string{"/", "/inventory", "/inventory?q=patients+records&sort=risk", "/inventory/tree", "/inventory/5", "/activity"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9901"+path, nil)
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Accept-Encoding", "gzip")
				rec := httptest.NewRecorder()
				if h.ServeHTTP(rec, r); rec.Code != http.StatusOK {
					b.Fatal(path, rec.Code, rec.Body.String())
				}
			}
		})
	}
}
