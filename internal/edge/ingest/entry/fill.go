package entry

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/edge/ingest/stamp"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// Decode fills x from an entry.
func (d *Decoder) Decode(text []byte, x *exchange.Exchange) record.Cause {
	if cause := d.Scan(text); cause != 0 {
		return cause
	}
	e := &d.e
	var ok bool
	if x.At, ok = stamp.RFC3339(e.started); !ok {
		return record.CauseTime
	}
	if !record.IsMethod(e.method) {
		return record.CauseMethod
	}
	x.Method = e.method
	x.Observed = exchange.SawRequestLine
	// The lists are swapped, not copied, as x and the decoder live side by side.
	x.Request.Fields, e.request = e.request, x.Request.Fields[:0]
	x.Response.Fields, e.response = e.response, x.Response.Fields[:0]
	if cause := d.setURL(x); cause != 0 {
		return cause
	}
	d.setClient(x)
	d.setFields(x)
	if cause := d.setBodies(x); cause != 0 {
		return cause
	}
	if e.status >= 100 && e.status <= 999 {
		x.Status = e.status
		x.Observed |= exchange.SawStatus
	}
	if e.elapsed > 0 || e.wait > 0 {
		x.Observed |= exchange.SawLatency
		if e.wait <= 0 || e.elapsed > 0 && e.wait > e.elapsed {
			e.wait = e.elapsed
		}
		x.Latency, x.Duration = nanoseconds(e.wait), nanoseconds(max(e.wait, e.elapsed))
	}
	if len(e.site) > 0 {
		x.Site = d.site(e.site)
	}
	return 0
}

// nanoseconds of a number of milliseconds, at most a year.
func nanoseconds(ms float64) int64 { return int64(min(ms, 365*86400e3) * 1e6) }

// setURL takes the URL apart: an absolute one, or just path and query. Data and the like are no exchanges.
func (d *Decoder) setURL(x *exchange.Exchange) record.Cause {
	u := d.e.url
	if k := bytes.IndexByte(u, '#'); k >= 0 {
		u = u[:k] // HAR leaves fragments out; some tools do not, and none was ever sent
	}
	if len(u) == 0 {
		return record.CauseURL
	}
	if u[0] != '/' {
		colon := bytes.IndexByte(u, ':')
		if colon < 1 {
			return record.CauseURL
		}
		switch string(u[:colon]) {
		case "http", "https", "ws", "wss":
		case "data", "blob", "about", "file", "chrome-extension", "moz-extension", "javascript":
			return record.CauseSkip
		default:
			return record.CauseURL
		}
		if u = u[colon+1:]; len(u) < 3 || u[0] != '/' || u[1] != '/' {
			return record.CauseURL
		}
		u = u[2:]
		end := bytes.IndexAny(u, "/?")
		if end < 0 {
			end = len(u)
		}
		x.Host = record.HostOnly(u[:end:end])
		switch u = u[end:]; {
		case len(u) == 0:
			from := len(d.s.Arena)
			d.s.Arena = append(d.s.Arena, '/')
			u = d.s.Arena[from : from+1 : from+1]
		case u[0] == '?':
			from := len(d.s.Arena)
			d.s.Arena = append(append(d.s.Arena, '/'), u...)
			u = d.s.Arena[from:len(d.s.Arena):len(d.s.Arena)]
		}
	}
	d.target.Set(x, u)
	return 0
}

func (d *Decoder) setClient(x *exchange.Exchange) {
	if addr, ok := record.Address(d.e.ip); ok {
		x.Client.Addr = addr
		if d.e.port > 0 && d.e.port < 1<<16 {
			x.Client.Port = uint16(d.e.port)
		}
		x.Observed |= exchange.SawClient
	}
	if len(d.e.ja4) > 0 && len(d.e.ja4) <= identity.MaxJA4 {
		x.Client.JA4 = d.site(d.e.ja4)
	}
	x.Client.HTTP2 = connectionPrint(d.e.h2)
}

// connectionPrint reads a fingerprint of HTTP/2: 16 hexadecimal digits are one of ours, as verdict lines show it; any other
// text, such as that of Akamai's form, is hashed.
func connectionPrint(text []byte) identity.Fingerprint {
	if len(text) == 0 {
		return 0
	}
	if len(text) == 16 {
		if n, err := strconv.ParseUint(string(text), 16, 64); err == nil {
			return identity.Fingerprint(n)
		}
	}
	return identity.Fingerprint(exchange.MemberLoc(0x6d68320000000002, text))
}

// setFields settles host, header order and what the headers show.
func (d *Decoder) setFields(x *exchange.Exchange) {
	if len(x.Request.Fields) > 0 {
		x.Observed |= exchange.SawRequestHeaders | exchange.SawUserAgent | exchange.SawCredentials
	}
	if len(x.Response.Fields) > 0 {
		x.Observed |= exchange.SawResponseHeaders
	}
	kept := x.Request.Fields[:0]
	for i := range x.Request.Fields {
		f := x.Request.Fields[i]
		switch f.ID {
		case exchange.HeaderHost:
			if len(f.Value) > 0 {
				x.Host = record.HostOnly(f.Value)
			}
		case exchange.HeaderAuthorization, exchange.HeaderCookie, exchange.HeaderXAPIKey:
			d.shown = true
		case exchange.HeaderOther:
			if f.Name[0] == ':' { // HTTP/2 pseudo-header fields, as browsers list them
				if string(f.Name) == ":authority" && len(f.Value) > 0 {
					x.Host = record.HostOnly(f.Value)
				}
				continue
			}
		}
		kept = append(kept, f)
	}
	x.Request.Fields = kept
	if d.MayHide && !d.shown {
		x.Observed &^= exchange.SawCredentials
	}
	if d.e.hasOrder {
		x.Observed |= exchange.SawHeaderOrder
		d.reorder(x)
	}
}

// reorder puts the request's fields into wire order and casing. Fields that the order does not name keep theirs, behind.
func (d *Decoder) reorder(x *exchange.Exchange) {
	fields, order := x.Request.Fields, d.e.order
	same := len(order) <= len(fields)
	for i := 0; same && i < len(order); i++ {
		same = equalFold(fields[i].Name, order[i])
	}
	if same {
		for i, name := range order {
			fields[i].Name = name
		}
		return
	}
	if len(order) > maxOrdered {
		order = order[:maxOrdered]
	}
	out := d.fields[:0]
	for _, name := range order {
		for i := range fields {
			if fields[i].Name != nil && equalFold(fields[i].Name, name) {
				f := fields[i]
				f.Name = name
				out = append(out, f)
				fields[i].Name = nil // taken
				break
			}
		}
	}
	for i := range fields {
		if fields[i].Name != nil {
			out = append(out, fields[i])
		}
	}
	d.fields, x.Request.Fields = fields[:0], out
}

// maxOrdered bounds the work of reorder, which compares every name with every field.
const maxOrdered = 128

// equalFold compares ASCII names.
func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		o := b[i]
		if c != o && (c|0x20 != o|0x20 || (c|0x20)-'a' > 25) {
			return false
		}
	}
	return true
}

// setBodies fills both bodies and says which of them could be seen.
func (d *Decoder) setBodies(x *exchange.Exchange) record.Cause {
	e := &d.e
	if !e.post.hasText && len(e.postParams) > 0 && bytes.HasPrefix(e.post.mime, []byte("application/x-www-form-urlencoded")) {
		e.post.text, e.post.hasText = d.formText(), true
	}
	post := e.post
	post.size = e.requestSize
	seen, cause := d.body(&x.Request, &post, e.requestSize)
	if cause != 0 {
		return cause
	}
	if !seen && e.requestSize < 0 && len(e.post.mime) == 0 && (string(x.Method) == "GET" || string(x.Method) == "HEAD") {
		seen = true // these have none (RFC 9110 section 9.3.1), and tools that know no size say -1
	}
	if seen {
		x.Observed |= exchange.SawRequestBody
	}
	if seen, cause = d.body(&x.Response, &e.body, e.responseSize); cause != 0 {
		return cause
	}
	if seen || e.status == 204 || e.status == 304 || e.status/100 == 1 || string(x.Method) == "HEAD" {
		x.Observed |= exchange.SawResponseBody
	}
	for _, m := range [...]struct {
		message *exchange.Message
		mime    []byte
	}{{&x.Request, e.post.mime}, {&x.Response, e.body.mime}} {
		if _, ok := m.message.Field(exchange.HeaderContentType); !ok && len(m.message.Body) > 0 && len(m.mime) > 0 {
			m.message.Fields = append(m.message.Fields, exchange.Field{Name: d.contentType, Value: m.mime, ID: exchange.HeaderContentType})
		}
		dropDecoded(m.message)
	}
	return 0
}

// body fills a message's body and tells whether the entry shows it. wire is its size as sent, -1 when unknown.
func (d *Decoder) body(m *exchange.Message, c *content, wire int64) (seen bool, cause record.Cause) {
	if c.hasText && (len(c.text) > 0 || c.size <= 0) {
		text := c.text
		if c.base64 {
			from := len(d.s.Arena)
			out, err := base64.StdEncoding.AppendDecode(d.s.Arena, text)
			if err != nil {
				return false, record.CauseBase64
			}
			d.s.Arena = out
			text = out[from:len(out):len(out)]
		}
		whole := int64(len(text))
		if c.size > whole+3 { // three bytes are a byte order mark that was taken off
			whole = c.size
		}
		m.Body = text[:min(len(text), d.limit)]
		m.BodySize = whole
		if wire > 0 && wire < whole && int64(len(m.Body)) == whole {
			m.BodySize = wire // it was compressed
		}
		return true, 0
	}
	m.BodySize = max(wire, c.size, 0)
	return c.size == 0 && wire <= 0 || c.size < 0 && wire == 0, 0
}

// dropDecoded leaves Content-Encoding out where the recorder has undone it already, as HAR asks it to.
func dropDecoded(m *exchange.Message) {
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.ID != exchange.HeaderContentEncoding {
			continue
		}
		b := m.Body
		coded := len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b || len(b) > 4 && string(b[:4]) == "\x28\xb5\x2f\xfd" ||
			len(b) > 2 && b[0] == 0x78 && (uint(b[0])<<8|uint(b[1]))%31 == 0 // gzip, zstd, zlib
		if !coded {
			m.Fields = append(m.Fields[:i], m.Fields[i+1:]...)
		}
		return
	}
}

// formText writes params as a form; recorders leave the text out when they list them.
func (d *Decoder) formText() []byte {
	from := len(d.s.Arena)
	for i, p := range d.e.postParams {
		if i > 0 {
			d.s.Arena = append(d.s.Arena, '&')
		}
		d.s.Arena = append(appendForm(d.s.Arena, p.name), '=')
		d.s.Arena = appendForm(d.s.Arena, p.value)
	}
	return d.s.Arena[from:len(d.s.Arena):len(d.s.Arena)]
}

// appendForm percent-encodes what would end a form's name or value, and leaves the rest as the recorder has it.
func appendForm(dst, v []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range v {
		if c <= ' ' || c == '&' || c == '=' || c == '+' || c >= 0x7f {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// maxSites bounds the names, of sites and of fingerprints, that a decoder remembers; others cost an allocation each.
const maxSites = 1024

func (d *Decoder) site(name []byte) string {
	if s, ok := d.sites[string(name)]; ok {
		return s
	}
	s := string(name[:min(len(name), 253)])
	if len(d.sites) < maxSites {
		d.sites[s] = s
	}
	return s
}
