package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/api"
	"merlon/internal/control/web"
)

// serve puts the whole surface of a world on a loopback port.
func serve(t *testing.T, w *admintest.World) *httptest.Server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h, err := admin.Handler(admin.Surface{
		Config: config.Admin{Address: "127.0.0.1:9901"}, Log: log,
		API: api.New(api.Options{Admin: w.Admin, Metrics: http.NotFoundHandler(), Log: log}), Web: web.New(web.Options{Admin: w.Admin, Log: log}),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}
