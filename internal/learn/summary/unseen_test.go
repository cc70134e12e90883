package summary

import (
	"testing"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// TestAnswerUnseen: an exchange whose answer nobody saw, as forward-auth and copies give it, is neither a success nor a
// failure, and proves nothing about credentials.
func TestAnswerUnseen(t *testing.T) {
	s := New("shop", testSeed)
	for i := range 50 {
		e := request{
			n: uint64(i), method: "GET", host: "api.example", path: "/orders/17", template: "/orders/{orderId}", endpoint: 3,
			addr: "192.0.2.1", cred: identity.Credentials(0).With(identity.Bearer),
		}.event()
		e.Source, e.Outcome = exchange.SourceDecide, event.OutcomeNotForwarded
		e.Observed &^= exchange.SawStatus | exchange.SawResponseHeaders | exchange.SawResponseBody | exchange.SawLatency
		s.Apply(e)
	}
	leaves := s.Known.Leaves()
	if len(leaves) != 1 {
		t.Fatalf("%d leaves", len(leaves))
	}
	l := leaves[0]
	if l.Traffic.Requests != 50 || l.Traffic.Successes != 0 || len(l.Traffic.Statuses) != 0 {
		t.Errorf("%+v", l.Traffic)
	}
	if c := l.Credentials; c.With+c.Without+c.RefusedWith+c.RefusedWithout != 0 {
		t.Errorf("%+v", c)
	}
}
