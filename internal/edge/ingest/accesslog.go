package ingest

import (
	"bytes"

	"merlon/internal/edge/ingest/record"
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
		return record.CauseSyntax
	}
	l.host = line[:k:k]
	if cause := l.parseTime(line[k+1:]); cause != 0 {
		return cause
	}
	if len(l.rest) < 2 || l.rest[0] != ' ' {
		return record.CauseSyntax
	}
	var ok bool
	if l.request, l.rest, ok = quoted(l.rest[1:]); !ok {
		return record.CauseQuotes
	}
	if l.status, l.rest, ok = logStatus(l.rest); !ok {
		return record.CauseStatus
	}
	if l.size, l.rest, ok = logSize(l.rest); !ok {
		return record.CauseSize
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
			return record.CauseSyntax
		}
		if _, ok := record.IPv4(b[:word]); ok {
			return record.CauseClient
		}
		l.at, l.rest = at, b[i+stamp.LogBytes+2:]
		return 0
	}
	if bracket {
		return record.CauseTime
	}
	return record.CauseSyntax
}

// parseAgent cuts referer and User-Agent.
func (l *logLine) parseAgent() Cause {
	if blank(l.rest) {
		return record.CauseShort
	}
	var ok bool
	if l.referer, l.rest, ok = quoted(l.rest[1:]); !ok {
		return record.CauseQuotes
	}
	if len(l.rest) < 2 || l.rest[0] != ' ' {
		return record.CauseShort
	}
	if l.agent, l.rest, ok = quoted(l.rest[1:]); !ok {
		return record.CauseQuotes
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
	target record.Target
	agent  bool // combined
	// Names of the fields that the format has.
	referer, userAgent []byte
}

func newAccessLog(agent bool) *accessLog {
	return &accessLog{agent: agent, referer: []byte("Referer"), userAgent: []byte("User-Agent")}
}

// decode fills x from a line; escapes are undone in place.
func (d *accessLog) decode(text []byte, x *exchange.Exchange) Cause {
	l := &d.line
	if cause := l.parse(text); cause != 0 {
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
		return record.CauseTrailing
	}
	if addr, ok := record.Address(l.host); ok {
		x.Client.Addr = addr
		x.Observed |= exchange.SawClient
	} else if !record.HostName(l.host) {
		return record.CauseClient
	}
	x.At, x.Status, x.Response.BodySize = l.at, l.status, l.size
	if x.Status == 0 {
		x.Observed &^= exchange.SawStatus
	}
	return d.target.Request(x, record.Unescape(l.request))
}

// addField adds a header field, unless the log shows that there was none.
func addField(x *exchange.Exchange, name []byte, id exchange.HeaderID, value []byte) {
	if len(value) == 0 || len(value) == 1 && value[0] == '-' {
		return
	}
	x.Request.Fields = append(x.Request.Fields, exchange.Field{Name: name, Value: record.Unescape(value), ID: id})
}
