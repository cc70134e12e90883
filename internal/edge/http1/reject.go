package http1

import (
	"errors"

	"merlon/internal/model/exchange"
)

// ErrNeedMore says that the bytes so far are the beginning of a message: read more behind them and call again.
var ErrNeedMore = errors.New("http1: the message is not complete yet")

// RejectError says that a message is refused and why. It carries no pointer, so returning one does not allocate.
type RejectError exchange.Anomaly

// Error names the anomaly and what it means.
func (e RejectError) Error() string {
	d := e.Anomaly().Describe()
	return "http1: refused, " + d.Name + ": " + d.Meaning
}

// Anomaly is the reason.
func (e RejectError) Anomaly() exchange.Anomaly { return exchange.Anomaly(e) }

// Status is the status code that answers a request refused for this reason; a refused response is a 502 whatever the reason.
func (e RejectError) Status() int {
	if s := e.Anomaly().Describe().Status; s != 0 {
		return int(s)
	}
	return 400
}

// side is which of the two ends sent a message: requests and responses differ in what is refused.
type side uint8

const (
	fromClient side = iota
	fromUpstream
)

// refused holds, by side, the anomalies that refuse a message. It is derived from the one table, so that documentation,
// findings and codec cannot disagree.
var refused = func() (r [2]exchange.Anomalies) {
	for a := exchange.Anomaly(1); int(a) < exchange.AnomalyCount; a++ {
		d := a.Describe()
		if d.RejectsRequest {
			r[fromClient].Add(a)
		}
		if d.RejectsResponse {
			r[fromUpstream].Add(a)
		}
	}
	return r
}()

// verdict is the error for a set of anomalies: the first that refuses on this side, or nil.
func verdict(s exchange.Anomalies, from side) error {
	if s &= refused[from]; s != 0 {
		for a := range s.All() {
			return RejectError(a)
		}
	}
	return nil
}
