package entry

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MarshalJSON writes the entry as AppendJSON does.
func (e Entry) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// AppendJSON appends the entry as one line of JSON without a line break: a HAR 1.2 entry with _client, _site and _label.
// Written by hand because whole past days are made at start-up (BenchmarkGenerate).
func (e *Entry) AppendJSON(b []byte) []byte {
	ms := float64(e.Duration) / float64(time.Millisecond)
	b = append(b, `{"startedDateTime":"`...)
	b = e.Started.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(b, `","time":`...)
	b = strconv.AppendFloat(b, ms, 'f', 3, 64)
	b = append(b, `,"request":{"method":`...)
	b = appendString(b, e.Request.Method)
	b = append(b, `,"url":`...)
	b = appendString(b, e.Request.URL)
	b = append(b, `,"httpVersion":`...)
	b = appendString(b, e.Request.Version)
	b = append(b, `,"cookies":`...)
	b = appendCookies(b, e.Request.Headers)
	b = append(b, `,"headers":`...)
	b = appendHeaders(b, e.Request.Headers)
	b = append(b, `,"queryString":`...)
	b = appendQuery(b, e.Request.URL)
	if e.Request.Body != "" {
		b = append(b, `,"postData":{"mimeType":`...)
		b = appendString(b, Value(e.Request.Headers, "content-type"))
		b = appendText(b, e.Request.Body)
		b = append(b, '}')
	}
	b = append(b, `,"headersSize":-1,"bodySize":`...)
	b = strconv.AppendInt(b, int64(len(e.Request.Body)), 10)
	b = append(b, `},"response":{"status":`...)
	b = strconv.AppendInt(b, int64(e.Response.Status), 10)
	b = append(b, `,"statusText":`...)
	b = appendString(b, http.StatusText(e.Response.Status))
	b = append(b, `,"httpVersion":`...)
	b = appendString(b, e.Response.Version)
	b = append(b, `,"cookies":[],"headers":`...)
	b = appendHeaders(b, e.Response.Headers)
	size := len(e.Response.Body)
	if e.Response.BodyUnknown {
		size = -1
	}
	b = append(b, `,"content":{"size":`...)
	b = strconv.AppendInt(b, int64(size), 10)
	b = append(b, `,"mimeType":`...)
	b = appendString(b, Value(e.Response.Headers, "content-type"))
	if e.Response.Body != "" {
		b = appendText(b, e.Response.Body)
	}
	b = append(b, `},"redirectURL":`...)
	b = appendString(b, Value(e.Response.Headers, "location"))
	b = append(b, `,"headersSize":-1,"bodySize":`...)
	b = strconv.AppendInt(b, int64(size), 10)
	b = append(b, `},"cache":{},"timings":{"send":0,"wait":`...)
	b = strconv.AppendFloat(b, ms, 'f', 3, 64)
	b = append(b, `,"receive":0},"_client":`...)
	b = e.appendClient(b)
	if e.Site != "" {
		b = append(b, `,"_site":`...)
		b = appendString(b, e.Site)
	}
	b = append(b, `,"_label":{"actor":`...)
	b = appendString(b, e.Label.Actor)
	b = append(b, `,"kind":`...)
	b = appendString(b, e.Label.Kind)
	if e.Label.Campaign != "" {
		b = append(b, `,"campaign":`...)
		b = appendString(b, e.Label.Campaign)
	}
	return append(b, "}}"...)
}

// appendClient writes the connection; headerOrder repeats the names in wire order, because tools that rewrite HAR sort headers.
func (e *Entry) appendClient(b []byte) []byte {
	b = append(b, `{"ip":`...)
	b = appendString(b, e.Client.IP)
	b = append(b, `,"port":`...)
	b = strconv.AppendInt(b, int64(e.Client.Port), 10)
	if e.Client.JA4 != "" {
		b = append(b, `,"ja4":`...)
		b = appendString(b, e.Client.JA4)
	}
	if e.Client.H2 != "" {
		b = append(b, `,"h2":`...)
		b = appendString(b, e.Client.H2)
	}
	b = append(b, `,"headerOrder":[`...)
	for i := range e.Request.Headers {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, e.Request.Headers[i].Name)
	}
	return append(b, "]}"...)
}

// appendText writes ,"text": and, for bytes that are no text, ,"encoding":"base64".
func appendText(b []byte, s string) []byte {
	b = append(b, `,"text":`...)
	if utf8.ValidString(s) {
		return appendString(b, s)
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, []byte(s))
	return append(b, `","encoding":"base64"`...)
}

func appendPair(b []byte, name, value string) []byte {
	b = append(b, `{"name":`...)
	b = appendString(b, name)
	b = append(b, `,"value":`...)
	b = appendString(b, value)
	return append(b, '}')
}

func appendHeaders(b []byte, hs []Header) []byte {
	b = append(b, '[')
	for i := range hs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPair(b, hs[i].Name, hs[i].Value)
	}
	return append(b, ']')
}

func appendCookies(b []byte, hs []Header) []byte {
	b = append(b, '[')
	first := true
	for pair := range strings.SplitSeq(Value(hs, "cookie"), ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendPair(b, name, value)
	}
	return append(b, ']')
}

func appendQuery(b []byte, rawURL string) []byte {
	b = append(b, '[')
	_, query, _ := strings.Cut(rawURL, "?")
	first := true
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		name, value, _ := strings.Cut(pair, "=")
		b = appendPair(b, unescape(name), unescape(value))
	}
	return append(b, ']')
}

// unescape decodes a query part and leaves what cannot be decoded as it is.
func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// appendString appends s as a JSON string; bytes that are no UTF-8 become U+FFFD (RFC 8259 has no way to carry them).
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, "\uFFFD"...)
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
