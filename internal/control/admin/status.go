package admin

import (
	"context"
	"errors"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// Status is how Merlon fares. It is public as JSON.
type Status struct {
	Version string    `json:"version"`
	Node    string    `json:"node"`
	Started time.Time `json:"started"`
	// Listen are the addresses where clients are served, as URLs.
	Listen []string `json:"listen"`
	// Events counts decisions recorded as events; Dropped those that the full queue sampled away; Learned those that
	// learning has taken up; Queued those that wait.
	Events  uint64 `json:"events"`
	Dropped uint64 `json:"dropped"`
	Learned uint64 `json:"learned"`
	Queued  int    `json:"queued"`
	// Journal and Database say whether they take what they are given: writing, full or failing.
	Journal       string `json:"journal"`
	Database      string `json:"database"`
	JournalBytes  int64  `json:"journal_bytes"`
	DatabaseBytes int64  `json:"database_bytes"`
	// Knowledge is the version of what was distilled last, at Distilled.
	Knowledge uint64    `json:"knowledge"`
	Distilled time.Time `json:"distilled,omitzero"`
}

// LearnedShare is the part of all events that learning has taken up or still may, 0..1; 1 when there was none.
func (s Status) LearnedShare() float64 {
	if s.Events == 0 {
		return 1
	}
	return 1 - float64(min(s.Dropped, s.Events))/float64(s.Events)
}

// Troubled tells whether something needs an operator.
func (s Status) Troubled() bool {
	bad := func(state string) bool { return state != "" && state != "writing" }
	return s.Dropped > 0 || bad(s.Journal) || bad(s.Database)
}

// Status tells how Merlon fares.
func (a *Admin) Status(_ context.Context, c Caller) (Status, error) {
	if err := c.Need(account.SeeStatus); err != nil {
		return Status{}, err
	}
	return a.o.Status(), nil
}

// ErrDraining: the process finishes what is under way and takes nothing new.
var ErrDraining = errors.New("draining: the process is about to stop")

// Ready tells whether the process can do its work: it is not about to stop, and the database answers.
func (a *Admin) Ready(ctx context.Context) error {
	if a.o.Draining != nil && a.o.Draining() {
		return ErrDraining
	}
	_, err := a.o.Store.SetupPending(ctx, a.o.Now())
	return err
}

// Point is what happened in one interval.
type Point struct {
	At           time.Time `json:"at"`
	Step         int64     `json:"step"` // seconds
	Requests     uint64    `json:"requests"`
	ClientErrors uint64    `json:"client_errors"`
	ServerErrors uint64    `json:"server_errors"`
	Blocked      uint64    `json:"blocked"`
	// P50 and P95 are latencies in milliseconds.
	P50 float64 `json:"latency_p50_ms"`
	P95 float64 `json:"latency_p95_ms"`
}

// SeriesQuery selects a time series: of one endpoint, or of all together.
type SeriesQuery struct {
	Site     string
	Endpoint identity.EndpointID // 0 for all together
	From, To time.Time
	Step     time.Duration
}

// maxPoints bounds one answer.
const maxPoints = 2000

// Series lists what happened over time, oldest first, with empty intervals filled in.
func (a *Admin) Series(ctx context.Context, c Caller, q SeriesQuery) ([]Point, error) {
	if err := c.Need(account.SeeStatus); err != nil {
		return nil, err
	}
	if q.Step < 10*time.Second || q.Step%(10*time.Second) != 0 {
		return nil, wrong("step", "use a multiple of 10 seconds")
	}
	step := int64(q.Step / time.Second)
	from, to := floor(q.From.Unix(), step), floor(q.To.Unix()+step-1, step)
	q.From, q.To = time.Unix(from, 0), time.Unix(to, 0)
	if n := (to - from) / step; n < 1 || n > maxPoints {
		return nil, wrong("step", "choose from, to and step so that there are 1 to %d points", maxPoints)
	}
	rows, err := a.o.Store.Series(ctx, store.SeriesQuery{
		Site: q.Site, Endpoint: q.Endpoint, All: q.Endpoint == 0, From: q.From, To: q.To, Step: q.Step,
	})
	if err != nil {
		return nil, err
	}
	by := make(map[int64]*store.SeriesPoint, len(rows))
	for i := range rows {
		by[rows[i].At] = &rows[i]
	}
	var out []Point
	for at := from; at < to; at += step {
		p := Point{At: time.Unix(at, 0).UTC(), Step: step}
		if r := by[at]; r != nil {
			p.Requests, p.ClientErrors, p.ServerErrors, p.Blocked = r.Requests, r.ClientErrors, r.ServerErrors, r.Blocked
			p.P50, p.P95 = r.Latency.Quantile(.5)/1e6, r.Latency.Quantile(.95)/1e6
		}
		out = append(out, p)
	}
	return out, nil
}

// floor is the beginning of the interval of length step that t lies in, as the store counts them: from 1970.
func floor(t, step int64) int64 { return t - ((t%step)+step)%step }
