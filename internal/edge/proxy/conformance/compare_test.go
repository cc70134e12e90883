package conformance

import (
	"fmt"
	"net/url"
	"strings"

	"merlon/internal/model/event"
)

// seen is one request as an upstream tells of it.
type seen struct {
	method, target string
	body           int64 // -1: it does not say
	refused        bool  // it took the bytes for a request, or the beginning of one, and answered 400 or above by itself
}

// maxSegments is how many segments of a path an event keeps.
const maxSegments = 32

// segmentsOf is the path of a target as an event keeps it: decoded, "." and ".." resolved, empty segments left out.
func segmentsOf(target string) (out []segment) {
	path, _, _ := strings.Cut(target, "?")
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	for s := range strings.SplitSeq(path, "/") {
		switch s {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, segment{siteKey.Token([]byte(s)), uint32(len(s))})
		}
	}
	return out[:min(len(out), maxSegments)]
}

// matches tells whether two records are of one request, as far as method and path go. A segment without a token looked
// like a secret.
func (r *record) matches(o *record) bool {
	if r.method != o.method || len(r.segments) != len(o.segments) {
		return false
	}
	for i, s := range r.segments {
		if other := o.segments[i]; s.length != other.length || s.token != 0 && other.token != 0 && s.token != other.token {
			return false
		}
	}
	return true
}

// is tells whether e is the event of a request that the upstream saw.
func (r *record) is(s seen) bool {
	return r.matches(&record{method: s.method, segments: segmentsOf(s.target)}) && (s.body < 0 || s.body == r.body)
}

// differences holds the three accounts of a connection against each other. An upstream that is silent about what it
// refused itself may leave such requests out; in what it tells it may have swapped lines only when it says so. A client may go away before its request is passed on
// or after.
func (u *upstream) differences(a account) (out []string) {
	complain := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if a.junk != "" {
		complain("bytes behind the answers: %q", a.junk)
	}
	answered := answeredEvents(a.events)
	if a.blind {
		answered = nil
	}
	if len(a.answers) != len(answered) {
		complain("%d answers to %d events", len(a.answers), len(answered))
	}
	for i := range min(len(a.answers), len(answered)) {
		e, got := answered[i], a.answers[i]
		method, target, _ := strings.Cut(got.seen, " ")
		switch {
		case got.status != e.status:
			complain("answer %d has status %d, its event %d", i+1, got.status, e.status)
		case e.outcome == event.OutcomeAnswered && got.seen == "" && e.status < 400 && !u.answersItself(e):
			complain("answer %d does not say what the upstream was asked", i+1)
		case e.outcome == event.OutcomeAnswered && got.seen != "" && !e.is(seen{method, target, -1, false}):
			complain("answer %d is that to %q, not to event %v", i+1, got.seen, e)
		case e.outcome != event.OutcomeAnswered && (got.seen != "" || got.event != e.id && e.method != "HEAD"):
			complain("answer %d is of %q or event %q, and should be of event %v", i+1, got.seen, got.event, e)
		}
	}
	rest := append([]seen(nil), a.seen...)
	for _, e := range a.events {
		if e.outcome == event.OutcomeUpstream {
			complain("the upstream gave no usable answer to %v", e)
			continue
		}
		if e.outcome != event.OutcomeAnswered && e.outcome != event.OutcomeClientGone {
			continue
		}
		at := -1
		for i, s := range rest {
			if e.is(s) || s.refused && e.status >= 400 {
				at = i
				break
			}
			if !u.unordered && !a.blind { // streams of HTTP/2 have no order
				break
			}
		}
		switch {
		case at >= 0:
			rest = append(rest[:at], rest[at+1:]...)
		case e.outcome == event.OutcomeAnswered && !u.mayHide(e):
			complain("the upstream does not tell of %v, but of %v", e, a.seen)
		}
	}
	if len(rest) > 0 {
		complain("the upstream tells of %v, and no event does", rest)
	}
	return out
}

// mayHide tells whether the upstream may have answered e without a word in its log.
func (u *upstream) mayHide(e record) bool { return u.silent && (e.status >= 400 || u.answersItself(e)) }

// answersItself tells whether e never came to the handler that writes X-Seen.
func (u *upstream) answersItself(e record) bool {
	return u.asterisk && e.matches(&record{method: "OPTIONS", segments: segmentsOf("*")})
}

// String is for messages.
func (r record) String() string {
	return fmt.Sprintf("{%s %d segments, body %d, outcome %d, status %d, %v}", r.method, len(r.segments), r.body, r.outcome, r.status, names(r))
}

func names(r record) (out []string) {
	for a := range r.anomalies.All() {
		out = append(out, a.String())
	}
	return out
}
