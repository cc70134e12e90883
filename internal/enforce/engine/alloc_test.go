//go:build !race

package engine

import (
	"testing"

	"merlon/internal/model/event"
)

// Under the race detector a sync.Pool forgets at random what is put into it, so that nothing can be said there.

// An ordinary request with its answer allocates nothing.
func TestCleanTransactionAllocatesNothing(t *testing.T) {
	g := newRig(t)
	var events []*event.Event
	release := func(all []*event.Event) { events = all }
	g.consume(2*len(g.samples), release)
	took := testing.AllocsPerRun(10, func() { g.consume(batch, release) })
	if took >= batch/8 { // a pool may be emptied meanwhile; one object in each exchange would be 64
		t.Errorf("%v allocations in %d exchanges", took, batch)
	}
	for _, e := range events {
		if len(e.Findings) > 0 {
			t.Fatalf("%s %s is not clean: %v", e.Bytes(e.Method), e.Bytes(e.Template), e.Findings)
		}
	}
}
