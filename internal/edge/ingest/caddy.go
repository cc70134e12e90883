package ingest

import "merlon/internal/edge/ingest/jsonlog"

// formatCaddy is Caddy's access log as JSON, its default. Other messages of the same log are passed over.
func formatCaddy() *format {
	return jsonLines("caddy", "Caddy's access log as JSON", jsonlog.Caddy())
}
