package ingest

import "merlon/internal/model/exchange"

// formatCombined is the combined log format of Apache httpd (mod_log_config) and nginx (ngx_http_log_module):
//
//	host identity user [time] "request" status size "referer" "user agent"
//
// What stands behind the User-Agent (many add times or forwarded addresses) is not read.
func formatCombined() *format {
	return &format{
		Name: "combined", About: "access log of Apache httpd and nginx with referer and User-Agent",
		Source: exchange.SourceAccessLog,
		sniff: func(line []byte) bool {
			var l logLine
			return l.parse(line) == 0 && l.parseAgent() == 0
		},
		time: logTime,
		open: func(s *source, _ settings) (records, decoder) { return newLines(s, maxLogLine), newAccessLog(true) },
	}
}
