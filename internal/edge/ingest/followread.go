package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"merlon/internal/edge/ingest/follow"
)

// settle stores the positions once all events are journaled. next is the stream that is read after it, nil when nobody
// knows: its events are those that the journal may hold beyond the positions.
func (w *follower) settle(ctx context.Context, next *stream) error {
	seq, err := w.f.Settle(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errSettle, err)
	}
	ledger := follow.Ledger{Files: append([]follow.Position(nil), w.kept...)}
	for _, p := range w.paths {
		for _, s := range p.streams {
			at := s.position()
			if s == next {
				at.Unsettled, at.After = true, seq
			}
			ledger.Files = append(ledger.Files, at)
		}
	}
	if err := ledger.Save(w.f.Ledger); err != nil {
		return fmt.Errorf("%w: %w", errSettle, err)
	}
	w.last, w.events, w.changed, w.stored = next, 0, false, w.g.o.Now()
	return nil
}

// errSettle: positions could not be stored. It is tried again.
var errSettle = errors.New("storing positions")

var errNoLines = errors.New("no whole line yet")

// read reads a turn's lines of a stream; busy when there are more.
func (w *follower) read(ctx context.Context, s *stream) (busy bool, err error) {
	g := w.g
	if s.decoder == nil {
		if err := s.detect(g.chosen, settings{g.o.BodyLimit, g.o.Hops}); err != nil {
			if errors.Is(err, errNoLines) {
				return false, nil
			}
			return false, fmt.Errorf("%s: %w", s.path.path, err)
		}
		if g.o.Opened != nil {
			g.o.Opened(s.path.path, s.r.format.Name)
		}
	}
	switch {
	case w.last == s:
	case s.known != nil:
		w.last = s // as the stored positions have it
	default:
		if s.source.err = nil; s.source.start == s.source.end {
			s.source.fill() // so that the position says which file it is
		}
		if err := w.settle(ctx, s); err != nil {
			return false, err
		}
	}
	g.arrived = g.o.Now().UnixNano()
	s.source.err = nil
	s.pending = true
	for range turnLines {
		text, line, err := s.records.next()
		cause, known := err.(Cause) //nolint:errorlint // records return causes as they are, and this is once a line
		switch {
		case err == nil:
			w.changed = true
			cause = w.one(s, text, line)
		case errors.Is(err, follow.ErrIdle), errors.Is(err, io.EOF):
			s.pending, s.known = false, nil
			g.count(&s.r)
			return false, nil
		case !known:
			return false, fmt.Errorf("%w %s: %w", ErrRead, s.path.path, err)
		}
		s.line = s.records.number
		if cause != 0 {
			w.changed = true
			g.damaged(s.path.path, line, cause)
		}
	}
	g.count(&s.r)
	return true, nil
}

// one takes a line through the engine, unless it is known to be journaled.
func (w *follower) one(s *stream, text []byte, line int) Cause {
	g := w.g
	if cause := g.decode(&s.r, s.decoder, text); cause != 0 {
		return g.passed(cause)
	}
	if s.known != nil {
		skip := s.known.skip(&g.x)
		if s.known.done() {
			s.known = nil
		}
		if skip {
			return 0
		}
	}
	w.events++
	g.judge(&s.r, line)
	return 0
}
