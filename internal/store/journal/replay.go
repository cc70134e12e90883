package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/store"
)

// Covered says that a stored snapshot holds everything up to seq: of the events up to there only the sample stays. What
// takes the disk's time, syncing and removing, is done while events are appended: removing a minute of segments was seen to
// take more than half a second. Files that could not be removed are removed after the next opening.
func (j *Journal) Covered(seq uint64) error {
	// The sample should hold its part before the other row goes. On a full disk it cannot, and the room is wanted more.
	err := j.Sync()
	j.mu.Lock()
	j.covered = max(j.covered, seq)
	j.next = max(j.next, seq+1)
	if s := &j.all; s.open != nil && s.last <= j.covered {
		if g := s.segments[len(s.segments)-1]; j.now().UnixNano()-g.created > int64(lingering) {
			err = errors.Join(err, s.seal())
		}
	}
	gone := j.all.detach(j.all.endingBy(j.covered))
	j.mu.Unlock()
	for _, name := range gone {
		err = errors.Join(err, ignoreMissing(os.Remove(name)))
	}
	if err != nil {
		return fmt.Errorf("journal: %w", store.DiskFull(err))
	}
	return nil
}

// endingBy is the number of closed segments whose events all have numbers up to seq.
func (s *stream) endingBy(seq uint64) int {
	n := s.sealed()
	for i := range n {
		last := s.last
		if i+1 < len(s.segments) {
			last = s.segments[i+1].first - 1
		}
		if last > seq {
			return i
		}
	}
	return n
}

// Maintain drops what the sample holds beyond its bounds, oldest first. Age is by arrival here, never by what an event
// says of itself.
func (j *Journal) Maintain(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &j.sample
	oldest := now.Add(-j.sampleAge).UnixNano()
	if s.open != nil && s.segments[len(s.segments)-1].created < oldest {
		if err := s.seal(); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	total, n := s.bytes(), 0
	for n < s.sealed() {
		ended := now.UnixNano() // of the last segment only the beginning is known: it gets twice the age
		if n+1 < len(s.segments) {
			ended = s.segments[n+1].created
		} else if s.segments[n].created < oldest-int64(j.sampleAge) {
			ended = oldest - 1
		}
		if ended >= oldest && total <= j.sampleBytes {
			break
		}
		total -= s.segments[n].size
		n++
	}
	if err := s.drop(n); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Report says what a replay met.
type Report struct {
	Events      uint64
	First, Last uint64
	// Damaged is the number of segments of which a part could not be read.
	Damaged int
}

// Replay calls fn with every event numbered from on, in order: of covered times the sample, of later times every event.
// The event is valid during the call only; an error of fn ends the replay and is returned. A damaged segment is left where
// the damage begins, counted, and the next one goes on. Events appended after the call began are not replayed.
func (j *Journal) Replay(from uint64, fn func(*event.Event) error) (Report, error) {
	sources, err := j.sources(from)
	defer func() {
		for _, s := range sources {
			s.f.Close()
		}
	}()
	var r Report
	if err != nil {
		return r, fmt.Errorf("journal: %w", err)
	}
	var d event.Decoder
	var e event.Event
	for _, s := range sources {
		err := readSegment(bufio.NewReaderSize(s.f, 256<<10), s.size, &d, &e, max(from, r.Last+1), s.before, func(e *event.Event) error {
			if r.Events == 0 {
				r.First = e.Seq
			}
			r.Events, r.Last = r.Events+1, e.Seq
			if err := fn(e); err != nil {
				return &stop{err}
			}
			return nil
		})
		var st *stop
		switch {
		case errors.As(err, &st):
			return r, st.err
		case errors.Is(err, store.ErrDamaged):
			r.Damaged++
		case err != nil:
			return r, fmt.Errorf("journal: %s: %w", s.f.Name(), err)
		}
	}
	return r, nil
}

// stop carries an error of the caller's function through the reader.
type stop struct{ err error }

func (s *stop) Error() string { return s.err.Error() }

type source struct {
	f      *os.File
	size   int64
	before uint64 // events from here on are in another source
}

// sources opens the segments to read, in order, all at once: a file that is dropped meanwhile stays readable.
func (j *Journal) sources(from uint64) (out []source, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	begin := j.next // where the first row begins
	if len(j.all.segments) > 0 {
		begin = j.all.segments[0].first
	}
	for _, s := range []*stream{&j.sample, &j.all} {
		before := ^uint64(0)
		if s == &j.sample {
			before = begin
		}
		for i, g := range s.segments {
			if i+1 < len(s.segments) && s.segments[i+1].first <= from || g.first >= before {
				continue
			}
			f, err := os.Open(g.name)
			if err != nil {
				return out, err
			}
			out = append(out, source{f, g.size, before})
		}
	}
	return out, nil
}

// readSegment calls fn with the events of a segment whose numbers are at least from and below before.
func readSegment(r io.Reader, size int64, d *event.Decoder, e *event.Event, from, before uint64, fn func(*event.Event) error) error {
	return readBatches(r, size, func(b batch) error {
		if b.last < from || b.first >= before {
			return nil
		}
		return b.events(d, e, from, func(e *event.Event) error {
			if e.Seq >= before {
				return nil
			}
			return fn(e)
		})
	})
}
