package summary

import (
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// Leaf is everything accumulated under one key.
type Leaf struct {
	// Hash is the hash of the key; it orders everything.
	Hash         uint64
	Host, Method string
	Segments     []Segment

	Traffic     Traffic
	Support     Support
	Credentials Credentials
	Answer      Answer
	// Detail is nil for keys beyond the table's limit of details.
	Detail *Detail

	missing int // literals whose text is not known yet
}

// Detail is what only a limited number of leaves keep.
type Detail struct {
	Speed     Speed
	Callers   Callers
	Schemas   Schemas
	Sensitive Sensitive
	Writers   Writers
}

func makeLeaf(h uint64) *Leaf {
	return &Leaf{Hash: h, Support: makeSupport(), Credentials: makeCredentials(), Answer: makeAnswer()}
}

func makeDetail(seed uint64) *Detail {
	return &Detail{Speed: makeSpeed(), Callers: makeCallers(), Schemas: Schemas{seed: seed}, Sensitive: makeSensitive(), Writers: makeWriters()}
}

// Merge adds what o saw; o stays as it is. Distillation uses it to fold leaves of one endpoint, whose keys may differ.
func (l *Leaf) Merge(o *Leaf) {
	if l.Segments == nil && l.Method == "" {
		l.Host, l.Method = o.Host, o.Method
		l.Segments = append([]Segment(nil), o.Segments...)
		l.missing = o.missing
	} else if l.Hash == o.Hash && len(l.Segments) == len(o.Segments) {
		l.mergeKey(o)
	}
	src := learners(o)
	for i, k := range learners(l) {
		k.merge(src[i])
	}
	if l.Detail != nil && o.Detail != nil {
		src := detailLearners(o.Detail)
		for i, k := range detailLearners(l.Detail) {
			k.merge(src[i])
		}
	}
}

func (l *Leaf) mergeKey(o *Leaf) {
	l.missing = 0
	for i := range l.Segments {
		a, b := &l.Segments[i], &o.Segments[i]
		if a.Text == "" || b.Text != "" && b.Text < a.Text {
			a.Text = b.Text
		}
		a.Low, a.High = min(a.Low, b.Low), max(a.High, b.High)
		a.Echo = addSat(a.Echo, b.Echo)
		if a.Kind == Literal && a.Text == "" && a.Token != 0 {
			l.missing++
		}
	}
}

// NewLeaf makes an empty leaf without details, to merge others into.
func NewLeaf() *Leaf { return makeLeaf(0) }

// Fold makes an empty leaf for distillation to merge others into.
func (s *State) Fold() *Leaf {
	l := makeLeaf(0)
	l.Detail = makeDetail(s.seed)
	return l
}

// learnLiterals fills in texts that earlier events did not bring: the hot path sends the literal of a segment only while
// nothing claims it.
func (l *Leaf) learnLiterals(e *event.Event) {
	for i := range l.Segments {
		s := &l.Segments[i]
		if s.Kind != Literal || s.Token == 0 || s.Text != "" || i >= len(e.Observations) {
			continue
		}
		o := &e.Observations[i]
		if o.Part == exchange.InPath && o.Flags&exchange.LeafLiteral != 0 && o.Literal.Len > 0 && o.Literal.Len <= maxLiteral {
			s.Text = validText(e.Bytes(o.Literal))
			l.missing--
		}
	}
}

// Erase forgets the literals at the given positions: they turned out to be values.
func (l *Leaf) Erase(positions uint32) {
	for i := range l.Segments {
		if s := &l.Segments[i]; positions>>i&1 != 0 && s.Kind == Literal && s.Token != 0 && s.Text != "" {
			s.Text = ""
			l.missing++
		}
	}
}
