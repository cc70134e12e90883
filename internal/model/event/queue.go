package event

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Queue carries events from the fast side to the slow side: bounded, many publishers, one consumer, in batches.
//
// A publisher never waits unless it asks to (PublishWait): when the queue is full a live source drops whole actors first,
// chosen by the actor's hash, so that what is learned stays whole sequences, and every drop is counted. The consumer owns
// the events of a batch until it hands them back with Release.
type Queue struct {
	mu     sync.Mutex
	room   sync.Cond // signalled when the consumer took a batch
	items  []*Event
	spare  []*Event
	limit  int
	bytes  int           // of the events waiting, roughly
	ready  chan struct{} // there is an event, or enough of them
	closed bool
	poison bool
	linger *time.Timer // the consumer's; nil when it does not linger

	published, dropped atomic.Uint64
	pool               sync.Pool
}

// NewQueue makes a queue of at most limit events.
func NewQueue(limit int) *Queue {
	q := &Queue{limit: limit, ready: make(chan struct{}, 1)}
	q.room.L = &q.mu
	q.pool.New = func() any {
		return &Event{arena: make([]byte, 0, 1024), Observations: make([]Observation, 0, 64), Objects: make([]Object, 0, 8)}
	}
	return q
}

// New takes an empty event from the pool; it goes back by Publish (through the consumer's Release) or by Release.
func (q *Queue) New() *Event { return q.pool.Get().(*Event) }

// maxPooledArena keeps one huge event from pinning its memory for ever.
const (
	maxPooledArena        = 64 << 10
	maxPooledObservations = 4096
)

// Poison makes Release overwrite what it takes back, so that whoever still looks at it is found out. For tests, before
// the first Release.
func (q *Queue) Poison() { q.poison = true }

// Release hands events back to the pool.
func (q *Queue) Release(events ...*Event) {
	for _, e := range events {
		if q.poison {
			for i := range e.arena {
				e.arena[i] = 0xdb
			}
			for i := range e.Observations {
				e.Observations[i] = Observation{Loc: 0xdbdbdbdbdbdbdbdb, Name: Span{1 << 31, 1 << 31}}
			}
		}
		if cap(e.arena) > maxPooledArena || cap(e.Observations) > maxPooledObservations {
			continue
		}
		e.Reset()
		q.pool.Put(e)
	}
}

// averageBytes is what an event of an ordinary exchange takes; a queue is full, too, when it holds its limit times that
// in fewer, larger ones.
const averageBytes = 8 << 10

// size is about what e takes in memory.
func (e *Event) size() int {
	return int(unsafe.Sizeof(*e)) + cap(e.arena) + cap(e.Observations)*int(unsafe.Sizeof(Observation{})) + cap(e.Objects)*int(unsafe.Sizeof(Object{}))
}

// fill is how many events of average size the queue holds, at least as many as there are.
func (q *Queue) fill() int { return max(len(q.items), q.bytes/averageBytes) }

// sacrificed tells whether the actor is one of those given up at this fill: from 3/4 full upwards a growing share of
// actors, all of them when full.
func (q *Queue) sacrificed(e *Event, fill int) bool {
	over := fill - q.limit*3/4
	if over < 0 {
		return false
	}
	share := uint64(over) * 256 / uint64(q.limit-q.limit*3/4)
	return (e.Actor.Token*0x9e3779b97f4a7c15)>>56 < share || fill >= q.limit
}

// Publish hands e over and reports whether it was taken. It never blocks; a dropped event is counted and released.
func (q *Queue) Publish(e *Event) bool {
	q.mu.Lock()
	if q.closed || q.sacrificed(e, q.fill()) {
		q.mu.Unlock()
		q.published.Add(1)
		q.dropped.Add(1)
		q.Release(e)
		return false
	}
	q.items = append(q.items, e)
	q.bytes += e.size()
	n := len(q.items)
	q.mu.Unlock()
	q.published.Add(1)
	if n == 1 || n == enough {
		q.wake()
	}
	return true
}

// PublishWait hands e over and waits for room: for files and stdin, which lose nothing. It reports false, and releases
// e, only when the queue was closed.
func (q *Queue) PublishWait(e *Event) bool {
	q.mu.Lock()
	for !q.closed && q.fill() >= q.limit {
		q.room.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		q.published.Add(1)
		q.dropped.Add(1)
		q.Release(e)
		return false
	}
	q.items = append(q.items, e)
	q.bytes += e.size()
	n := len(q.items)
	q.mu.Unlock()
	q.published.Add(1)
	if n == 1 || n == enough {
		q.wake()
	}
	return true
}

// The consumer waits until it has enough events or lingering is over: a batch costs one wake-up, one lock and one write
// to the journal, and the learners' code and data stay in the processor's cache through it. Measured under load: 64 events
// of 5 KB fit the second-level cache; 10 ms is far less than anybody waits for, and than what a crash may lose.
const (
	enough    = 64
	lingering = 10 * time.Millisecond
)

// Linger makes Take gather events, with a timer that is handed in and is the queue's from then on. It must be called
// before the first Take; without it Take returns what there is.
func (q *Queue) Linger(t *time.Timer) { q.linger = t }

// Take waits for events and returns all there are, oldest first. It returns nil when ctx ends or when the queue is
// closed and empty. The slice is valid until the next Take.
func (q *Queue) Take(ctx context.Context) []*Event {
	q.forget()
	lingered := false
	for {
		q.mu.Lock()
		n, closed := len(q.items), q.closed
		if n >= enough || n > 0 && (lingered || closed || q.linger == nil) {
			batch := q.items
			q.items, q.spare, q.bytes = q.spare[:0], batch, 0
			q.room.Broadcast()
			q.mu.Unlock()
			return batch
		}
		q.mu.Unlock()
		switch {
		case closed:
			return nil
		case n == 0:
			select {
			case <-q.ready:
			case <-ctx.Done():
				return nil
			}
		default:
			lingered = q.waitForMore(ctx)
		}
	}
}

// forget lets go of the batch that the consumer is done with: its slice would keep every event of the longest queue there
// ever was from being freed.
func (q *Queue) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if cap(q.spare) > maxSpare {
		q.spare = nil
		return
	}
	clear(q.spare[:cap(q.spare)])
}

// maxSpare is how many events a batch's slice may be long to be used again.
const maxSpare = 1024

// waitForMore returns true when lingering is over and false when there may be enough events.
func (q *Queue) waitForMore(ctx context.Context) bool {
	q.linger.Reset(lingering)
	defer q.linger.Stop()
	select {
	case <-q.ready:
		return false
	case <-q.linger.C:
	case <-ctx.Done():
	}
	return true
}

func (q *Queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Close makes publishers fail and lets the consumer drain.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.room.Broadcast()
	q.mu.Unlock()
	q.wake()
}

// Discard gives up the events that wait in a closed queue which nobody takes from, counts them as dropped, and says how many
// they were.
func (q *Queue) Discard() int {
	q.mu.Lock()
	items := q.items
	q.items, q.bytes = nil, 0
	q.mu.Unlock()
	q.dropped.Add(uint64(len(items)))
	q.Release(items...)
	return len(items)
}

// Len is the number of events waiting.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Published counts events offered, dropped ones included; Dropped those given up. Both are monotonic.
func (q *Queue) Published() uint64 { return q.published.Load() }

// Dropped counts the events that the slow side never saw.
func (q *Queue) Dropped() uint64 { return q.dropped.Load() }
