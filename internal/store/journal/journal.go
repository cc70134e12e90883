// Package journal keeps learned events: all of them until a summary snapshot covers them, then only a sample of whole actors.
//
// There are two rows of segments. The first takes every event, one write(2) a batch, and loses whole segments once a
// snapshot covers them. The second takes the sampled actors' events as they come, so that thinning is an unlink and no event
// is ever read back and copied. What one write(2) took survives the end of the process; Sync makes it survive a power cut.
package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/store"
)

// Options say how much is kept. Zero values take the defaults.
type Options struct {
	Now func() time.Time // required
	// Key keys the choice of sampled actors; the learning key serves.
	Key [32]byte
	// OneIn is the sampled share of actors: 16 keeps one in sixteen, 1 keeps all.
	OneIn int
	// SegmentBytes is the size after which a segment is closed (32 MiB).
	SegmentBytes int64
	// RecoveryBytes bounds what no snapshot covers yet (2 GiB). Beyond it events are learned but not journaled.
	RecoveryBytes int64
	// SampleBytes and SampleAge bound the sample (512 MiB, 7 days by arrival).
	SampleBytes int64
	SampleAge   time.Duration
	// After is a number that all new events come after: what the store says is covered.
	After uint64
}

const (
	defaultOneIn    = 16
	defaultSegment  = 32 << 20
	defaultRecovery = 2 << 30
	defaultSample   = 512 << 20
	defaultAge      = 7 * 24 * time.Hour

	// sampleFlush is how much of the sample is gathered before it is written; the other row holds it meanwhile.
	sampleFlush = 64 << 10
	// pieceBytes is when a batch is written though events are left: half of what readers take.
	pieceBytes = maxBatch/2 - event.MaxEncoded/2
	// retryAfter is the pause before a full disk is tried again: a failing write costs a system call and an encoding.
	retryAfter = time.Second
	// lingering is how long a covered segment may stay open for want of traffic before it is closed and dropped.
	lingering = time.Hour
)

// Journal is the journal of one data directory. Its methods are safe for concurrent use.
type Journal struct {
	now           func() time.Time
	recoveryBytes int64
	sampleBytes   int64
	sampleAge     time.Duration

	mu       sync.Mutex
	closed   bool
	all      stream // every event
	sample   stream
	sampler  *sampler
	next     uint64 // the next event's number
	covered  uint64
	buf      []byte
	kept     []byte // batch of the sample being gathered
	keptHead batch
	retryAt  time.Time
	status   Status
}

// Status is the journal's condition, for status pages and metrics.
type Status struct {
	State store.State
	// Cause is why State is not Writing.
	Cause string
	// Last is the highest number given to an event, Covered the highest that a snapshot covers.
	Last, Covered uint64
	// Appended and Dropped count events of this run; Sampled those chosen for the sample, SampleLost those it has not for
	// want of room.
	Appended, Dropped, Sampled, SampleLost uint64
	// Torn is what was cut off at opening: the batch that a crash interrupted.
	Torn int64
	// RecoveryBytes and SampleBytes are the room taken.
	RecoveryBytes, SampleBytes int64
	// Pressed: half of the room for recovery is used; a snapshot would free it.
	Pressed bool
}

// Open opens the journal in dir, made if missing, and mends what a crash left.
func Open(dir string, o Options) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", store.DiskFull(err))
	}
	j := &Journal{
		now: o.Now, recoveryBytes: or(o.RecoveryBytes, defaultRecovery), sampleBytes: or(o.SampleBytes, defaultSample),
		sampleAge: or(o.SampleAge, defaultAge), sampler: newSampler(o.Key, uint64(or(o.OneIn, defaultOneIn))), covered: o.After,
	}
	limit := or(o.SegmentBytes, defaultSegment)
	j.all = stream{dir: dir, prefix: "all-", limit: limit, create: createFile}
	j.sample = stream{dir: dir, prefix: "sample-", limit: limit, create: createFile}
	j.buf, j.kept = make([]byte, 0, 256<<10), make([]byte, batchHeader, 2*sampleFlush)
	for _, s := range []*stream{&j.all, &j.sample} {
		cut, err := s.load()
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		j.status.Torn += cut
	}
	j.next = max(j.all.last, j.sample.last, o.After) + 1
	if err := j.completeSample(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return j, nil
}

func or[T int | int64 | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// Append numbers the events (Event.Seq) and writes them, one write(2) for an ordinary batch. When it returns nil they
// survive the end of this process, and a power cut from the next Sync on. When the disk or the granted room is full it
// counts them as dropped, leaves their Seq at 0 and returns an error that is store.ErrDiskFull; it tries again by itself.
func (j *Journal) Append(events []*event.Event) error {
	if len(events) == 0 {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return store.ErrClosed
	}
	now := j.now()
	if j.status.State != store.Writing && now.Before(j.retryAt) {
		return j.drop(events, fmt.Errorf("journal: %s: %w", j.status.Cause, stateError(j.status.State)))
	}
	for len(events) > 0 {
		n, err := j.appendPiece(events, now)
		if err != nil {
			err = store.DiskFull(err)
			j.fault(err, now)
			return j.drop(events, fmt.Errorf("journal: %w", err))
		}
		events = events[n:]
	}
	j.status.State, j.status.Cause = store.Writing, ""
	return nil
}

func stateError(s store.State) error {
	if s == store.Full {
		return store.ErrDiskFull
	}
	return errFailing
}

var errFailing = errors.New("writing failed and is tried again shortly")

func (j *Journal) fault(err error, now time.Time) {
	j.status.State, j.status.Cause = store.Failing, err.Error()
	if errors.Is(err, store.ErrDiskFull) {
		j.status.State = store.Full
	}
	j.retryAt = now.Add(retryAfter)
}

func (j *Journal) drop(events []*event.Event, err error) error {
	for _, e := range events {
		e.Seq = 0
	}
	j.status.Dropped += uint64(len(events))
	return err
}

// appendPiece writes as many of the events as fit in one batch and says how many.
func (j *Journal) appendPiece(events []*event.Event, now time.Time) (int, error) {
	b := append(j.buf[:0], make([]byte, batchHeader)...)
	seq, arrived, taken := j.next, int64(0), 0
	kept, keptHead := len(j.kept), j.keptHead
	for _, e := range events {
		e.Seq = seq
		at := len(b)
		b = e.AppendBinary(append(b, 0, 0, 0, 0))
		size := uint32(len(b) - at - recordHeader)
		if size > event.MaxEncoded {
			b = b[:at] // no walk makes one; it would not be read again
			e.Seq = 0
			taken++
			j.status.Dropped++
			continue
		}
		seq++
		arrived = max(arrived, e.Arrived)
		if j.sampler.keep(e) {
			size |= sampledBit
		}
		binary.LittleEndian.PutUint32(b[at:], size)
		if size&sampledBit != 0 {
			j.gather(b[at:], e.Seq, e.Arrived)
		}
		taken++
		if len(b) > pieceBytes {
			break
		}
	}
	j.buf = b
	count := int(seq - j.next)
	if count == 0 {
		return taken, nil
	}
	finishBatch(b, j.next, seq-1, arrived, count)
	err := error(nil)
	if j.all.bytes()+int64(len(b)) > j.recoveryBytes {
		err = fmt.Errorf("%w: %d bytes of events wait for a snapshot", store.ErrDiskFull, j.all.bytes())
	} else {
		err = j.all.write(b, j.next, seq-1, now.UnixNano())
	}
	if err != nil {
		j.kept, j.keptHead = j.kept[:kept], keptHead
		return 0, err
	}
	if cap(j.buf) > maxBatch {
		j.buf = nil // one burst must not pin its memory
	}
	j.next = seq
	j.status.Appended += uint64(count)
	j.status.Sampled += uint64(j.keptHead.count - keptHead.count)
	if len(j.kept) > sampleFlush {
		j.flushSample()
	}
	return taken, nil
}

// gather puts a record into the sample's batch.
func (j *Journal) gather(record []byte, seq uint64, arrived int64) {
	j.kept = append(j.kept, record...)
	if j.keptHead.count == 0 {
		j.keptHead = batch{first: seq}
	}
	j.keptHead.last = seq
	j.keptHead.count++
	j.keptHead.arrived = max(j.keptHead.arrived, arrived)
}

// flushSample writes the gathered batch. If it cannot, the batch is given up and counted: a sample may have holes, memory
// may not grow, and a full disk must not keep covered segments from being dropped.
func (j *Journal) flushSample() {
	h := j.keptHead
	if h.count == 0 {
		return
	}
	finishBatch(j.kept, h.first, h.last, h.arrived, h.count)
	if err := j.sample.write(j.kept, h.first, h.last, j.now().UnixNano()); err != nil {
		j.status.SampleLost += uint64(h.count)
	}
	j.kept, j.keptHead = j.kept[:batchHeader], batch{}
}

// completeSample adds what the sample lacks of the events in the first row: a crash may have come between the two.
func (j *Journal) completeSample() error {
	for i, g := range j.all.segments {
		if i+1 < len(j.all.segments) && j.all.segments[i+1].first <= j.sample.last+1 {
			continue
		}
		err := scan(g, func(b batch) error {
			if b.last <= j.sample.last {
				return nil
			}
			var d event.Decoder
			var e event.Event
			return b.each(func(record []byte, sampled bool) error {
				if !sampled {
					return nil
				}
				if err := d.Decode(&e, record); err != nil || e.Seq <= j.sample.last {
					return err
				}
				framed := binary.LittleEndian.AppendUint32(nil, uint32(len(record))|sampledBit)
				j.gather(append(framed, record...), e.Seq, e.Arrived)
				if len(j.kept) > sampleFlush {
					j.flushSample()
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, store.ErrDamaged) && !errors.Is(err, event.ErrDamaged) {
			return err
		}
	}
	return nil
}

// Run syncs at every tick until ctx ends; a tick a second bounds what a power cut costs to a second. Faults show in Status.
func (j *Journal) Run(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ticks:
			// The next Append or Sync finds the same fault again if it lasts; Status has it meanwhile.
			_ = j.Sync()
		case <-ctx.Done():
			return
		}
	}
}

// Sync makes everything appended so far survive a power cut. Appending goes on meanwhile.
func (j *Journal) Sync() error {
	j.mu.Lock()
	j.flushSample()
	var err error
	var open [2]file
	for i, s := range []*stream{&j.all, &j.sample} {
		if s.open != nil && s.dirty {
			open[i], s.dirty = s.open, false
		}
	}
	j.mu.Unlock()
	for i, f := range open {
		if f == nil {
			continue
		}
		syncErr := f.Sync()
		if syncErr == nil || errors.Is(syncErr, os.ErrClosed) { // closed meanwhile: sealing has synced it
			continue
		}
		err = errors.Join(err, syncErr)
		j.mu.Lock()
		// After a failed sync the kernel may have thrown pages away and says so only once: never trust the file again.
		if s := []*stream{&j.all, &j.sample}[i]; s.open == f {
			err = errors.Join(err, s.abandon())
		}
		j.mu.Unlock()
	}
	if err != nil {
		err = fmt.Errorf("journal: sync: %w", store.DiskFull(err))
		j.mu.Lock()
		j.fault(err, j.now())
		j.mu.Unlock()
	}
	return err
}

// Close syncs and closes. Replay still works on what was written; Append does not.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	j.flushSample()
	return errors.Join(j.all.seal(), j.sample.seal())
}

// Status tells the journal's condition.
func (j *Journal) Status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.status
	s.Last, s.Covered = j.next-1, j.covered
	s.RecoveryBytes, s.SampleBytes = j.all.bytes(), j.sample.bytes()
	s.Pressed = s.RecoveryBytes > j.recoveryBytes/2
	return s
}
