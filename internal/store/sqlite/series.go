package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"merlon/internal/store"
)

const (
	seriesColumns = `endpoint, step, at, site, node, source, arrived, requests, client_errors, server_errors, blocked, request_bytes, response_bytes, latency`
	insertPoint   = `INSERT INTO series (` + seriesColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	samePoint     = `endpoint = ? AND step = ? AND at = ? AND site = ? AND node = ? AND source = ?`
	selectLatency = `SELECT latency FROM series WHERE ` + samePoint
	addPoint      = `UPDATE series SET arrived = max(arrived, ?), requests = requests + ?, client_errors = client_errors + ?,
		server_errors = server_errors + ?, blocked = blocked + ?, request_bytes = request_bytes + ?, response_bytes = response_bytes + ?,
		latency = ? WHERE ` + samePoint
)

// AddSeries adds points to what is stored for their intervals.
func (d *DB) AddSeries(ctx context.Context, points []store.SeriesPoint) error {
	return d.write(ctx, false, func(t *txn) error {
		var buf []byte
		for i := range points {
			var err error
			if buf, err = t.addPoint(&points[i], buf); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *txn) addPoint(p *store.SeriesPoint, buf []byte) ([]byte, error) {
	buf = p.Latency.AppendBinary(buf[:0])
	r, err := t.exec(insertPoint, p.Endpoint, p.Step, p.At, p.Site, p.Node, p.Source, p.Arrived, int64(p.Requests), int64(p.ClientErrors),
		int64(p.ServerErrors), int64(p.Blocked), int64(p.RequestBytes), int64(p.ResponseBytes), buf)
	if err != nil {
		return buf, err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return buf, err
	}
	key := []any{p.Endpoint, p.Step, p.At, p.Site, p.Node, p.Source}
	var stored []byte
	if err := t.row(selectLatency, key, &stored); err != nil {
		return buf, err
	}
	var l store.Latency
	if err := l.DecodeBinary(stored); err != nil && !errors.Is(err, store.ErrDamaged) {
		return buf, err
	}
	l.Merge(&p.Latency) // onto nothing where the stored histogram is damaged: counts still add up
	buf = l.AppendBinary(buf[:0])
	_, err = t.exec(addPoint, append([]any{
		p.Arrived, int64(p.Requests), int64(p.ClientErrors), int64(p.ServerErrors), int64(p.Blocked),
		int64(p.RequestBytes), int64(p.ResponseBytes), buf,
	}, key...)...)
	return buf, err
}

func scanPoint(r *sql.Rows) (p store.SeriesPoint, err error) {
	var n [6]int64
	var latency sql.RawBytes
	if err := r.Scan(&p.Endpoint, &p.Step, &p.At, &p.Site, &p.Node, &p.Source, &p.Arrived, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &latency); err != nil {
		return p, err
	}
	p.Requests, p.ClientErrors, p.ServerErrors, p.Blocked = uint64(n[0]), uint64(n[1]), uint64(n[2]), uint64(n[3])
	p.RequestBytes, p.ResponseBytes = uint64(n[4]), uint64(n[5])
	if err := p.Latency.DecodeBinary(latency); err != nil && !errors.Is(err, store.ErrDamaged) {
		return p, err
	}
	return p, nil
}

// Series returns the points that the query selects, oldest first, empty intervals left out. Nodes and sources are added up.
func (d *DB) Series(ctx context.Context, q store.SeriesQuery) ([]store.SeriesPoint, error) {
	step, from, to := int64(q.Step/time.Second), q.From.Unix(), q.To.Unix()
	if step < store.StepFine || step%store.StepFine != 0 || q.Step%time.Second != 0 {
		return nil, fmt.Errorf("step %v: want a multiple of %d s", q.Step, store.StepFine)
	}
	if to <= from || (to-from)/step > store.MaxSeriesPoints {
		return nil, fmt.Errorf("series from %v to %v by %v: want 1 to %d points: choose a longer step", q.From, q.To, q.Step, store.MaxSeriesPoints)
	}
	by := map[int64]*store.SeriesPoint{}
	err := d.each(ctx, func(r *sql.Rows) error {
		p, err := scanPoint(r)
		if err != nil {
			return err
		}
		at := p.At - ((p.At%step)+step)%step
		sum, ok := by[at]
		if !ok {
			sum = &store.SeriesPoint{Site: q.Site, Endpoint: q.Endpoint, At: at, Step: step}
			by[at] = sum
		}
		sum.Merge(&p)
		return nil
	}, `SELECT `+seriesColumns+` FROM series WHERE (? OR endpoint = ?) AND (? = '' OR site = ?) AND step IN (10, 60, 3600) AND at < ? AND at > ? - step`,
		q.All, q.Endpoint, q.Site, q.Site, to, from)
	if err != nil {
		return nil, err
	}
	out := make([]store.SeriesPoint, 0, len(by))
	for _, p := range by {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b store.SeriesPoint) int { return int(a.At - b.At) })
	return out, nil
}

// tier is how long points of a step are kept by arrival, and what they are folded into then; 0 means they are dropped.
type tier struct {
	step, into int64
	keep       time.Duration
}

func tiers() [3]tier {
	return [3]tier{
		{store.StepFine, store.StepMinute, time.Hour},
		{store.StepMinute, store.StepHour, 48 * time.Hour},
		{store.StepHour, 0, 365 * 24 * time.Hour},
	}
}

// foldChunk bounds the rows of one fold, so that other writers wait for milliseconds.
const foldChunk = 2000

// foldSeries moves what is too old, or too much, to the next tier.
func (d *DB) foldSeries(ctx context.Context, now time.Time, rows int) error {
	for _, tier := range tiers() {
		cut := now.Add(-tier.keep).Unix()
		var crowded int64
		err := diskError(d.readers.QueryRowContext(ctx, `SELECT arrived FROM series WHERE step = ? ORDER BY arrived DESC LIMIT 1 OFFSET ?`, tier.step, rows).Scan(&crowded))
		if err == nil {
			cut = max(cut, crowded+1)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for more := true; more; {
			err := d.write(ctx, false, func(t *txn) error {
				n, err := t.fold(tier, cut)
				more = n == foldChunk
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *txn) fold(tier tier, cut int64) (int, error) {
	s, err := t.prepare(`SELECT ` + seriesColumns + ` FROM series WHERE step = ? AND arrived < ? ORDER BY arrived LIMIT ?`)
	if err != nil {
		return 0, err
	}
	rows, err := s.QueryContext(t.ctx, tier.step, cut, foldChunk)
	if err != nil {
		return 0, diskError(err)
	}
	var points []store.SeriesPoint
	if err := eachRow(rows, func(r *sql.Rows) error {
		p, err := scanPoint(r)
		points = append(points, p)
		return err
	}); err != nil {
		return 0, err
	}
	var buf []byte
	for i := range points {
		p := &points[i]
		if _, err := t.exec(`DELETE FROM series WHERE `+samePoint, p.Endpoint, p.Step, p.At, p.Site, p.Node, p.Source); err != nil {
			return 0, err
		}
		if tier.into == 0 {
			continue
		}
		p.At -= (p.At%tier.into + tier.into) % tier.into
		p.Step = tier.into
		if buf, err = t.addPoint(p, buf); err != nil {
			return 0, err
		}
	}
	return len(points), nil
}
