package ingest

import "merlon/internal/model/exchange"

// formatCommon is the common log format of CERN httpd, as Apache httpd writes it:
//
//	host identity user [time] "request" status size
func formatCommon() *format {
	return &format{
		Name: "common", About: "access log of Apache httpd without referer and User-Agent",
		Source: exchange.SourceAccessLog,
		sniff: func(line []byte) bool {
			var l logLine
			return l.parse(line) == 0 && blank(l.rest)
		},
		time: logTime,
		open: func(s *source, _ settings) (records, decoder) { return newLines(s, maxLogLine), newAccessLog(false) },
	}
}
