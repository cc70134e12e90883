package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"merlon/internal/edge/ingest/follow"
	"merlon/internal/model/event"
)

// Following is what Follow needs beyond what Run does.
type Following struct {
	// Ledger is the path of the file that keeps the positions, in the data directory.
	Ledger string
	// Settle waits until every event published so far is journaled for good, and returns the journal's last number.
	Settle func(context.Context) (uint64, error)
	// Tail calls fn with the journaled events behind a number, and returns the journal's last one. They are valid during
	// the call only.
	Tail func(after uint64, fn func(*event.Event) error) (uint64, error)
	// Wake may tell that something was written; Tick, several times a second, has the files looked at in any case.
	Wake <-chan struct{}
	Tick <-chan time.Time
	// Notice is told what people should know: a file that is not there yet, one that is gone.
	Notice func(string)
}

// A position is stored at the latest after so many events and so long, and as soon as nothing more is there to read: it is
// what a crash makes us read again.
const (
	settleEvents = 100_000
	settleEvery  = time.Second
	// turnLines is how many lines a file is read before others have their turn.
	turnLines = 4096
	// quietFor is how long a file that was renamed is still read: servers write to it until they reopen their logs.
	quietFor = time.Minute
)

// follower is one run of Follow.
type follower struct {
	g       *Ingest
	f       Following
	paths   []*followed
	kept    []follow.Position // of paths that this run does not follow
	last    *stream           // the one whose events are not settled
	events  int               // published since the positions were stored
	changed bool              // since then
	stored  time.Time
	stuck   bool
	waiting bool      // it was said that there is nothing more to read
	idle    time.Time // since when there was nothing
}

// followed is a path and what is read for it, oldest first; the last stream is the present file if current is set.
type followed struct {
	path    string
	streams []*stream
	current bool
	format  *format
	told    bool
}

// Follow reads files as they are written, from where the last run stopped, until ctx ends; then it stores the positions and
// returns what it counted. A crash at any moment loses no line and learns none twice: what was journaled behind the stored
// position is recognised when it is read again.
func (g *Ingest) Follow(ctx context.Context, f Following, paths ...string) (Result, error) {
	g.result = Result{}
	g.o.Progress.begin(nil)
	if g.chosen != nil && g.chosen.document {
		return g.result, fmt.Errorf("%w: %s is a document and not lines; it cannot be followed", ErrFormat, g.chosen.Name)
	}
	w := &follower{g: g, f: f, stored: g.o.Now()}
	err := w.open(paths)
	if err == nil {
		err = w.run(ctx)
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = w.settle(context.WithoutCancel(ctx), nil)
	}
	for _, p := range w.paths {
		for _, s := range p.streams {
			_ = s.file.Close() // only read from
		}
	}
	return g.result, err
}

// open finds every path's files and positions again.
func (w *follower) open(paths []string) error {
	ledger, err := follow.Load(w.f.Ledger)
	if err != nil {
		return err
	}
	byPath := make(map[string][]follow.Position)
	for _, p := range ledger.Files {
		byPath[p.Path] = append(byPath[p.Path], p)
	}
	for _, path := range paths {
		p := &followed{path: path}
		w.paths = append(w.paths, p)
		for _, at := range byPath[path] {
			if err := w.resume(p, at); err != nil {
				return err
			}
		}
		if err := w.missed(p); err != nil {
			return err
		}
		delete(byPath, path)
	}
	for _, p := range ledger.Files {
		if _, ok := byPath[p.Path]; ok {
			w.kept = append(w.kept, p)
		}
	}
	return nil
}

// resume opens the file of a stored position.
func (w *follower) resume(p *followed, at follow.Position) error {
	file, err := follow.Resume(at)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRead, err)
	}
	if file == nil {
		if at.Offset > 0 {
			w.notice("%s: the file that was read to line %d is gone; what may have been written behind it is not read", p.path, at.Line)
		}
		return nil
	}
	s := newStream(p, file)
	s.line, s.records.number = at.Line, at.Line
	if at.Unsettled {
		if s.known, err = w.recognise(at.After); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	p.streams = append(p.streams, s)
	return nil
}

// missed opens the files that came and went behind the last one that is known, and tells whether that one is present.
func (w *follower) missed(p *followed) error {
	if len(p.streams) == 0 {
		return nil
	}
	last := p.streams[len(p.streams)-1].file
	if same, err := last.Same(p.path); err == nil && same {
		p.current = true
		return nil
	}
	return w.between(p, last)
}

func (w *follower) between(p *followed, last *follow.File) error {
	files, err := follow.Between(p.path, last, last.ModTime())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRead, err)
	}
	for _, f := range files {
		if p.has(f) {
			_ = f.Close() // only looked at
			continue
		}
		p.streams = append(p.streams, newStream(p, f))
		w.changed = true
	}
	return nil
}

func (p *followed) has(file *follow.File) bool {
	at := file.Position("", 0, 0)
	for _, s := range p.streams {
		if o := s.file.Position("", 0, 0); o.Device == at.Device && o.Inode == at.Inode {
			return true
		}
	}
	return false
}

func (w *follower) notice(format string, values ...any) {
	if w.f.Notice != nil {
		w.f.Notice(fmt.Sprintf(format, values...))
	}
}

// run reads whatever there is, and waits when there is nothing, until ctx ends. While positions cannot be stored nothing is
// read: the files keep what they hold.
func (w *follower) run(ctx context.Context) error {
	if err := w.catchUp(ctx); err != nil {
		return err
	}
	for {
		busy, err := w.round(ctx)
		switch {
		case err == nil:
			w.stuck = false
		case errors.Is(err, errSettle) && ctx.Err() == nil:
			if !w.stuck {
				w.notice("reading waits until the positions can be stored: %v", err)
			}
			w.stuck, busy = true, false
		default:
			return err
		}
		w.quiet(busy)
		if busy && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.f.Wake:
		case <-w.f.Tick:
		}
	}
}

// catchUp reads what a crash has left unsettled, before anything else is published or stored.
func (w *follower) catchUp(ctx context.Context) error {
	for _, p := range w.paths {
		for _, s := range p.streams {
			for busy := true; busy && s.known != nil; {
				if err := ctx.Err(); err != nil {
					return err
				}
				var err error
				if busy, err = w.read(ctx, s); err != nil {
					return err
				}
			}
			s.known = nil
		}
	}
	return nil
}

// round gives every path a turn and stores positions when that is due.
func (w *follower) round(ctx context.Context) (busy bool, err error) {
	for _, p := range w.paths {
		more, err := w.turn(ctx, p)
		if err != nil {
			return false, err
		}
		busy = busy || more
	}
	if w.changed && (!busy || w.events >= settleEvents || w.g.o.Now().Sub(w.stored) >= settleEvery) {
		return busy, w.settle(ctx, w.last)
	}
	return busy, nil
}

// turn reads some of every file of a path, and looks for rotation where there is nothing more.
func (w *follower) turn(ctx context.Context, p *followed) (busy bool, err error) {
	for i := 0; i < len(p.streams); i++ {
		s := p.streams[i]
		current := p.current && i == len(p.streams)-1
		more, rewritten, err := s.file.Fresh()
		if err != nil {
			return false, fmt.Errorf("%w %s: %w", ErrRead, p.path, err)
		}
		if rewritten {
			return true, w.truncated(p, i)
		}
		if more || s.pending {
			if busy, err = w.read(ctx, s); err != nil || busy {
				return busy, err
			}
		}
		if current {
			break
		}
		if ended, err := w.retire(ctx, p, i, more); err != nil {
			return false, err
		} else if ended {
			i--
		}
	}
	return w.rotate(p)
}

// retire closes a file that was rotated away, once nothing was written to it for a while.
func (w *follower) retire(ctx context.Context, p *followed, i int, more bool) (bool, error) {
	s := p.streams[i]
	now := w.g.o.Now()
	if more || s.quiet.IsZero() {
		s.quiet = now
	}
	// A file that rotation had left before this run began is whole already, unless the server was slow to let go of it.
	if now.Sub(s.quiet) < quietFor && now.UnixNano()-s.file.ModTime() < int64(quietFor) {
		return false, nil
	}
	s.file.Finish()
	s.source.err = nil
	if _, err := w.read(ctx, s); err != nil {
		return false, err
	}
	if s.pending {
		return false, nil
	}
	_ = s.file.Close()
	p.streams = append(p.streams[:i], p.streams[i+1:]...)
	w.changed = true
	return true, nil
}

// rotate looks whether the path names another file by now, and begins with it.
func (w *follower) rotate(p *followed) (busy bool, err error) {
	var old *follow.File
	if p.current {
		old = p.streams[len(p.streams)-1].file
		if same, err := old.Same(p.path); err != nil || same {
			return false, nil //nolint:nilerr // the path names nothing for now: the file was renamed and there is no new one yet
		}
	}
	file, err := follow.Open(p.path)
	if err != nil {
		if !p.told && !p.current {
			w.notice("%s: waiting for it: %v", p.path, err)
			p.told = true
		}
		return false, nil
	}
	if old != nil {
		if err := w.between(p, old); err != nil {
			return false, errors.Join(err, file.Close())
		}
	}
	if p.has(file) {
		return false, file.Close() // it was read before it got this name
	}
	p.streams = append(p.streams, newStream(p, file))
	p.current, w.changed = true, true
	return true, nil
}

// truncated begins anew with a file whose beginning is another. What was not read of it may be in a copy.
func (w *follower) truncated(p *followed, i int) error {
	s := p.streams[i]
	unread := len(s.source.buf[s.source.start:s.source.end])
	rest, err := follow.Copy(p.path, s.file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRead, err)
	}
	again, err := s.file.Again()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRead, err)
	}
	next := newStream(p, again)
	w.changed = true
	if rest == nil {
		if unread > 0 {
			w.notice("%s: it was truncated in the middle of line %d, of which no copy is found", p.path, s.line+1)
		}
		_ = s.file.Close()
		p.streams[i] = next
		return nil
	}
	old := s.file
	s.file, s.raw.file, w.last = rest, rest, nil
	s.source.err, s.pending = nil, true
	_ = old.Close()
	p.streams = append(p.streams[:i+1], append([]*stream{next}, p.streams[i+1:]...)...)
	return nil
}
