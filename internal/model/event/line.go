package event

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// Line is a verdict line: what `merlon inspect` prints and GET /v1/events answers, whether it comes from an event at hand
// or from a stored row. Its JSON form is public: a member is never removed or renamed without an entry in CHANGELOG.md.
type Line struct {
	ID string
	// Number is the line of the input it judges, 0 to leave it out.
	Number int
	Time   time.Time

	Site, Node, Source string
	Method, Host       string
	// Template is empty when no endpoint matched; so is Endpoint in the JSON form then.
	Template   string
	EndpointID identity.EndpointID

	Actor string
	// Principal is a token in 16 hexadecimal digits, or the name where the site shows one; empty when anonymous.
	Principal, Strength string
	// Address, Country, Fingerprint and UserAgent say where it came from; empty ones are left out.
	Address, Country, Fingerprint, UserAgent string
	// JA4 and HTTP2 are the connection's fingerprints; RPC names the protocol of a remote procedure call and its status, such
	// as "grpc 7"; empty ones are left out.
	JA4, HTTP2, RPC string

	Mode, Action string
	// Would is what enforcement would have done; empty, and left out, when it is what was done.
	Would string
	Rule  string
	// Status is what the caller got, Merlon's own answer included; 0 when there was none.
	Status        int
	LatencyMicros int64
	// Findings is a JSON array as AppendFindings writes it; anything else is written as an empty one.
	Findings []byte
}

// AppendLine appends e's verdict line, without a line break. number is the line of the input it judges, 0 for none.
func AppendLine(dst []byte, e *Event, number int) []byte {
	l := LineOf(e)
	l.Number = number
	return l.Append(dst)
}

// LineOf is e as a verdict line that owns its memory.
func LineOf(e *Event) Line {
	l := Line{
		ID: e.ID.String(), Time: e.Time(), Site: e.Site, Node: e.Node, Source: e.Source.String(),
		Method: e.Text(e.Method), Host: e.Text(e.Host), Template: e.Text(e.Template), EndpointID: e.Endpoint,
		Actor: e.Actor.Kind.String() + ":" + TokenText(e.Actor.Token), Strength: e.Principal.Strength.String(),
		UserAgent: e.Text(e.UserAgent), Mode: "watch", Action: e.Verdict.Action, Would: e.Verdict.Would, Rule: e.Verdict.Rule,
		Status: int(e.Status), LatencyMicros: e.Latency / 1000, Findings: AppendFindings(nil, e.Findings),
	}
	if e.Verdict.Status != 0 {
		l.Status = int(e.Verdict.Status)
	}
	if e.Verdict.Enforced {
		l.Mode = "enforce"
	}
	if l.Action == "" {
		l.Action = "allow"
	}
	switch {
	case e.PrincipalName.Len > 0:
		l.Principal = e.Text(e.PrincipalName)
	case e.Principal.Token != 0:
		l.Principal = TokenText(e.Principal.Token)
	}
	if e.Client.IsValid() {
		l.Address = e.Client.String()
	}
	if e.Place.Country != [2]byte{} {
		l.Country = string(e.Place.Country[:])
	}
	if e.Fingerprint != 0 {
		l.Fingerprint = TokenText(uint64(e.Fingerprint))
	}
	l.JA4 = e.Text(e.JA4)
	if e.HTTP2 != 0 {
		l.HTTP2 = TokenText(uint64(e.HTTP2))
	}
	l.RPC = RPCText(e.RPC)
	return l
}

// RPCText prints a call's protocol and, when it is known, its status: "grpc 7"; empty for what is no call.
func RPCText(r exchange.RPC) string {
	text := r.Protocol.String()
	if text != "" && r.Known {
		text += " " + strconv.Itoa(int(r.Status))
	}
	return text
}

// TokenText prints a token or fingerprint as 16 hexadecimal digits: the form that lists and blocks read.
func TokenText(token uint64) string {
	var b [16]byte
	for i := range b {
		b[i] = hexDigits[token>>(60-4*i)&15]
	}
	return string(b[:])
}

// Endpoint is "METHOD template", empty when no endpoint matched.
func (l *Line) Endpoint() string {
	if l.Template == "" {
		return ""
	}
	return l.Method + " " + l.Template
}

// Append appends the JSON form, always in the same order, without a line break. Text from traffic is harmless in it on a
// terminal, too: control characters, C1 and those that change the direction of writing are escaped.
func (l *Line) Append(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendQuoted(dst, l.ID)
	if l.Number > 0 {
		dst = strconv.AppendInt(append(dst, `,"line":`...), int64(l.Number), 10)
	}
	dst = append(dst, `,"time":"`...)
	dst = l.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, '"')
	dst = member(dst, "site", l.Site, true)
	dst = member(dst, "node", l.Node, false)
	dst = member(dst, "source", l.Source, true)
	dst = member(dst, "endpoint", l.Endpoint(), true)
	dst = strconv.AppendUint(append(dst, `,"endpoint_id":`...), uint64(l.EndpointID), 10)
	dst = member(dst, "method", l.Method, false)
	dst = member(dst, "host", l.Host, false)
	dst = member(dst, "actor", l.Actor, true)
	dst = append(dst, `,"principal":{"name":`...)
	dst = appendQuoted(dst, l.Principal)
	dst = append(member(dst, "strength", l.Strength, true), '}')
	dst = member(dst, "address", l.Address, false)
	dst = member(dst, "country", l.Country, false)
	dst = member(dst, "fingerprint", l.Fingerprint, false)
	dst = member(dst, "ja4", l.JA4, false)
	dst = member(dst, "h2", l.HTTP2, false)
	dst = member(dst, "user_agent", l.UserAgent, false)
	dst = member(dst, "rpc", l.RPC, false)
	dst = member(dst, "mode", l.Mode, true)
	dst = member(dst, "action", l.Action, true)
	if l.Would != l.Action {
		dst = member(dst, "would", l.Would, false)
	}
	dst = member(dst, "rule", l.Rule, false)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(l.Status), 10)
	if l.LatencyMicros > 0 {
		dst = strconv.AppendFloat(append(dst, `,"latency_ms":`...), float64(l.LatencyMicros)/1000, 'f', -1, 64)
	}
	dst = append(dst, `,"findings":`...)
	var findings bytes.Buffer
	if json.Compact(&findings, l.Findings) != nil || findings.Bytes()[0] != '[' {
		return append(dst, "[]}"...)
	}
	// Outside of its strings compact JSON has no character that this changes.
	return append(appendSafe(dst, findings.String()), '}')
}

func member(dst []byte, key, value string, always bool) []byte {
	if value == "" && !always {
		return dst
	}
	dst = append(append(append(dst, ',', '"'), key...), '"', ':')
	return appendQuoted(dst, value)
}

// AppendFindings appends findings as the JSON array of verdict lines.
func AppendFindings(dst []byte, findings []finding.Finding) []byte {
	dst = append(dst, '[')
	for i := range findings {
		f := &findings[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(append(dst, `{"id":`...), f.ID)
		dst = append(dst, `,"classes":[`...)
		for j, c := range f.Classes {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendQuoted(dst, c)
		}
		dst = append(dst, ']')
		dst = member(dst, "severity", f.Severity.String(), true)
		score := f.Score
		if math.IsNaN(score) || math.IsInf(score, 0) {
			score = 0 // JSON has no such numbers
		}
		dst = strconv.AppendFloat(append(dst, `,"score":`...), score, 'g', 3, 64)
		dst = member(dst, "where", f.Where, false)
		dst = member(dst, "evidence", f.Evidence, false)
		dst = append(member(dst, "why", f.Why, false), '}')
	}
	return append(dst, ']')
}
