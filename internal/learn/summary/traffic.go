package summary

import (
	"slices"

	"merlon/internal/model/exchange"
	"merlon/internal/model/sketch"
)

// Outcomes is how many outcomes of an event there are.
const Outcomes = 6

// Status counts the upstream's answers with one status.
type Status struct {
	Code  uint16
	Count uint64
}

// Traffic is the plain counts of a leaf.
type Traffic struct {
	Requests  uint64
	Successes uint64 // 2xx from the upstream
	// Outcomes counts by event.Outcome.
	Outcomes [Outcomes]uint64
	// Statuses counts the upstream's answers, ascending by code; codes are 100..599, anything else is 0.
	Statuses []Status
	// Seen spans event times in Unix nanoseconds; Succeeded only those of successes.
	Seen, Succeeded sketch.Span
}

func (t *Traffic) fold(f *fold) {
	t.Requests++
	if int(f.e.Outcome) < Outcomes {
		t.Outcomes[f.e.Outcome]++
	}
	t.Seen.Add(f.e.At)
	if f.success {
		t.Successes++
		t.Succeeded.Add(f.e.At)
	}
	if !f.own && f.e.Observed.Has(exchange.SawStatus) {
		t.add(f.e.Status, 1)
	}
}

func (t *Traffic) add(code uint16, n uint64) {
	if code < 100 || code > 599 {
		code = 0
	}
	for i := range t.Statuses {
		if t.Statuses[i].Code == code {
			t.Statuses[i].Count = addSat(t.Statuses[i].Count, n)
			return
		}
	}
	i, _ := slices.BinarySearchFunc(t.Statuses, code, func(s Status, c uint16) int { return int(s.Code) - int(c) })
	t.Statuses = slices.Insert(t.Statuses, i, Status{code, n})
}

func (t *Traffic) merge(o learner) {
	x := o.(*Traffic)
	t.Requests = addSat(t.Requests, x.Requests)
	t.Successes = addSat(t.Successes, x.Successes)
	for i, n := range x.Outcomes {
		t.Outcomes[i] = addSat(t.Outcomes[i], n)
	}
	for _, s := range x.Statuses {
		t.add(s.Code, s.Count)
	}
	t.Seen.Merge(x.Seen)
	t.Succeeded.Merge(x.Succeeded)
}

func (t *Traffic) append(b []byte) []byte {
	b = appendUvarint(b, t.Requests)
	b = appendUvarint(b, t.Successes)
	for _, n := range t.Outcomes {
		b = appendUvarint(b, n)
	}
	b = appendUvarint(b, uint64(len(t.Statuses)))
	for _, s := range t.Statuses {
		b = appendUvarint(appendUvarint(b, uint64(s.Code)), s.Count)
	}
	return appendSpan(appendSpan(b, t.Seen), t.Succeeded)
}

func (t *Traffic) read(r *reader) {
	t.Requests, t.Successes = r.uvarint(), r.uvarint()
	for i := range t.Outcomes {
		t.Outcomes[i] = r.uvarint()
	}
	n := r.count(501, 2)
	for i := range n {
		s := Status{uint16(min(r.uvarint(), 600)), r.uvarint()}
		if s.Code != 0 && (s.Code < 100 || s.Code > 599) || i > 0 && t.Statuses[i-1].Code >= s.Code || s.Count == 0 {
			r.damage("status counts")
			return
		}
		t.Statuses = append(t.Statuses, s)
	}
	t.Seen, t.Succeeded = r.span(), r.span()
}
