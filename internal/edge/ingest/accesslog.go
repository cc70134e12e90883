package ingest

import (
	"bytes"
	"net/netip"

	"merlon/internal/edge/ingest/stamp"
	"merlon/internal/model/exchange"
)

// maxLogLine bounds a line of an access log: servers stop reading request lines at 8 to 32 KiB, and an escaped byte takes
// four characters.
const maxLogLine = 64 << 10

// logLine is a line of an access log, cut into its fields; escapes are still in place.
type logLine struct {
	host, request  []byte
	at             int64
	status         int // 0 when the log shows none
	size           int64
	referer, agent []byte
	rest           []byte // behind what was cut
	clock          stamp.Clock
}

// parse cuts the fields that common and combined share. It does not change the line.
func (l *logLine) parse(line []byte) Cause {
	k := bytes.IndexByte(line, ' ')
	if k <= 0 {
		return CauseSyntax
	}
	l.host = line[:k:k]
	if cause := l.parseTime(line[k+1:]); cause != 0 {
		return cause
	}
	if len(l.rest) < 2 || l.rest[0] != ' ' {
		return CauseSyntax
	}
	var ok bool
	if l.request, l.rest, ok = quoted(l.rest[1:]); !ok {
		return CauseQuotes
	}
	if l.status, l.rest, ok = logStatus(l.rest); !ok {
		return CauseStatus
	}
	if l.size, l.rest, ok = logSize(l.rest); !ok {
		return CauseSize
	}
	return 0
}

// parseTime finds [time] behind identity and user. User names come from clients and may hold spaces and brackets, so the
// first bracket that holds a time counts.
func (l *logLine) parseTime(b []byte) Cause {
	bracket := false
	for i := 0; ; i++ {
		k := bytes.IndexByte(b[i:], '[')
		if k < 0 {
			break
		}
		if i += k; i < 4 || b[i-1] != ' ' || len(b) < i+stamp.LogBytes+2 || b[i+stamp.LogBytes+1] != ']' {
			continue
		}
		bracket = true
		at, ok := l.clock.Parse(b[i+1 : i+1+stamp.LogBytes])
		if !ok {
			continue
		}
		// Identity is one word, and no address: that would be another format with a field in front.
		word := bytes.IndexByte(b, ' ')
		if word <= 0 || word > i-2 {
			return CauseSyntax
		}
		if _, ok := ipv4(b[:word]); ok {
			return CauseClient
		}
		l.at, l.rest = at, b[i+stamp.LogBytes+2:]
		return 0
	}
	if bracket {
		return CauseTime
	}
	return CauseSyntax
}

// parseAgent cuts referer and User-Agent.
func (l *logLine) parseAgent() Cause {
	if blank(l.rest) {
		return CauseShort
	}
	var ok bool
	if l.referer, l.rest, ok = quoted(l.rest[1:]); !ok {
		return CauseQuotes
	}
	if len(l.rest) < 2 || l.rest[0] != ' ' {
		return CauseShort
	}
	if l.agent, l.rest, ok = quoted(l.rest[1:]); !ok {
		return CauseQuotes
	}
	return 0
}

// quoted cuts a quoted field off b; a quote behind an odd number of backslashes does not end it.
func quoted(b []byte) (field, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	for i := 1; ; i++ {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return nil, b, false
		}
		i += k
		n := 0
		for b[i-1-n] == '\\' { // ends at the opening quote at the latest
			n++
		}
		if n%2 == 0 {
			return b[1:i:i], b[i+1:], true
		}
	}
}

func logStatus(b []byte) (status int, rest []byte, ok bool) {
	if len(b) >= 2 && b[0] == ' ' && b[1] == '-' {
		return 0, b[2:], true
	}
	if len(b) < 4 || b[0] != ' ' || b[1]-'0' > 9 || b[2]-'0' > 9 || b[3]-'0' > 9 || len(b) > 4 && b[4] != ' ' {
		return 0, b, false
	}
	return int(b[1]-'0')*100 + int(b[2]-'0')*10 + int(b[3]-'0'), b[4:], true
}

func logSize(b []byte) (size int64, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != ' ' {
		return 0, b, false
	}
	i := 1
	if b[i] == '-' {
		i++
	} else {
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			size = size*10 + int64(b[i]-'0')
		}
		if i == 1 || i > 18 {
			return 0, b, false
		}
	}
	if i < len(b) && b[i] != ' ' {
		return 0, b, false
	}
	return size, b[i:], true
}

func logTime(line []byte) int64 {
	var l logLine
	if l.parse(line) != 0 {
		return 0
	}
	return l.at
}

// accessLog decodes lines of common and combined logs.
type accessLog struct {
	line   logLine
	target target
	agent  bool // combined
	// Names of the fields that the format has.
	referer, userAgent []byte
}

func newAccessLog(agent bool) *accessLog {
	return &accessLog{agent: agent, referer: []byte("Referer"), userAgent: []byte("User-Agent")}
}

// decode fills x from a line; escapes are undone in place.
func (d *accessLog) decode(record []byte, x *exchange.Exchange) Cause {
	l := &d.line
	if cause := l.parse(record); cause != 0 {
		return cause
	}
	x.Observed = exchange.SawRequestLine | exchange.SawStatus
	if d.agent {
		if cause := l.parseAgent(); cause != 0 {
			return cause
		}
		x.Observed |= exchange.SawUserAgent
		addField(x, d.referer, exchange.HeaderReferer, l.referer)
		addField(x, d.userAgent, exchange.HeaderUserAgent, l.agent)
	} else if !blank(l.rest) {
		return CauseTrailing
	}
	if addr, ok := address(l.host); ok {
		x.Client.Addr = addr
		x.Observed |= exchange.SawClient
	} else if !hostName(l.host) {
		return CauseClient
	}
	x.At, x.Status, x.Response.BodySize = l.at, l.status, l.size
	if x.Status == 0 {
		x.Observed &^= exchange.SawStatus
	}
	return d.request(x, unescape(l.request))
}

// addField adds a header field, unless the log shows that there was none.
func addField(x *exchange.Exchange, name []byte, id exchange.HeaderID, value []byte) {
	if len(value) == 0 || len(value) == 1 && value[0] == '-' {
		return
	}
	x.Request.Fields = append(x.Request.Fields, exchange.Field{Name: name, Value: unescape(value), ID: id})
}

// request reads METHOD SP target SP HTTP/x.y. Servers log what they could not read as well: that is an exchange with an
// anomaly and nothing else known of its request, provided that the status is one that servers give to such bytes.
func (d *accessLog) request(x *exchange.Exchange, line []byte) Cause {
	m := bytes.IndexByte(line, ' ')
	if v := versionAt(line); v > m+1 && isMethod(line[:max(m, 0)]) {
		x.Method = line[:m:m]
		d.target.set(x, line[m+1:v:v])
		return 0
	}
	if x.Status != 0 && x.Status < 400 {
		return CauseRequest
	}
	x.Observed &^= exchange.SawRequestLine
	if len(line) == 0 || len(line) == 1 && line[0] == '-' {
		x.Anomalies.Add(exchange.AnomalyIncomplete)
		return 0
	}
	x.Anomalies.Add(exchange.AnomalyBadRequestLine)
	x.RawHead = line
	return 0
}

// versionAt is where the version of a request line begins, with the space before it: HTTP/1.1, HTTP/2.0, and HTTP/2 as
// some write it. It is negative when there is none.
func versionAt(line []byte) int {
	v := bytes.LastIndexByte(line, ' ')
	if v < 0 || len(line) < v+7 || string(line[v+1:v+6]) != "HTTP/" || line[v+6]-'0' > 9 {
		return -1
	}
	if rest := line[v+7:]; len(rest) == 0 || len(rest) == 2 && rest[0] == '.' && rest[1]-'0' <= 9 {
		return v
	}
	return -1
}

// address reads an IPv4 or IPv6 address. An IPv6 address costs one allocation.
func address(b []byte) (netip.Addr, bool) {
	if a, ok := ipv4(b); ok {
		return a, true
	}
	if len(b) > 64 || bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(b))
	return a, err == nil
}

func ipv4(b []byte) (netip.Addr, bool) {
	var out [4]byte
	n, digits, v := 0, 0, 0
	for _, c := range b {
		switch {
		case c-'0' <= 9:
			if v = v*10 + int(c-'0'); v > 255 || digits > 0 && v < 10 {
				return netip.Addr{}, false // over a byte, or with a leading zero, which some read as octal
			}
			digits++
		case c == '.' && digits > 0 && n < 3:
			out[n] = byte(v)
			n, digits, v = n+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if n != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	out[3] = byte(v)
	return netip.AddrFrom4(out), true
}

// hostName tells a word that can stand for a client without being an address: a resolved name, "-", or nginx's "unix:".
func hostName(b []byte) bool {
	if len(b) > 253 {
		return false
	}
	for _, c := range b {
		if c-'0' > 9 && (c|0x20)-'a' > 25 && c != '.' && c != '-' && c != '_' {
			return string(b) == "unix:"
		}
	}
	return len(b) > 0
}

// unescape undoes the escapes of Apache httpd and nginx (\" \\ \n \t \xHH and so on) in place. Anything else behind a
// backslash stays as it is.
func unescape(b []byte) []byte {
	k := bytes.IndexByte(b, '\\')
	if k < 0 {
		return b
	}
	out := b[:k]
	for i := k; i < len(b); i++ {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			out = append(out, c)
			continue
		}
		i++
		switch b[i] {
		case '"', '\\':
			out = append(out, b[i])
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'v':
			out = append(out, '\v')
		case 'x':
			if i+2 < len(b) && hex(b[i+1]) < 16 && hex(b[i+2]) < 16 {
				out = append(out, hex(b[i+1])<<4|hex(b[i+2]))
				i += 2
				continue
			}
			out = append(out, '\\', 'x')
		default:
			out = append(out, '\\', b[i])
		}
	}
	return out
}

func hex(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case (c|0x20)-'a' <= 5:
		return (c | 0x20) - 'a' + 10
	}
	return 0xff
}
