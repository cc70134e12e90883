// Package eventlist answers what people ask of the event list: any conditions together, page by page in both directions, and counts over time.
//
// It reads the postings that package sqlite makes of each chunk of rows (store/posting says how), and changes nothing.
package eventlist

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"merlon/internal/store"
	"merlon/internal/store/posting"
	"merlon/internal/store/sqlite"
)

// Bounds of one search. They are counts, not times, so that the same question gets the same answer on any machine.
const (
	// maxLooked is how many rows may be read to find a page: more only where rows must tell what no posting does.
	maxLooked = 4000
	// maxChunks is how many chunks are looked at, 33 million rows.
	maxChunks = 8192
	// maxPostings bounds what is read at once for a condition that many values fulfil, maxWords those that a part of a text selects.
	maxPostings = 60_000
	maxWords    = 200
	// firstWindow and lastWindow are how many chunks are intersected at a time: few at first, as a page is mostly near.
	firstWindow, lastWindow = 8, 512
)

// search is one question to the event list, on one unchanging state of the database.
type search struct {
	ctx    context.Context
	tx     *sql.Tx
	f      *store.EventFilter
	plan   store.EventPlan
	chunks []chunk // that may hold what is selected, in the direction of the search
	begin  int64   // the first row that is in no chunk
	// wide are conditions that several values fulfil, read whole: sets by chunk.
	wide []map[int64]*posting.Set
	ones []posting.Range
	none bool // nothing can match
}

type chunk struct {
	number, first, last int64
	live                []byte
}

// Page returns a page of events, from the latest down or with After upwards, and where to go on.
func Page(ctx context.Context, db *sqlite.DB, f store.EventFilter) (p store.EventPage, err error) {
	if f.Limit <= 0 || f.Limit > store.MaxEventsPage {
		f.Limit = store.MaxEventsPage
	}
	err = db.Snapshot(ctx, func(tx *sql.Tx) error {
		s := search{ctx: ctx, tx: tx, f: &f, plan: store.PlanEvents(&f)}
		if err := s.open(f.After != 0); err != nil {
			return err
		}
		p, err = s.page()
		return err
	})
	return p, err
}

// each calls fn for every row of a query.
func (s *search) each(fn func(*sql.Rows) error, query string, args ...any) error {
	return sqlite.Query(s.ctx, s.tx, fn, query, args...)
}

// load reads events.
func (s *search) load(clause string, args ...any) ([]store.Event, error) {
	return sqlite.LoadEvents(s.ctx, s.tx, clause, args...)
}

// open reads which chunks there are and what of the filter many values fulfil.
func (s *search) open(up bool) error {
	var sealed sql.NullInt64
	if err := s.each(func(r *sql.Rows) error { return r.Scan(&sealed) }, `SELECT max(chunk) FROM event_chunks`); err != nil {
		return err
	}
	if sealed.Valid {
		s.begin = (sealed.Int64 + 1) << posting.Shift
	}
	where, args := []string{"1"}, []any(nil)
	add := func(clause string, v any) { where, args = append(where, clause), append(args, v) }
	if s.f.Before != 0 {
		add("chunk <= ?", int64(min(s.f.Before, 1<<62)-1)>>posting.Shift)
	}
	if s.f.After != 0 {
		add("chunk >= ?", int64(min(s.f.After, 1<<62)+1)>>posting.Shift)
	}
	if !s.f.From.IsZero() {
		add("last >= ?", s.f.From.UnixNano())
	}
	if !s.f.To.IsZero() {
		add("first < ?", s.f.To.UnixNano())
	}
	order := " ORDER BY chunk DESC LIMIT "
	if up {
		order = " ORDER BY chunk LIMIT "
	}
	if err := s.each(func(r *sql.Rows) error {
		var c chunk
		err := r.Scan(&c.number, &c.first, &c.last, &c.live)
		s.chunks = append(s.chunks, c)
		return err
	}, `SELECT chunk, first, last, live FROM event_chunks WHERE `+strings.Join(where, " AND ")+order+strconv.Itoa(maxChunks+1), args...); err != nil || len(s.chunks) == 0 {
		return err
	}
	for _, part := range s.plan.Parts {
		if err := s.openPart(part); err != nil {
			return err
		}
	}
	for _, k := range s.plan.Either {
		if err := s.openWide(`(field = ? AND value = ? OR field = ? AND value = ?)`, int(k[0].Field), k[0].Value, int(k[1].Field), k[1].Value); err != nil {
			return err
		}
	}
	for _, r := range s.plan.Ranges {
		if r.One() {
			s.ones = append(s.ones, r)
			continue
		}
		if err := s.openWide(`field = ? AND value BETWEEN ? AND ?`, int(r.Field), r.From, r.To); err != nil {
			return err
		}
	}
	return nil
}

// openPart turns a part of a text into the words that have it.
func (s *search) openPart(p posting.Part) error {
	var values []string
	if err := s.each(func(r *sql.Rows) error {
		var v int64
		err := r.Scan(&v)
		values = append(values, strconv.FormatInt(v, 10))
		return err
	}, `SELECT value FROM event_words WHERE field = ? AND instr(lower(CAST(text AS TEXT)), ?) > 0 LIMIT ?`, int(p.Field), lower(p.Text), maxWords+1); err != nil {
		return err
	}
	if len(values) > maxWords {
		s.plan.Exact = false // too many to intersect: the rows tell
		return nil
	}
	if len(values) == 0 {
		s.none = true
		return nil
	}
	return s.openWide(`field = ? AND value IN (`+strings.Join(values, ",")+`)`, int(p.Field))
}

// lower is as SQLite's lower: ASCII only.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// openWide reads the sets of all values that a clause selects.
func (s *search) openWide(clause string, args ...any) error {
	low, high := s.chunks[0].number, s.chunks[len(s.chunks)-1].number
	args = append(args, min(low, high), max(low, high), maxPostings+1)
	sets, n := make(map[int64]*posting.Set), 0
	if err := s.each(func(r *sql.Rows) error {
		n++
		return readSet(r, sets)
	}, `SELECT chunk, rows FROM event_postings WHERE `+clause+` AND chunk BETWEEN ? AND ? LIMIT ?`, args...); err != nil {
		return err
	}
	if n > maxPostings {
		s.plan.Exact = false
		return nil
	}
	s.wide = append(s.wide, sets)
	return nil
}

func readSet(r *sql.Rows, sets map[int64]*posting.Set) error {
	var number int64
	var raw sql.RawBytes
	if err := r.Scan(&number, &raw); err != nil {
		return err
	}
	set := sets[number]
	if set == nil {
		set = new(posting.Set)
		sets[number] = set
	}
	set.Read(raw)
	return nil
}

// window intersects the sets of some chunks; chunks without a row left out are nil.
func (s *search) window(chunks []chunk) ([]*posting.Set, error) {
	out := make([]*posting.Set, len(chunks))
	if s.none {
		return out, nil
	}
	for i := range chunks {
		set := new(posting.Set)
		set.Read(chunks[i].live)
		for _, w := range s.wide {
			if o := w[chunks[i].number]; o != nil && set != nil {
				set.And(o)
			} else {
				set = nil
			}
		}
		out[i] = set
	}
	for i := range chunks {
		if err := s.cut(&chunks[i], out[i]); err != nil {
			return nil, err
		}
	}
	low, high := chunks[0].number, chunks[len(chunks)-1].number
	for _, one := range s.ones {
		sets := make(map[int64]*posting.Set)
		if err := s.each(func(r *sql.Rows) error { return readSet(r, sets) }, `SELECT chunk, rows FROM event_postings WHERE field = ? AND value = ? AND chunk BETWEEN ? AND ?`,
			int(one.Field), one.From, min(low, high), max(low, high)); err != nil {
			return nil, err
		}
		left := false
		for i := range out {
			if out[i] == nil {
				continue
			}
			if o := sets[chunks[i].number]; o != nil {
				out[i].And(o)
				left = true
			} else {
				out[i] = nil
			}
		}
		if !left {
			break
		}
	}
	return out, nil
}

// cut leaves out what certainly lies outside the time asked for, in a chunk that lies in it partly.
func (s *search) cut(c *chunk, set *posting.Set) error {
	from, to := int64(-1<<62), int64(1<<62)
	if !s.f.From.IsZero() {
		from = s.f.From.UnixNano()
	}
	if !s.f.To.IsZero() {
		to = s.f.To.UnixNano()
	}
	if set == nil || c.first >= from && c.last < to {
		return nil
	}
	times, err := s.times(c)
	if err != nil {
		return err
	}
	slack := (c.last-c.first)/65535 + 1
	for i := range set.Up() {
		if at := times.At(i); at < from-slack || at > to+slack {
			set.Remove(i)
		}
	}
	return nil
}

// times reads the times of a chunk's rows.
func (s *search) times(c *chunk) (posting.Times, error) {
	t := posting.Times{First: c.first, Last: c.last}
	err := s.each(func(r *sql.Rows) error { return r.Scan(&t.Places) }, `SELECT times FROM event_chunks WHERE chunk = ?`, c.number)
	return t, err
}
