package sketch

// Span is the first and the last time something was seen, in any unit that
// orders (Unix nanoseconds in this program). An idempotent join; the zero value
// has seen nothing, so time 0 cannot be noted.
type Span struct{ First, Last int64 }

// Add notes one time; zero is ignored.
func (s *Span) Add(t int64) { s.Merge(Span{t, t}) }

// Merge widens s to hold o.
func (s *Span) Merge(o Span) {
	if o == (Span{}) {
		return
	}
	if *s == (Span{}) {
		*s = o
		return
	}
	s.First, s.Last = min(s.First, o.First), max(s.Last, o.Last)
}

// Seen says whether any time was noted.
func (s Span) Seen() bool { return s != Span{} }
