// Package ingest is what has already happened: logs, HAR, exchange lines, mirror, pcap, OTLP.
//
// An Ingest reads its inputs one after the other in event time, turns every line into an exchange, and hands it to the
// engine on the caller's goroutine; a full queue makes it wait, so that nothing is lost. A line that cannot be read is
// counted and reported with its number and cause, and never stops the run. What a format cannot see is left out of the
// exchange's observed mask. docs/reference/ingest.md says what each format shows.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// Options is everything an Ingest is made from.
type Options struct {
	Engine *engine.Engine
	// Site is the site of exchanges whose source names none; empty leaves the choice to the engine's hosts.
	Site string
	// Format is a name of Formats, or "auto" (also when empty) to tell each input's format by its first lines.
	Format string
	// LogFormat is a log format of the user's own, as nginx, Apache httpd or Envoy write it; Format may then only name its
	// family. Empty for none.
	LogFormat string
	// Hops is how many of one's own proxies appended to X-Forwarded-For, where a log shows it; record.Auto believes peers
	// with private addresses, and 0 nobody.
	Hops int
	// Now is the clock of arrival.
	Now func() time.Time
	// BodyLimit is how much of a body is handed to the engine, 0 for 128 KiB, as the proxy does.
	BodyLimit int
	// Progress is kept up to date while Run runs; nil when nobody looks.
	Progress *Progress
	// Opened is told each input's format before its first exchange; Damaged is told each damaged line. Both may be nil,
	// and run on Run's goroutine.
	Opened  func(input, format string)
	Damaged func(Damage)
	// Noted is told, at the end of an input, what its format had to leave out. It may be nil.
	Noted func(input, note string)
	// OnEvent is told the name of each exchange's event before it is published, with the line it came from (in a HAR
	// document: the number of the entry). It may be nil.
	OnEvent func(input string, line int, id event.ID)
}

// Result counts what a run did.
type Result struct {
	// Lines are the lines (or entries of a document) that were not empty: Exchanges + Damaged + Skipped.
	Lines, Exchanges, Damaged int64
	// Skipped are well-formed entries that are no HTTP exchange, such as data: URLs in a browser's HAR.
	Skipped int64
	// Unplaced are exchanges that no site takes; they are judged and recorded as such, and learned for no site.
	Unplaced int64
	// ByCause counts damaged lines by cause.
	ByCause [NumCauses]int64
	// Bytes is what was read, after decompression.
	Bytes int64
	// First and Last are the earliest and latest event time in Unix nanoseconds, 0 without an exchange.
	First, Last int64
}

// MaxAhead is how far a line's time may lie ahead of its arrival. A line beyond it is damaged: were it believed, one bad
// clock could move epochs and expire what was learned.
const MaxAhead = 5 * time.Minute

var (
	// ErrFormat is returned for a format that is not known or cannot be told from the input.
	ErrFormat = errors.New("format of the input")
	// ErrSite is returned when Options.Site is not a site of the engine.
	ErrSite = errors.New("no such site")
	// ErrRead is returned when an input cannot be opened or read.
	ErrRead = errors.New("reading input")
)

// Ingest runs inputs through an engine. It is not safe for concurrent use.
type Ingest struct {
	o       Options
	chosen  *format // nil to tell each input's by its first lines
	result  Result
	arrived int64
	x       exchange.Exchange // the record being read; swapped into its transaction when it is whole
}

// New makes an Ingest. It fails on a format or a site that does not exist.
func New(o Options) (*Ingest, error) {
	if o.BodyLimit <= 0 {
		o.BodyLimit = 128 << 10
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.Format == "" {
		o.Format = auto
	}
	chosen, err := choose(o.Format, o.LogFormat)
	if err != nil {
		return nil, err
	}
	if sites := o.Engine.Snapshot().Sites(); o.Site != "" && !slices.Contains(sites, o.Site) {
		return nil, fmt.Errorf("%w: %q; the sites are %s", ErrSite, o.Site, strings.Join(sites, ", "))
	}
	return &Ingest{o: o, chosen: chosen}, nil
}

// Run reads the inputs, several in the order of their first time stamps, and returns what it counted so far even with an
// error. It ends early when ctx does, after the line in hand; a read that blocks ends when the input is closed.
func (g *Ingest) Run(ctx context.Context, inputs ...Input) (Result, error) {
	g.result = Result{}
	g.o.Progress.begin(inputs)
	readers, err := g.open(inputs)
	if err != nil {
		return g.result, err
	}
	for i, r := range readers {
		if err := g.read(ctx, r); err != nil {
			for _, left := range readers[i:] {
				left.close()
			}
			return g.result, err
		}
		r.close()
	}
	return g.result, nil
}

// read runs one input to its end.
func (g *Ingest) read(ctx context.Context, r *reader) error {
	if err := r.resume(g.o.Progress); err != nil {
		return err
	}
	if r.format == nil {
		return nil // nothing but empty lines
	}
	if g.o.Opened != nil {
		g.o.Opened(r.input.Name, r.format.Name)
	}
	records, decoder := r.format.open(r.source, settings{g.o.BodyLimit, g.o.Hops})
	fills := -1
	for n := 0; ; n++ {
		text, line, err := records.next()
		if r.source.fills != fills || n%256 == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			fills = r.source.fills
			g.arrived = g.o.Now().UnixNano()
			g.count(r)
		}
		cause, known := err.(Cause) //nolint:errorlint // records return causes as they are, and this is once a line
		switch {
		case err == nil:
			if cause = g.one(r, decoder, text, line); cause == 0 {
				continue
			}
		case errors.Is(err, io.EOF):
			g.note(r, records)
			g.count(r)
			return nil
		case !known:
			g.count(r)
			return fmt.Errorf("%w %s: %w", ErrRead, r.input.Name, err)
		}
		g.damaged(r.input.Name, line, cause)
		if cause.Ends() {
			g.note(r, records)
			g.count(r)
			return nil
		}
	}
}

// note tells what was left out of an input.
func (g *Ingest) note(r *reader, from records) {
	if n, ok := from.(interface{ notes() []string }); ok && g.o.Noted != nil {
		for _, note := range n.notes() {
			g.o.Noted(r.input.Name, note)
		}
	}
}

// one takes a record through the engine. The cause is 0 unless it is damaged.
func (g *Ingest) one(r *reader, d decoder, text []byte, line int) Cause {
	if cause := g.decode(r, d, text); cause != 0 {
		return g.passed(cause)
	}
	g.judge(r, line)
	return 0
}

// decode fills g.x from a record.
func (g *Ingest) decode(r *reader, d decoder, text []byte) Cause {
	x := &g.x
	x.Reset()
	x.Source, x.Site = r.format.Source, g.o.Site
	if cause := d.decode(text, x); cause != 0 {
		return cause
	}
	if x.At > g.arrived+int64(MaxAhead) {
		return record.CauseAhead
	}
	return 0
}

// passed counts what is well-formed and no exchange; any other cause is damage.
func (g *Ingest) passed(cause Cause) Cause {
	if cause != record.CauseSkip {
		return cause
	}
	g.result.Lines++
	g.result.Skipped++
	return 0
}

// judge takes g.x through the engine.
func (g *Ingest) judge(r *reader, line int) {
	x := &g.x
	t := g.o.Engine.Begin(g.arrived)
	at := &t.Exchange
	// The transaction keeps the field lists for its next exchange, so it is given ours and we take its old ones.
	node, leaves, request, response := at.Node, at.Leaves, at.Request.Fields, at.Response.Fields
	*at = *x
	at.Arrived, at.Node, at.Leaves = g.arrived, node, leaves
	x.Request.Fields, x.Response.Fields = request[:0], response[:0]

	if t.Request().Status == misdirected {
		g.result.Unplaced++
	}
	t.Response()
	if g.o.OnEvent != nil {
		g.o.OnEvent(r.input.Name, line, t.ID())
	}
	t.Close(event.OutcomeNotForwarded, 0)
	g.result.Lines++
	g.result.Exchanges++
	if g.result.First == 0 || x.At < g.result.First {
		g.result.First = x.At
	}
	g.result.Last = max(g.result.Last, x.At)
}

// misdirected is the engine's answer when no site takes a host (RFC 9110 section 15.5.20).
const misdirected = 421

func (g *Ingest) damaged(input string, line int, cause Cause) {
	g.result.Lines++
	g.result.Damaged++
	g.result.ByCause[cause]++
	if g.o.Damaged != nil {
		g.o.Damaged(Damage{Input: input, Line: line, Cause: cause})
	}
}

// count publishes progress.
func (g *Ingest) count(r *reader) {
	if r != nil {
		g.result.Bytes += r.source.taken
		r.source.taken = 0
	}
	g.o.Progress.lines.Store(g.result.Lines)
	g.o.Progress.damaged.Store(g.result.Damaged)
}
