package event

import (
	"context"
	"sync"
	"testing"
	"time"

	"merlon/internal/model/identity"
)

func TestQueueDeliversInOrderAndOnce(t *testing.T) {
	q := NewQueue(1000)
	const n = 500
	for i := range n {
		e := q.New()
		e.At = int64(i)
		if !q.Publish(e) {
			t.Fatalf("event %d dropped", i)
		}
	}
	q.Close()
	next := int64(0)
	for batch := q.Take(context.Background()); batch != nil; batch = q.Take(context.Background()) {
		for _, e := range batch {
			if e.At != next {
				t.Fatalf("got %d, want %d", e.At, next)
			}
			next++
		}
		q.Release(batch...)
	}
	if next != n || q.Published() != n || q.Dropped() != 0 {
		t.Errorf("%d delivered, %d published, %d dropped", next, q.Published(), q.Dropped())
	}
	if q.Publish(q.New()) {
		t.Error("a closed queue takes events")
	}
}

func TestSmallBatchesArriveWithoutClose(t *testing.T) {
	q := NewQueue(1000)
	q.Linger(time.NewTimer(time.Hour))
	for range 3 {
		q.Publish(q.New())
		if got := q.Take(context.Background()); len(got) != 1 {
			t.Fatalf("got %d events", len(got))
		}
	}
}

func TestFullQueueGivesUpWholeActors(t *testing.T) {
	const limit = 1000
	q := NewQueue(limit)
	kept := make(map[uint64]int)
	for i := range 4 * limit {
		e := q.New()
		e.Actor = identity.Actor{Token: uint64(i%100 + 1)}
		if q.Publish(e) && i >= limit {
			kept[e.Actor.Token]++
		}
	}
	if q.Len() > limit || q.Published() != 4*limit || q.Dropped() != uint64(4*limit-q.Len()) {
		t.Errorf("%d waiting, %d published, %d dropped", q.Len(), q.Published(), q.Dropped())
	}
	if len(kept) == 100 {
		t.Error("every actor lost a little: what is learned is no whole sequences")
	}
}

// TestLargeEventsFillTheQueueSooner: the bound is on memory, not only on number.
func TestLargeEventsFillTheQueueSooner(t *testing.T) {
	q := NewQueue(100)
	for i := range 100 {
		e := q.New()
		e.Actor.Token = uint64(i + 1)
		e.Append(make([]byte, 64<<10))
		q.Publish(e)
	}
	if q.Len() > 15 || q.Dropped() == 0 {
		t.Errorf("%d events of 64 KiB wait in a queue of 100 of 8 KiB, %d dropped", q.Len(), q.Dropped())
	}
}

func TestPublishWaitLosesNothing(t *testing.T) {
	q := NewQueue(100)
	const publishers, each = 4, 1000
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range each {
				if !q.PublishWait(q.New()) {
					t.Error("refused while open")
				}
			}
		})
	}
	done := make(chan int)
	go func() {
		n := 0
		for batch := q.Take(context.Background()); batch != nil; batch = q.Take(context.Background()) {
			n += len(batch)
			if len(batch) > 100 {
				t.Errorf("%d events in a queue of 100", len(batch))
			}
			q.Release(batch...)
		}
		done <- n
	}()
	wg.Wait()
	q.Close()
	if n := <-done; n != publishers*each || q.Dropped() != 0 {
		t.Errorf("%d delivered, %d dropped", n, q.Dropped())
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	q := NewQueue(10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := q.Take(ctx); got != nil {
		t.Errorf("got %d events", len(got))
	}
}

func TestIDText(t *testing.T) {
	n := NewNamer(7, 1<<63)
	last := ""
	for i := range 1000 {
		id := n.Name(1_800_000_000_000_000_000 + int64(i)*1e6)
		s := id.String()
		back, err := ParseID(s)
		if err != nil || back != id {
			t.Fatalf("%s reads back as %s, %v", s, back, err)
		}
		if s <= last {
			t.Fatalf("%s does not come after %s", s, last)
		}
		last = s
	}
	for _, bad := range []string{"", "short", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "0123456789ABCDEFGHJKMNPQRU", "../../../../../../etc/pass"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q is taken for an id", bad)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	q := NewQueue(1 << 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for batch := q.Take(context.Background()); batch != nil; batch = q.Take(context.Background()) {
			q.Release(batch...)
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		q.PublishWait(q.New())
	}
	q.Close()
	<-done
}

// TestDiscardedEventsAreCounted: what nobody ever took is dropped, not forgotten.
func TestDiscardedEventsAreCounted(t *testing.T) {
	q := NewQueue(100)
	for range 5 {
		q.Publish(q.New())
	}
	q.Close()
	if n := q.Discard(); n != 5 || q.Dropped() != 5 || q.Len() != 0 || q.Take(t.Context()) != nil || q.Discard() != 0 {
		t.Errorf("%d given up, %d dropped, %d waiting", n, q.Dropped(), q.Len())
	}
}
