package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a hand-moved clock.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_790_000_000, 0).UTC()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

// start opens the database and runs its writer until the returned function or the test's end.
func start(t testing.TB, path string, o Options) (*DB, func()) {
	t.Helper()
	if o.Now == nil {
		o.Now = newClock().now
	}
	d, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, d.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return d, stop
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "merlon.db") }

var who = store.AuditEntry{Actor: "ana", Address: "127.0.0.1", Action: "test.do"}

func TestEveryTableCarriesSiteNodeSource(t *testing.T) {
	d, _ := start(t, file(t), Options{})
	rows, err := d.readers.Query(`SELECT m.name, (SELECT count(*) FROM pragma_table_info(m.name) p WHERE p.name IN ('site', 'node', 'source'))
		FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%'
			AND m.name NOT IN ('event_chunks', 'event_postings', 'event_words')`) // these are made from events, within one file
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tables := 0
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		tables++
		if n != 3 {
			t.Errorf("table %s has %d of site, node, source", name, n)
		}
	}
	if tables < 10 {
		t.Fatalf("%d tables", tables)
	}
}

func TestSettingsOfTheFile(t *testing.T) {
	path := file(t)
	d, _ := start(t, path, Options{})
	for pragma, want := range map[string]string{"journal_mode": "wal", "auto_vacuum": "2", "query_only": "1"} {
		var got string
		if err := d.readers.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", suffix, info.Mode(), err)
		}
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	path := file(t)
	d, stop := start(t, path, Options{})
	if err := d.write(context.Background(), true, func(x *txn) error {
		return x.plain(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
	}); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := Open(context.Background(), path, Options{Now: newClock().now}); !errors.Is(err, store.ErrNewer) {
		t.Fatal(err)
	}
}

func TestSummariesAreStoredWithTheirPosition(t *testing.T) {
	ctx, path := context.Background(), file(t)
	d, stop := start(t, path, Options{Node: "a"})
	if seq, err := d.Covered(ctx); err != nil || seq != 0 {
		t.Fatal(seq, err)
	}
	key := func(site string, epoch int64) store.SummaryKey {
		return store.SummaryKey{Kind: "templates", Site: site, Node: "a", Source: "proxy", Epoch: epoch}
	}
	big := bytes.Repeat([]byte("state "), 10_000)
	err := d.SaveSummaries(ctx, store.SummarySnapshot{Covered: 10, Changed: []store.Summary{
		{SummaryKey: key("x", 1), Blob: []byte("one"), Seq: 3}, {SummaryKey: key("x", 2), Blob: big}, {SummaryKey: key("y", 1), Blob: nil},
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = d.SaveSummaries(ctx, store.SummarySnapshot{
		Covered: 20, Changed: []store.Summary{{SummaryKey: key("x", 1), Blob: []byte("two"), Seq: 4}},
		Gone: []store.SummaryKey{key("y", 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	// A snapshot that fails half-way leaves neither its blobs nor its position.
	broken := errors.New("broken")
	if err := d.write(ctx, true, func(x *txn) error {
		if _, err := x.exec(`DELETE FROM summaries`); err != nil {
			return err
		}
		if _, err := x.exec(`UPDATE positions SET seq = 99`); err != nil {
			return err
		}
		return broken
	}); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	stop()
	d, _ = start(t, path, Options{Node: "a"})
	var got []store.Summary
	seq, err := d.LoadSummaries(ctx, func(s store.Summary) error {
		got = append(got, s)
		return nil
	})
	want := []store.Summary{{SummaryKey: key("x", 1), Blob: []byte("two"), Seq: 4}, {SummaryKey: key("x", 2), Blob: big}}
	if err != nil || seq != 20 || cmp.Diff(want, got) != "" {
		t.Fatal(seq, err, len(got))
	}
	if n, err := d.Bytes(); err != nil || n == 0 || n > 1<<20 {
		t.Fatalf("%d bytes, %v: blobs should be compressed", n, err)
	}
}

func TestInventoryAndKnowledgeVersions(t *testing.T) {
	ctx := context.Background()
	d, _ := start(t, file(t), Options{Versions: 3})
	if _, err := d.Inventory(ctx, 0); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	for v := uint64(1); v <= 5; v++ {
		inv := &inventory.Inventory{Version: v, NextID: identity.EndpointID(v), Sites: []inventory.Site{{Name: "x"}}, Aliases: map[identity.EndpointID]identity.EndpointID{7: 3}}
		k := &bundle.Knowledge{Version: v, Site: "x", Endpoints: []bundle.KnownEndpoint{{ID: 3, Template: "/a/{b}"}}}
		if err := d.SaveInventory(ctx, inv, []*bundle.Knowledge{k}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.Inventory(ctx, 0)
	if err != nil || got.Version != 5 || got.NextID != 5 || got.Resolve(7) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	versions, err := d.InventoryVersions(ctx)
	if err != nil || cmp.Diff([]uint64{5, 4, 3}, versions) != "" {
		t.Fatal(versions, err)
	}
	if _, err := d.Inventory(ctx, 2); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	k, err := d.Knowledge(ctx, "x", 4)
	if err != nil || k.Version != 4 || k.Endpoints[0].Template != "/a/{b}" {
		t.Fatal(k, err)
	}
}

func TestStandingEditsSettings(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	evil := "'; DROP TABLE standing; --\x00\u202e"
	e := bundle.Entry{ID: "1", Site: "x", Kind: bundle.ListAddress, Value: evil, Action: "block", Mode: bundle.ModeEnforce, By: "ana", Why: evil, At: c.now()}
	short := e
	short.ID, short.Until = "2", c.now().Add(time.Hour)
	err := d.Change(ctx, who, func(x *Change) error {
		return errors.Join(x.PutStanding(e), x.PutStanding(short), x.PutSetting("x", "k", evil),
			x.PutEndpointEdit(store.EndpointEdit{Site: "x", Endpoint: 4, Owner: "team", Labels: []string{"a", evil}, By: "ana"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Standing(ctx, c.now())
	if err != nil || s.Version != 2 || cmp.Diff([]bundle.Entry{e, short}, s.Entries) != "" {
		t.Fatal(err, s)
	}
	c.advance(2 * time.Hour)
	if s, err := d.Standing(ctx, c.now()); err != nil || len(s.Entries) != 1 {
		t.Fatal(err, s)
	}
	if v, err := d.Setting(ctx, "x", "k"); err != nil || v != evil {
		t.Fatal(v, err)
	}
	if _, err := d.Setting(ctx, "y", "k"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	edits, err := d.EndpointEdits(ctx)
	if err != nil || len(edits) != 1 || edits[0].Labels[1] != evil {
		t.Fatal(edits, err)
	}
	before, _ := d.Audit(ctx, store.AuditFilter{Limit: 10})
	err = d.Change(ctx, who, func(x *Change) error { return x.RemoveStanding("nobody") })
	if after, _ := d.Audit(ctx, store.AuditFilter{Limit: 10}); !errors.Is(err, store.ErrNotFound) || len(after) != len(before) {
		t.Fatal("what did not happen is in the audit log", err)
	}
}

func TestAccountsLoginsTokensSetup(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	change := func(do func(x *Change) error) error { return d.Change(ctx, who, do) }
	setup, cookie := sha256.Sum256([]byte("setup")), sha256.Sum256([]byte("cookie"))
	if err := change(func(x *Change) error { return x.PutSetup(setup, c.now().Add(time.Hour)) }); err != nil {
		t.Fatal(err)
	}
	if pending, err := d.SetupPending(ctx, c.now()); err != nil || !pending {
		t.Fatal(pending, err)
	}
	// Many try at once: one wins.
	results := make(chan error, 8)
	for i := range 8 {
		go func() {
			results <- change(func(x *Change) error {
				return errors.Join(x.UseSetup(setup), x.AddAccount(store.Account{Name: fmt.Sprint("Ana", i), Hash: "h", Roles: []string{"admin"}}))
			})
		}()
	}
	won := 0
	for range 8 {
		if err := <-results; err == nil {
			won++
		} else if !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	all, err := d.Accounts(ctx)
	if won != 1 || err != nil || len(all) != 1 {
		t.Fatalf("%d won, %d accounts, %v", won, len(all), err)
	}
	name := all[0].Name
	if a, err := d.Account(ctx, "aNA"+name[3:]); err != nil || a.Roles[0] != "admin" || a.Created != c.now() {
		t.Fatal(a, err)
	}
	if err := change(func(x *Change) error { return x.AddAccount(store.Account{Name: "ANA" + name[3:]}) }); !errors.Is(err, store.ErrExists) {
		t.Fatal(err)
	}
	if err := change(func(x *Change) error {
		return x.AddLogin(store.Login{TokenHash: cookie, Account: name, Expires: c.now().Add(time.Hour), Address: "::1"})
	}); err != nil {
		t.Fatal(err)
	}
	if err := change(func(x *Change) error { return x.AddLogin(store.Login{TokenHash: setup, Account: "nobody"}) }); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	if l, a, err := d.Login(ctx, cookie, c.now()); err != nil || l.Account != name || a.Name != name {
		t.Fatal(l, a, err)
	}
	if _, _, err := d.Login(ctx, cookie, c.now().Add(time.Hour)); !errors.Is(err, store.ErrNotFound) {
		t.Fatal("expired login works", err)
	}
	if err := d.TouchLogin(ctx, cookie, c.now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := change(func(x *Change) error {
		return x.SetAccount(store.Account{Name: name, Hash: "new", Roles: []string{"admin"}})
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Login(ctx, cookie, c.now()); !errors.Is(err, store.ErrNotFound) {
		t.Fatal("login outlives a new password", err)
	}
	k := store.APIToken{ID: "t1", Name: "ci", TokenHash: cookie, Roles: []string{"viewer"}, By: name, Expires: c.now().Add(time.Hour)}
	if err := change(func(x *Change) error { return x.AddAPIToken(k) }); err != nil {
		t.Fatal(err)
	}
	if got, err := d.APIToken(ctx, cookie, c.now()); err != nil || got.ID != "t1" || !got.Used.IsZero() {
		t.Fatal(got, err)
	}
	if _, err := d.APIToken(ctx, cookie, c.now().Add(2*time.Hour)); !errors.Is(err, store.ErrNotFound) {
		t.Fatal("expired token works", err)
	}
	if err := d.TouchAPIToken(ctx, "t1", c.now()); err != nil {
		t.Fatal(err)
	}
	if all, err := d.APITokens(ctx); err != nil || len(all) != 1 || all[0].Used != c.now() {
		t.Fatal(all, err)
	}
	if err := change(func(x *Change) error { return errors.Join(x.RemoveAPIToken("t1"), x.RemoveAccount(name)) }); err != nil {
		t.Fatal(err)
	}
	if _, err := d.APIToken(ctx, cookie, c.now()); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestAuditChain(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now, AuditRows: 5})
	add := func(n int) {
		t.Helper()
		for i := range n {
			c.advance(time.Second)
			if err := d.Change(ctx, store.AuditEntry{Actor: "ana", Action: "a.b", Target: fmt.Sprint(i)}, func(*Change) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole := func() {
		t.Helper()
		if v, err := d.VerifyAudit(ctx); err != nil || v.Broken != 0 {
			t.Fatal(v.Broken, err)
		}
	}
	whole()
	add(12)
	whole()
	if err := d.Maintain(ctx, c.now()); err != nil {
		t.Fatal(err)
	}
	whole()
	list, err := d.Audit(ctx, store.AuditFilter{Limit: 100})
	if err != nil || len(list) != 5 || list[0].Number != 12 {
		t.Fatal(len(list), err)
	}
	add(1)
	whole()
	for name, sql := range map[string]string{
		"changed":       `UPDATE audit SET target = 'x' WHERE number = 10`,
		"moved text":    `UPDATE audit SET actor = 'anaa', action = '.b' WHERE number = 10`,
		"removed":       `DELETE FROM audit WHERE number = 10`,
		"removed first": `DELETE FROM audit WHERE number <= 10`,
	} {
		undo := errors.New("undo")
		// Looked at through the writer, and taken back.
		err := d.write(ctx, false, func(x *txn) error {
			if err := x.plain(sql); err != nil {
				return err
			}
			number, hash, err := anchor(func(q string, a []any, dst ...any) error { return x.row(q, a, dst...) })
			if err != nil {
				return err
			}
			rows, err := x.conn.QueryContext(x.ctx, `SELECT `+auditColumns+` FROM audit ORDER BY number`)
			if err != nil {
				return err
			}
			defer rows.Close()
			broken := false
			for rows.Next() {
				e, err := scanAudit(rows)
				if err != nil {
					return err
				}
				number++
				broken = broken || e.Number != number || e.Hash != auditHash(hash, &e)
				hash = e.Hash
			}
			if !broken {
				t.Errorf("%s: not noticed", name)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
	}
	whole()
	if err := d.write(ctx, false, func(x *txn) error { return x.plain(`UPDATE audit SET detail = 'x' WHERE number = 11`) }); err != nil {
		t.Fatal(err)
	}
	if v, err := d.VerifyAudit(ctx); err != nil || v.Broken != 11 {
		t.Fatal(v.Broken, err)
	}
}

func TestDiskFullRefusesAndRecovers(t *testing.T) {
	ctx := context.Background()
	d, _ := start(t, file(t), Options{})
	pages := func(limit string) {
		t.Helper()
		if err := d.write(ctx, false, func(x *txn) error { return x.plain("PRAGMA max_page_count = " + limit) }); err != nil {
			t.Fatal(err)
		}
	}
	save := func() error {
		noise := make([]byte, 0, 64<<10)
		for i := 0; len(noise) < 64<<10; i++ {
			h := sha256.Sum256(fmt.Append(nil, i))
			noise = append(noise, h[:]...)
		}
		return d.SaveSummaries(ctx, store.SummarySnapshot{Covered: 7, Changed: []store.Summary{{SummaryKey: store.SummaryKey{Kind: "k"}, Blob: noise}}})
	}
	pages("1") // SQLite takes it as what the file has
	if err := save(); !errors.Is(err, store.ErrDiskFull) {
		t.Fatal(err)
	}
	if s := d.Status(); s.State != store.Full || s.Refused == 0 || s.Cause == "" {
		t.Fatalf("%+v", s)
	}
	if seq, err := d.Covered(ctx); err != nil || seq != 0 {
		t.Fatal("the position was stored without its summaries", seq, err)
	}
	pages("1000000")
	if err := save(); err != nil {
		t.Fatal(err)
	}
	if s := d.Status(); s.State != store.Writing || s.Cause != "" {
		t.Fatalf("%+v", s)
	}
}

func TestWritesAfterTheEndAreRefused(t *testing.T) {
	path := file(t)
	d, err := Open(context.Background(), path, Options{Now: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.AddSeries(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := d.AddSeries(context.Background(), nil); !errors.Is(err, store.ErrClosed) {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestManyWritersOneFails(t *testing.T) {
	ctx := context.Background()
	d, _ := start(t, file(t), Options{})
	mine := errors.New("mine")
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			err := d.Change(ctx, who, func(x *Change) error {
				if err := x.PutSetting("", fmt.Sprint(i), "v"); err != nil || i%10 != 3 {
					return err
				}
				return mine
			})
			if (i%10 == 3) != errors.Is(err, mine) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	for i := range 100 {
		_, err := d.Setting(ctx, "", fmt.Sprint(i))
		if (i%10 == 3) != errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if v, err := d.VerifyAudit(ctx); err != nil || v.Broken != 0 {
		t.Fatal(v.Broken, err)
	}
}

func FuzzUnpack(f *testing.F) {
	p, err := newPacker()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.close)
	f.Add(p.pack([]byte("hello hello hello")))
	f.Add(p.pack(nil))
	f.Add([]byte{packedKind, packedVersion + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := p.unpack(b)
		if err != nil {
			if !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		again, err := p.unpack(p.pack(out))
		if err != nil || !bytes.Equal(again, out) {
			t.Fatal(err)
		}
	})
}

// TestRealFullDisk needs to mount a tiny file system.
func TestRealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIPPED: a full disk was not tried on a real file system: mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	ctx := context.Background()
	d, stop := start(t, filepath.Join(dir, "merlon.db"), Options{})
	defer stop() // before the file system goes
	if err := d.Change(ctx, who, func(x *Change) error { return x.PutSetting("", "k", "before") }); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	change := func(i int) error {
		return d.Change(ctx, who, func(x *Change) error {
			return x.PutSetting("", fmt.Sprint(i), string(bytes.Repeat([]byte("v"), 10_000)))
		})
	}
	stored, refused := 0, error(nil)
	for i := range 200 {
		if refused = change(i); refused != nil {
			break
		}
		stored++
	}
	if !errors.Is(refused, store.ErrDiskFull) || d.Status().State != store.Full {
		t.Fatalf("%v, %+v after %d", refused, d.Status(), stored)
	}
	if v, err := d.Setting(ctx, "", "k"); err != nil || v != "before" {
		t.Fatal("reading fails on a full disk", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := change(1000); err != nil {
		t.Fatal(err)
	}
	for i := range stored {
		if _, err := d.Setting(ctx, "", fmt.Sprint(i)); err != nil {
			t.Fatal(i, err)
		}
	}
	if v, err := d.VerifyAudit(ctx); err != nil || v.Broken != 0 || d.Status().State != store.Writing {
		t.Fatal(v, err)
	}
}
