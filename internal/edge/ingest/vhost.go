package ingest

import "merlon/internal/edge/ingest/logformat"

// formatVhost is Apache httpd's vhost_combined: host:port in front of a combined line.
func formatVhost() *format {
	f, err := logformat.Compile(logformat.VhostCombined, logformat.Apache)
	if err != nil {
		panic(err) // a constant that the tests compile
	}
	return textLines("vhost", "vhost_combined log of Apache httpd: combined behind host:port", f)
}
