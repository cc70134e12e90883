package admin

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// EventQuery selects events. Zero fields select everything.
type EventQuery struct {
	Site, Node, Source, Method, Host      string
	Action, Would, Mode, Rule, Finding    string
	Actor, Principal, Strength            string
	Country, Fingerprint, JA4, HTTP2, RPC string
	// Address is an address, or a network as a prefix.
	Address string
	// Template and UserAgent are parts of them.
	Template, UserAgent string
	Endpoint            identity.EndpointID
	Unmatched           bool // that no endpoint took
	ASN                 uint32
	Status              int // a status, or a class of them by its first digit
	MinSeverity         finding.Severity
	MinLatency          time.Duration
	Notable             bool // without the sample of ordinary ones
	From, To            time.Time
	// Before is the Row from which the list runs downwards, After the one from which it runs upwards.
	Before, After uint64
	// Limit is at most MaxPage, which is also the default.
	Limit int
}

func (q EventQuery) filter() store.EventFilter {
	return store.EventFilter{
		Site: q.Site, Node: q.Node, Source: q.Source, Method: q.Method, Host: q.Host, Action: q.Action, Would: q.Would, Mode: q.Mode, Rule: q.Rule,
		Finding: q.Finding, Actor: q.Actor, Principal: q.Principal, Strength: q.Strength, Country: q.Country, Fingerprint: q.Fingerprint, JA4: q.JA4,
		HTTP2: q.HTTP2, RPC: q.RPC, Address: q.Address, Template: q.Template, UserAgent: q.UserAgent, Endpoint: q.Endpoint, Unmatched: q.Unmatched,
		ASN: q.ASN, Status: q.Status, MinSeverity: int(q.MinSeverity), MinLatency: q.MinLatency, Notable: q.Notable, From: q.From, To: q.To,
		Before: q.Before, After: q.After, Limit: min(q.Limit, store.MaxEventsPage),
	}
}

// EventParameter is a condition on events as addresses and the API write it.
type EventParameter struct {
	Name, Label, Hint string
}

// EventParameters are all conditions, in the order in which they are shown.
func EventParameters() []EventParameter {
	return []EventParameter{
		{"action", "Action", "allow, tag or block"},
		{"would", "Would have", "what enforcement would have done, such as block"},
		{"severity", "Severity", "of a finding at least: low, medium, high, critical"},
		{"finding", "Finding", "such as wire.obs-fold"},
		{"rule", "Rule", "the rule, list or finding that decided"},
		{"mode", "Mode", "watch or enforce"},
		{"method", "Method", "GET, POST ..."},
		{"endpoint", "Endpoint", "its number"},
		{"path", "Path", "a part of the template"},
		{"matched", "Matched", "no: that no endpoint took"},
		{"host", "Host", "api.acme.example"},
		{"status", "Status", "404, or 5xx"},
		{"latency", "Latency", "at least, such as 250ms"},
		{"actor", "Actor", "principal:…, session:…, fingerprint:…"},
		{"principal", "Principal", "token or name"},
		{"strength", "Identity", "verified, accepted, claimed or anonymous"},
		{"address", "Address", "192.0.2.7 or 192.0.2.0/24"},
		{"country", "Country", "two letters"},
		{"asn", "Network", "number of the autonomous system"},
		{"fingerprint", "Fingerprint", "16 digits"},
		{"ja4", "TLS client (JA4)", "t13d…"},
		{"h2", "HTTP/2 client", "16 digits"},
		{"agent", "User-Agent", "a part of it"},
		{"rpc", "Call", "grpc, or grpc 7"},
		{"site", "Site", "its name"},
		{"node", "Node", "its name"},
		{"source", "Source", "proxy, entry, access-log ..."},
		{"notable", "Notable", "yes: without the sample of ordinary events"},
		{"since", "Since", "2026-11-20T14:00:00Z, or 15m, 24h, 7d"},
		{"until", "Until", "a time as for since"},
	}
}

// maxEventParameter bounds a condition, in bytes.
const maxEventParameter = 256

// ParseEventQuery reads conditions as EventParameters writes them, and before, after and limit. Unknown names are left alone;
// now is what times such as "15m" are before. A mistake is an *InputError, and what could be read is returned with it.
func ParseEventQuery(in url.Values, now time.Time) (q EventQuery, err error) {
	fail := func(field, format string, args ...any) {
		if err == nil {
			err = wrong(field, format, args...)
		}
	}
	text := func(name string) string {
		v := strings.TrimSpace(in.Get(name))
		if len(v) > maxEventParameter {
			fail(name, "is longer than %d bytes", maxEventParameter)
			return ""
		}
		return v
	}
	word := func(name string, known ...string) string {
		v := strings.ToLower(text(name))
		if v != "" && !slices.Contains(known, v) {
			fail(name, "use one of %s", strings.Join(known, ", "))
			return ""
		}
		return v
	}
	number := func(name string, bits int) uint64 {
		v := text(name)
		if v == "" {
			return 0
		}
		n, e := strconv.ParseUint(v, 10, bits)
		if e != nil {
			fail(name, "%q is no number", v)
		}
		return n
	}
	q = EventQuery{
		Site: text("site"), Node: text("node"), Source: text("source"), Method: strings.ToUpper(text("method")), Host: text("host"), Action: text("action"), Would: text("would"),
		Mode: word("mode", "watch", "enforce"), Rule: text("rule"), Finding: text("finding"), Actor: text("actor"), Principal: text("principal"),
		Strength: word("strength", "verified", "accepted", "claimed", "anonymous"), Country: strings.ToUpper(text("country")), Fingerprint: text("fingerprint"), JA4: text("ja4"),
		HTTP2: text("h2"), RPC: text("rpc"), Address: text("address"), Template: text("path"), UserAgent: text("agent"),
		Endpoint: identity.EndpointID(number("endpoint", 32)), Unmatched: word("matched", "no") == "no", ASN: uint32(number("asn", 32)),
		Notable: word("notable", "yes", "1") != "", Before: number("before", 63), After: number("after", 63), Limit: int(number("limit", 31)),
	}
	q.MinSeverity, _ = finding.ParseSeverity(word("severity", "low", "medium", "high", "critical"))
	if q.Address != "" && strings.Contains(q.Address, "/") {
		if _, e := netip.ParsePrefix(q.Address); e != nil {
			fail("address", "%q is no network: write one such as 192.0.2.0/24", q.Address)
		}
	}
	if v := strings.ToLower(text("status")); v != "" {
		class, isClass := strings.CutSuffix(v, "xx")
		n, e := strconv.Atoi(class)
		if e != nil || isClass && (n < 1 || n > 5) || !isClass && (n < 100 || n > 999) {
			fail("status", "%q is no status: write 404, or 5xx", v)
		} else {
			q.Status = n
		}
	}
	if v := text("latency"); v != "" {
		d, e := time.ParseDuration(v)
		if ms, f := strconv.ParseUint(v, 10, 31); f == nil {
			d, e = time.Duration(ms)*time.Millisecond, nil
		}
		if e != nil || d < 0 {
			fail("latency", "%q is no duration: write 250ms or 2s", v)
		} else {
			q.MinLatency = d
		}
	}
	moment := func(name string) time.Time {
		v := text(name)
		at, ok := parseMoment(v, now)
		if v != "" && !ok {
			fail(name, "%q is no time: write 2026-11-20T14:00:00Z, or how long ago, such as 15m, 24h or 7d", v)
		}
		return at
	}
	q.From, q.To = moment("since"), moment("until")
	return q, err
}

// parseMoment reads a time, or how long before now it is; the zero time is neither.
func parseMoment(v string, now time.Time) (time.Time, bool) {
	if v == "" {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC(), true
		}
	}
	if days, ok := strings.CutSuffix(v, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.Add(-time.Duration(n) * 24 * time.Hour), true
		}
		return time.Time{}, false
	}
	if d, err := time.ParseDuration(v); err == nil && d >= 0 {
		return now.Add(-d), true
	}
	return time.Time{}, false
}
