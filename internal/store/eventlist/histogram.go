package eventlist

import (
	"context"
	"database/sql"
	"time"

	"merlon/internal/store"
	"merlon/internal/store/posting"
	"merlon/internal/store/sqlite"
)

// maxSteps bounds the steps of a histogram.
const maxSteps = 240

// Histogram counts the events that f selects by steps of time. Without From it begins at the first event there is,
// without To it ends with the last.
func Histogram(ctx context.Context, db *sqlite.DB, f store.EventFilter, steps int) (h store.EventHistogram, err error) {
	f.Before, f.After = 0, 0
	steps = min(max(steps, 1), maxSteps)
	err = db.Snapshot(ctx, func(tx *sql.Tx) error {
		s := search{ctx: ctx, tx: tx, f: &f, plan: store.PlanEvents(&f)}
		if err := s.open(false); err != nil {
			return err
		}
		tail, err := s.recents()
		if err != nil {
			return err
		}
		if !s.span(&h, steps, tail) {
			return nil
		}
		c := counter{h: &h}
		for i := range tail {
			c.add(tail[i].at, tail[i].refused, 1)
		}
		return s.count(&c)
	})
	return h, err
}

// refused is the action of events that were blocked.
const refused = "block"

// span settles from when to when is counted; false when there is nothing.
func (s *search) span(h *store.EventHistogram, steps int, tail []recent) bool {
	first, last := int64(1<<63-1), int64(-1<<63)
	for i := range s.chunks {
		first, last = min(first, s.chunks[i].first), max(last, s.chunks[i].last)
	}
	for i := range tail {
		first, last = min(first, tail[i].at), max(last, tail[i].at)
	}
	if !s.f.From.IsZero() {
		first = s.f.From.UnixNano()
	}
	if !s.f.To.IsZero() {
		last = s.f.To.UnixNano() - 1
	}
	if last < first {
		return false
	}
	h.From = time.Unix(0, first).UTC()
	h.Step = max(time.Duration((last-first)/int64(steps))+1, time.Millisecond)
	h.Events, h.Refused = make([]int, steps), make([]int, steps)
	h.Approximate = !s.plan.Exact
	return true
}

// counter adds to a histogram.
type counter struct{ h *store.EventHistogram }

func (c *counter) add(at int64, refused bool, n int) {
	i := (at - c.h.From.UnixNano()) / int64(c.h.Step)
	if at < c.h.From.UnixNano() || i >= int64(len(c.h.Events)) {
		return
	}
	c.h.Events[i] += n
	c.h.Total += n
	if refused {
		c.h.Refused[i] += n
	}
}

// count adds what the chunks hold.
func (s *search) count(c *counter) error {
	blocked := search{ctx: s.ctx, tx: s.tx, f: s.f, ones: []posting.Range{{Field: posting.Action, From: posting.Hash(refused), To: posting.Hash(refused)}}}
	for at := 0; at < len(s.chunks); {
		if at >= maxChunks {
			c.h.Since = time.Unix(0, s.chunks[at].last).UTC()
			return nil
		}
		window := s.chunks[at:min(at+lastWindow, len(s.chunks), maxChunks)]
		at += len(window)
		sets, err := s.window(window)
		if err != nil {
			return err
		}
		bad, err := blocked.window(window)
		if err != nil {
			return err
		}
		for i, set := range sets {
			if set == nil {
				continue
			}
			if bad[i] == nil {
				bad[i] = new(posting.Set)
			}
			if err := s.countChunk(c, &window[i], set, bad[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// countChunk adds a chunk's rows: at once where all of it lies in one step, else each by its own time.
func (s *search) countChunk(c *counter, k *chunk, set, bad *posting.Set) error {
	bad.And(set)
	from, step := c.h.From.UnixNano(), int64(c.h.Step)
	end := from + step*int64(len(c.h.Events))
	if k.first >= from && k.last < end && (k.first-from)/step == (k.last-from)/step {
		n := bad.Len()
		c.add(k.first, true, n)
		c.add(k.first, false, set.Len()-n)
		return nil
	}
	if set.Len() == 0 {
		return nil
	}
	times, err := s.times(k)
	if err != nil {
		return err
	}
	for i := range set.Up() {
		c.add(times.At(i), bad.Has(i), 1)
	}
	return nil
}
