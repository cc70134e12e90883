package summary

import (
	"math"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/sketch"
)

// answerSample is how many field locations stand for the shape of an answer: two shapes of Jaccard similarity j agree in
// about j of them (bottom-k MinHash, standard error 1/sqrt(k)).
const answerSample = 24

// Answer is what successful answers look like: enough to tell whether two paths answer alike, which is how siblings are
// recognised as values of one parameter and hosts as answering everything alike.
type Answer struct {
	// Fields samples the locations in structured bodies.
	Fields sketch.BottomK[struct{}]
	// Kinds counts by exchange.BodyKind.
	Kinds [8]uint64
	// Least and Most bound the body's size; of an answer that never changes they are the same.
	Least, Most uint64

	// last is the set of fields of the latest answer: the same set again adds nothing. It is no part of the state.
	last uint64
}

// NewAnswer makes an empty one, to unite others in.
func NewAnswer() *Answer {
	a := makeAnswer()
	return &a
}

func makeAnswer() Answer {
	return Answer{Fields: sketch.MakeBottomK[struct{}](answerSample), Least: math.MaxUint64}
}

func (a *Answer) fold(f *fold) {
	if !f.success || !f.e.Observed.Has(exchange.SawStatus) {
		return
	}
	a.Kinds[f.e.ResponseBody&7]++
	n := uint64(max(f.e.ResponseBytes, 0))
	a.Least, a.Most = min(a.Least, n), max(a.Most, n)
	a.sample(f.e.Observations)
}

func (a *Answer) sample(all []event.Observation) {
	from, set := len(all), uint64(1)
	for from > 0 && all[from-1].Part == exchange.InResponseBody {
		from--
		set += all[from].Loc * 0x9e3779b97f4a7c15
	}
	if set == a.last {
		return
	}
	a.last = set
	for i := from; i < len(all); i++ {
		if all[i].Name.Len > 0 { // roots and elements are in every answer
			a.Fields.Slot(sketch.Mix(all[i].Loc))
		}
	}
}

func (a *Answer) merge(o learner) { a.Unite(o.(*Answer)) }

// Unite adds what x saw.
func (a *Answer) Unite(x *Answer) {
	a.Fields.Merge(&x.Fields, func(*struct{}, struct{}) {})
	for i, n := range x.Kinds {
		a.Kinds[i] = addSat(a.Kinds[i], n)
	}
	a.Least, a.Most = min(a.Least, x.Least), max(a.Most, x.Most)
}

func (a *Answer) append(b []byte) []byte {
	b = a.Fields.AppendBinary(b, func(b []byte, _ struct{}) []byte { return b })
	for _, n := range a.Kinds {
		b = appendUvarint(b, n)
	}
	return appendUvarint(appendUvarint(b, a.Least), a.Most)
}

func (a *Answer) read(r *reader) {
	a.Fields = readBottomK(r, answerSample, 0, func(b []byte) (struct{}, []byte, bool) { return struct{}{}, b, true })
	for i := range a.Kinds {
		a.Kinds[i] = r.uvarint()
	}
	a.Least, a.Most = r.uvarint(), r.uvarint()
}

// Similarity estimates the Jaccard similarity of the fields of two answers; known is false when either has none.
func (a *Answer) Similarity(o *Answer) (j float64, known bool) {
	x, y := a.Fields.Entries(), o.Fields.Entries()
	if len(x) == 0 || len(y) == 0 {
		return 0, false
	}
	union, both, i, k := 0, 0, 0, 0
	for union < answerSample && (i < len(x) || k < len(y)) {
		switch {
		case k == len(y) || i < len(x) && x[i].Hash < y[k].Hash:
			i++
		case i == len(x) || y[k].Hash < x[i].Hash:
			k++
		default:
			i, k, both = i+1, k+1, both+1
		}
		union++
	}
	return float64(both) / float64(union), true
}

// Kind is the most frequent kind of body.
func (a *Answer) Kind() exchange.BodyKind {
	best := 0
	for i, n := range a.Kinds {
		if n > a.Kinds[best] {
			best = i
		}
	}
	return exchange.BodyKind(best)
}
