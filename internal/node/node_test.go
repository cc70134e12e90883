package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"merlon/internal/enforce/engine"
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/local"
)

const at0 = int64(1_790_000_000_000_000_000)

// rig is one node on a data directory, with a clock that the test moves.
type rig struct {
	t     *testing.T
	now   time.Time
	store *local.Store
	queue *event.Queue
	eng   *engine.Engine
	node  *Node
	stop  func()
	dead  bool
}

func open(t *testing.T, dir string, sites ...string) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Unix(0, at0).UTC()}
	var err error
	r.store, err = local.Open(context.Background(), dir, local.Options{
		Now: func() time.Time { return r.now }, Command: "test", Random: rand.Reader, DefaultSite: "acme",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { defer close(ran); _ = r.store.Run(ctx, nil) }()
	r.stop = func() { cancel(); <-ran }
	if sites == nil {
		sites = []string{"acme"}
	}
	b := &bundle.Bundle{Sites: []bundle.Site{{Name: sites[0], Default: true}}}
	r.queue = event.NewQueue(100_000)
	r.queue.Poison()
	var eng *engine.Engine
	if eng, _ = engine.New(engine.Options{Queue: r.queue, Namer: event.NewNamer(1, 1), Node: "n"}, engine.Input{Bundle: b, Keys: map[string]dataclass.Key{sites[0]: {1}}}); eng == nil {
		t.Fatal("no engine")
	}
	r.eng = eng
	r.node, err = Open(ctx, Options{
		Name: "n", Bundle: b, Seed: func(site string) (uint64, bool) { return 7, site != "unknown" }, Engine: eng, Queue: r.queue, Store: r.store,
		Now: func() time.Time { return r.now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.die)
	return r
}

// die lets go of the directory without saving anything, as kill -9 would; what was written stays written.
func (r *rig) die() {
	if r.dead {
		return
	}
	r.dead = true
	r.stop()
	if err := r.store.Close(); err != nil {
		r.t.Error(err)
	}
}

// send lets n exchanges happen, at times from at on, and has them consumed.
func (r *rig) send(from, n int) {
	for i := from; i < from+n; i++ {
		t := r.eng.Begin(at0)
		x := &t.Exchange
		x.Source, x.Observed = exchange.SourceAccessLog, exchange.SawRequestLine|exchange.SawStatus|exchange.SawClient
		x.At = at0 - int64(3*time.Hour) + int64(i)*int64(time.Minute)
		x.Method, x.Host = []byte("GET"), []byte("api.example")
		x.Path = []byte(fmt.Sprintf("/orders/%d", i))
		x.Client.Addr = netip.AddrFrom4([4]byte{198, 51, byte(i), 1})
		t.Request()
		x.Status = 200
		t.Response()
		t.Close(event.OutcomeNotForwarded, 0)
	}
	r.consume()
}

// consume takes what waits in the queue.
func (r *rig) consume() {
	for r.queue.Len() > 0 {
		r.node.take(r.queue.Take(context.Background()))
	}
}

func (r *rig) state() []byte {
	var b []byte
	r.node.Merged("acme", func(s *summary.State) { b = s.AppendBinary(nil) })
	return b
}

func find(v *inventory.Inventory, template string) *inventory.Endpoint {
	for i := range v.Sites {
		for j := range v.Sites[i].Endpoints {
			if e := &v.Sites[i].Endpoints[j]; e.Template == template {
				return e
			}
		}
	}
	return nil
}

func TestExchangesBecomeAnInventory(t *testing.T) {
	r := open(t, t.TempDir())
	r.send(0, 150)
	if err := r.node.Distill(context.Background()); err != nil {
		t.Fatal(err)
	}
	e := find(r.node.Inventory(), "/orders/{orderId}")
	if e == nil || e.Requests != 150 || e.State != inventory.Confirmed {
		t.Fatalf("got %+v", e)
	}
	// What was published is what the matcher now uses.
	r.send(150, 10)
	_ = r.node.Distill(context.Background())
	if e := find(r.node.Inventory(), "/orders/{orderId}"); e.Requests != 160 || len(r.node.Inventory().Sites[0].Endpoints) != 1 {
		t.Errorf("got %+v", r.node.Inventory().Sites[0].Endpoints)
	}
}

// TestNothingJournaledIsLost: a process that ends without saving is followed by one that has learned the same.
func TestNothingJournaledIsLost(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	r.send(0, 40)
	if err := r.node.Distill(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := r.node.Save(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.send(40, 60) // after the snapshot: only in the journal
	want := r.state()
	id := find(r.node.Inventory(), "/orders/{orderId}").ID
	r.die()

	again := open(t, dir)
	if got := again.state(); !bytes.Equal(got, want) {
		t.Errorf("the state after a crash differs: %d bytes, want %d", len(got), len(want))
	}
	e := find(again.node.Inventory(), "/orders/{orderId}")
	if e == nil || e.ID != id || e.Requests != 100 {
		t.Errorf("got %+v, want id %d and 100 requests", e, id)
	}
	// And once more, with everything saved.
	if err := again.node.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	again.die()
	third := open(t, dir)
	if got := third.state(); !bytes.Equal(got, want) {
		t.Error("the state after an orderly stop differs")
	}
}

// TestAnotherSiteKeepsWhatIsJournaled: a command for another site on the same directory, after a crash, learns what the
// journal holds of the first one instead of letting it go.
func TestAnotherSiteKeepsWhatIsJournaled(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	r.send(0, 100)
	want := r.state()
	r.die()
	other := open(t, dir, "other")
	other.send(0, 10)
	if err := other.node.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	other.die()
	if got := open(t, dir).state(); !bytes.Equal(got, want) {
		t.Errorf("the first site's state has %d bytes, want %d", len(got), len(want))
	}
}

// TestErasedLiteralsStayErased: words that turned out to be values of a parameter do not come back with the journal.
func TestErasedLiteralsStayErased(t *testing.T) {
	literals := func(r *rig) (n int) {
		r.node.Merged("acme", func(s *summary.State) {
			for _, l := range s.Found.Leaves() {
				for _, seg := range l.Segments {
					if seg.Kind == summary.Literal && seg.Text != "" && seg.Text != "people" {
						n++
					}
				}
			}
		})
		return n
	}
	names := []string{"ada", "grace", "alan", "edsger", "barbara", "donald", "leslie", "tony", "niklaus", "john"}
	send := func(r *rig) {
		for i := range 300 {
			t := r.eng.Begin(at0)
			x := &t.Exchange
			x.Source, x.Observed = exchange.SourceAccessLog, exchange.SawRequestLine|exchange.SawStatus|exchange.SawClient
			x.At = at0 - int64(6*time.Hour) + int64(i)*int64(time.Minute)
			x.Method, x.Host = []byte("GET"), []byte("api.example")
			x.Path = []byte("/people/" + names[i%10] + string(rune('a'+i/10%26)) + string(rune('a'+i/260)) + "son")
			x.Client.Addr = netip.AddrFrom4([4]byte{198, 51, byte(i), 1})
			t.Request()
			x.Status = 200
			t.Response()
			t.Close(event.OutcomeNotForwarded, 0)
		}
		r.consume()
	}
	dir := t.TempDir()
	r := open(t, dir)
	send(r)
	before := literals(r)
	for range 2 {
		if err := r.node.Distill(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	after := literals(r)
	if before < 200 || after >= before/2 {
		t.Fatalf("%d literals before, %d after distillation: nothing to test", before, after)
	}
	r.die() // before a snapshot
	again := open(t, dir)
	if got := literals(again); got > after {
		t.Errorf("%d literals after a crash, %d were left", got, after)
	}
}

func TestALearnersPanicCostsOneEvent(t *testing.T) {
	r := open(t, t.TempDir())
	r.node.states["broken"] = new(summary.State) // has no tables: folding into it fails
	e := r.queue.New()
	e.Site, e.At, e.Arrived, e.Status = "broken", at0, at0, 200
	r.node.take([]*event.Event{e})
	if r.node.failed == 0 || len(r.node.Troubles()) == 0 {
		t.Errorf("failed %d, troubles %v", r.node.failed, r.node.Troubles())
	}
	r.send(0, 3)
	if r.node.Learned() != 4 {
		t.Errorf("learned %d", r.node.Learned())
	}
	delete(r.node.states, "broken")
}

func TestRowsAreBoundedBySecond(t *testing.T) {
	r := open(t, t.TempDir())
	r.send(0, 3*ordinaryRows)
	if n := len(r.node.rows.events); n != ordinaryRows {
		t.Errorf("%d ordinary rows in a second, want %d", n, ordinaryRows)
	}
	r.now = r.now.Add(time.Second)
	r.send(0, 1)
	if n := len(r.node.rows.events); n != ordinaryRows+1 {
		t.Errorf("%d rows after a second", n)
	}
	r.node.Flush(context.Background())
	if len(r.node.rows.events) != 0 {
		t.Error("rows stay after they were stored")
	}
}

func TestTroublesAreLoggedAtTheirEnds(t *testing.T) {
	var out bytes.Buffer
	tr := troubles{log: slog.New(slog.NewTextHandler(&out, nil))}
	for range 5 {
		tr.report("journal", context.DeadlineExceeded)
	}
	if len(tr.all()) != 1 {
		t.Errorf("troubles: %v", tr.all())
	}
	for range 5 {
		tr.report("journal", nil)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || len(tr.all()) != 0 {
		t.Errorf("%d lines: %s", n, out.String())
	}
}

// The points of the last seconds are stored when a node stops, and those of the next run come on top of them.
func TestTimeSeriesOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	for run := range 3 {
		r := open(t, dir)
		r.send(100*run, 100)
		if err := r.node.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		points, err := r.store.DB.Series(context.Background(), store.SeriesQuery{
			All: true, From: r.now.Add(-10 * time.Hour), To: r.now.Add(10 * time.Hour), Step: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		var requests uint64
		for i := range points {
			requests += uint64(points[i].Requests)
		}
		if want := uint64(100 * (run + 1)); requests != want {
			t.Errorf("after run %d the series count %d requests, want %d", run+1, requests, want)
		}
		r.die()
	}
}
