package summary

import (
	"merlon/internal/model/exchange"
	"merlon/internal/model/sketch"
)

// hoursKept is a week: long enough for a weekly rhythm, and 8 KiB when every hour saw traffic.
const hoursKept = 168

// Columns of Speed.Hours.
const (
	HourRequests = iota
	HourSuccesses
	HourClientErrors
	HourServerErrors
	hourColumns
)

// Speed is distributions and the course over time.
type Speed struct {
	// Latency is in milliseconds, the sizes are bodies in bytes.
	Latency, RequestSize, AnswerSize sketch.Quantile
	// Hours counts by hour of event time (Unix time / 3600).
	Hours sketch.Epochs
}

func makeSpeed() Speed { return Speed{Hours: sketch.MakeEpochs(hoursKept, hourColumns)} }

func (s *Speed) fold(f *fold) {
	e := f.e
	if e.Observed.Has(exchange.SawLatency) && !f.own {
		s.Latency.Add(float64(e.Latency) / 1e6)
	}
	if e.Observed.Has(exchange.SawRequestBody) {
		s.RequestSize.Add(float64(e.RequestBytes))
	}
	if e.Observed.Has(exchange.SawStatus) && !f.own {
		s.AnswerSize.Add(float64(e.ResponseBytes))
	}
	s.Hours.Add(f.hour, HourRequests, 1)
	switch {
	case f.success:
		s.Hours.Add(f.hour, HourSuccesses, 1)
	case e.Status >= 500:
		s.Hours.Add(f.hour, HourServerErrors, 1)
	case e.Status >= 400:
		s.Hours.Add(f.hour, HourClientErrors, 1)
	}
}

func (s *Speed) merge(o learner) {
	x := o.(*Speed)
	s.Latency.Merge(&x.Latency)
	s.RequestSize.Merge(&x.RequestSize)
	s.AnswerSize.Merge(&x.AnswerSize)
	_ = s.Hours.Merge(&x.Hours) // decoding refuses any other shape
}

func (s *Speed) append(b []byte) []byte {
	b = s.RequestSize.AppendBinary(s.Latency.AppendBinary(b))
	return s.Hours.AppendBinary(s.AnswerSize.AppendBinary(b))
}

func (s *Speed) read(r *reader) {
	r.quantile(&s.Latency)
	r.quantile(&s.RequestSize)
	r.quantile(&s.AnswerSize)
	r.epochs(&s.Hours)
}
