package entry

import (
	"strconv"
	"strings"
)

// Combined prints an entry as a line of the combined log format, without a line break: what a web server in front would have logged.
// Bytes that would break the quoting are escaped as Apache and nginx do (\xHH).
func Combined(e Entry) string { return string(e.AppendCombined(nil)) }

// AppendCombined appends what Combined prints.
func (e *Entry) AppendCombined(b []byte) []byte {
	target := e.Request.URL
	if _, rest, ok := strings.Cut(target, "://"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		target = "/" + rest
	}
	b = append(b, e.Client.IP...)
	b = append(b, " - - ["...)
	b = e.Started.UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = appendLogged(b, e.Request.Method)
	b = append(b, ' ')
	b = appendLogged(b, target)
	b = append(b, ' ')
	b = append(b, e.Request.Version...)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(e.Response.Status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(e.Response.Body)), 10)
	b = append(b, ` "`...)
	b = appendLogged(b, orDash(Value(e.Request.Headers, "Referer")))
	b = append(b, `" "`...)
	b = appendLogged(b, orDash(Value(e.Request.Headers, "User-Agent")))
	return append(b, '"')
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func appendLogged(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7F || c == '"' || c == '\\' {
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}
