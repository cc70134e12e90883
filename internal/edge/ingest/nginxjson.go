package ingest

import "merlon/internal/edge/ingest/jsonlog"

// formatNginxJSON is an access log as JSON whose members are called like nginx's variables, or by the names that people
// give them.
func formatNginxJSON() *format {
	return jsonLines("nginx-json", "access log as JSON with the names of nginx's variables", jsonlog.Nginx())
}
