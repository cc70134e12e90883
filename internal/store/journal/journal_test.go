package journal

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// clock is a hand-moved clock.
type clock struct{ t time.Time }

func newClock() *clock                   { return &clock{time.Unix(1_790_000_000, 0)} }
func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// numbered makes an event whose content follows from n.
func numbered(n uint64) *event.Event {
	e := &event.Event{At: int64(n) * 1e6, Arrived: int64(n)*1e6 + 5, Site: "clinic", Node: "a", Status: 200, Endpoint: identity.EndpointID(n % 50)}
	e.Client = netip.AddrFrom4([4]byte{10, byte(n % 200), 7, 1})
	e.Fingerprint = identity.Fingerprint(n%200 + 1)
	e.Actor = identity.SettleActor(identity.Principal{}, identity.Session{}, e.Fingerprint, identity.NetworkID(e.Client))
	e.Method = e.Append([]byte("GET"))
	for i := range 20 {
		name := fmt.Appendf(nil, "member-%d", i)
		e.Observations = append(e.Observations, event.Observation{
			Part: exchange.InResponseBody, Kind: exchange.KindString, Parent: -1, Token: n*31 + uint64(i), Len: 10,
			Name: e.Append(name), Loc: exchange.MemberLoc(exchange.RootLoc(exchange.InResponseBody), name),
		})
	}
	return e
}

func check(e *event.Event, n uint64) error {
	want := numbered(n)
	want.Seq = e.Seq
	if got := e.AppendBinary(nil); string(got) != string(want.AppendBinary(nil)) {
		return fmt.Errorf("event %d is not what was appended", n)
	}
	return nil
}

func batchOf(from, to uint64) (out []*event.Event) {
	for n := from; n <= to; n++ {
		out = append(out, numbered(n))
	}
	return out
}

func open(t *testing.T, dir string, o Options) *Journal {
	t.Helper()
	if o.Now == nil {
		o.Now = newClock().now
	}
	j, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func appendAll(t *testing.T, j *Journal, from, to uint64) {
	t.Helper()
	for n := from; n <= to; n += 10 {
		if err := j.Append(batchOf(n, min(n+9, to))); err != nil {
			t.Fatal(err)
		}
	}
}

// replayed returns the numbers replayed, having checked each event.
func replayed(t *testing.T, j *Journal, from uint64) (out []uint64) {
	t.Helper()
	r, err := j.Replay(from, func(e *event.Event) error {
		out = append(out, e.Seq)
		return check(e, e.Seq)
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != uint64(len(out)) || r.Damaged != 0 {
		t.Fatalf("report %+v, %d events", r, len(out))
	}
	return out
}

func wantRange(t *testing.T, got []uint64, from, to uint64) {
	t.Helper()
	if uint64(len(got)) != to-from+1 {
		t.Fatalf("%d events replayed, want %d to %d", len(got), from, to)
	}
	for i, n := range got {
		if n != from+uint64(i) {
			t.Fatalf("event %d at place %d", n, i)
		}
	}
}

func TestReplayAcrossSegmentsAndRuns(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentBytes: 8 << 10})
	appendAll(t, j, 1, 100)
	wantRange(t, replayed(t, j, 1), 1, 100) // while open
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(batchOf(101, 101)); !errors.Is(err, store.ErrClosed) {
		t.Fatal(err)
	}
	j = open(t, dir, Options{SegmentBytes: 8 << 10})
	if got := j.Status().Last; got != 100 {
		t.Fatalf("numbering goes on behind %d", got)
	}
	appendAll(t, j, 101, 200)
	wantRange(t, replayed(t, j, 1), 1, 200)
	wantRange(t, replayed(t, j, 137), 137, 200)
	if got := replayed(t, j, 201); len(got) != 0 {
		t.Fatal(got)
	}
	if len(j.all.segments) < 5 {
		t.Fatalf("%d segments: the test wants rotation", len(j.all.segments))
	}
}

func TestReplayStopsWithTheCallersError(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	appendAll(t, j, 1, 20)
	mine, calls := errors.New("enough"), 0
	_, err := j.Replay(1, func(*event.Event) error {
		if calls++; calls == 3 {
			return mine
		}
		return nil
	})
	if !errors.Is(err, mine) || calls != 3 {
		t.Fatal(err, calls)
	}
}

func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	appendAll(t, j, 1, 30)
	j.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "all-*"))
	whole, err := os.ReadFile(names[0])
	if err != nil || len(names) != 1 {
		t.Fatal(err, names)
	}
	size := (len(whole) - segmentHeader) / 3
	for cut := 0; cut < len(whole); cut += 397 {
		d := t.TempDir()
		if err := os.WriteFile(filepath.Join(d, filepath.Base(names[0])), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, d, Options{})
		want := 0
		if cut > segmentHeader {
			want = (cut - segmentHeader) / size * 10
		}
		// Batches differ by a few bytes: at the very border either is right, never a part of one.
		got := replayed(t, j, 1)
		if len(got) != want && len(got)+10 != want || len(got) > 0 && got[len(got)-1] != uint64(len(got)) {
			t.Fatalf("cut at %d: %d events, want %d", cut, len(got), want)
		}
		next := uint64(len(got)) + 1
		appendAll(t, j, next, next+9)
		wantRange(t, replayed(t, j, 1), 1, next+9)
		j.Close()
	}
}

func TestDamageInTheMiddleCostsOneSegmentAtMost(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentBytes: 8 << 10})
	appendAll(t, j, 1, 100)
	second := j.all.segments[1]
	b, err := os.ReadFile(second.name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(second.name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	r, err := j.Replay(1, func(e *event.Event) error {
		if seen[e.Seq] {
			t.Errorf("%d twice", e.Seq)
		}
		seen[e.Seq] = true
		return check(e, e.Seq)
	})
	if err != nil || r.Damaged != 1 || r.Last != 100 {
		t.Fatalf("%+v %v", r, err)
	}
	for n := uint64(1); n <= 100; n++ {
		if in := n >= second.first && n < j.all.segments[2].first; !in && !seen[n] {
			t.Fatalf("event %d of an undamaged segment is missing", n)
		}
	}
}

func TestNewerSegmentIsRefused(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	appendAll(t, j, 1, 10)
	j.Close()
	name := j.all.segments[0].name
	b, _ := os.ReadFile(name)
	b[5] = segmentVersion + 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Now: newClock().now}); !errors.Is(err, store.ErrNewer) {
		t.Fatal(err)
	}
}

func TestCoveredLeavesASampleOfWholeActors(t *testing.T) {
	dir := t.TempDir()
	o := Options{SegmentBytes: 16 << 10, OneIn: 4, Key: [32]byte{1}}
	j := open(t, dir, o)
	appendAll(t, j, 1, 4000)
	before := j.Status()
	if err := j.Covered(3900); err != nil {
		t.Fatal(err)
	}
	after := j.Status()
	if after.RecoveryBytes > before.RecoveryBytes/10 {
		t.Fatalf("recovery row still holds %d of %d bytes", after.RecoveryBytes, before.RecoveryBytes)
	}
	test := func(got []uint64) {
		t.Helper()
		kept, count := map[uint64]int{}, 0
		begin := j.all.segments[0].first
		for i, n := range got {
			if i > 0 && got[i-1] >= n {
				t.Fatalf("%d after %d", n, got[i-1])
			}
			if n < begin {
				kept[n%200]++
				count++
			}
		}
		// 200 actors, one in four kept: 50 expected, deviation 6.
		if len(kept) < 20 || len(kept) > 85 {
			t.Fatalf("%d of 200 actors kept", len(kept))
		}
		for actor, n := range kept {
			all := 0
			for m := uint64(1); m < begin; m++ {
				if m%200 == actor {
					all++
				}
			}
			if n != all {
				t.Fatalf("actor %d: %d of %d events kept", actor, n, all)
			}
		}
		tail := got[count:]
		wantRange(t, tail, begin, 4000)
	}
	first := replayed(t, j, 1)
	test(first)
	wantRange(t, replayed(t, j, 3901), 3901, 4000)
	j.Close()
	o.After = 3900
	j = open(t, dir, o)
	if again := replayed(t, j, 1); len(again) != len(first) {
		t.Fatalf("%d events after reopening, %d before", len(again), len(first))
	}
}

func TestActorKeepsItsJudgementWhenItSignsInAndMoves(t *testing.T) {
	s := newSampler([32]byte{9}, 8)
	decided := map[bool]int{}
	for n := uint64(0); n < 200; n++ {
		e := numbered(n)
		first := s.keep(e)
		login := numbered(n)
		after := identity.Actor{Kind: identity.ActorPrincipal, Token: n + 1000}
		login.Link = event.Link{Before: login.Actor, After: after}
		s.keep(login)
		moved := numbered(n + 77) // other fingerprint and network
		moved.Actor = after
		if s.keep(moved) != first {
			t.Fatalf("actor %d changed its judgement", n)
		}
		decided[first]++
	}
	if decided[true] == 0 || decided[false] == 0 {
		t.Fatal("the test decides nothing", decided)
	}
	for n := range uint64(3 * maxJudged) {
		s.remember(identity.Actor{Kind: identity.ActorSession, Token: n}, true)
	}
	if len(s.new)+len(s.old) > 2*maxJudged {
		t.Fatal("memory is not bounded")
	}
}

func TestSampleIsCompletedAfterACrash(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{OneIn: 1})
	appendAll(t, j, 1, 50)
	if j.sample.open != nil {
		t.Fatal("the test wants an unwritten sample")
	}
	// No Close: as if the process had ended here.
	j2 := open(t, dir, Options{OneIn: 1})
	if err := j2.Covered(50); err != nil {
		t.Fatal(err)
	}
	if len(j2.all.segments) != 0 {
		t.Fatal("covered segment not dropped")
	}
	wantRange(t, replayed(t, j2, 1), 1, 50)
}

func TestSampleBounds(t *testing.T) {
	c := newClock()
	j := open(t, t.TempDir(), Options{Now: c.now, OneIn: 1, SegmentBytes: 8 << 10, SampleBytes: 150 << 10, SampleAge: time.Hour})
	for n := uint64(1); n < 900; n += 100 {
		appendAll(t, j, n, n+99)
		j.Sync()
		c.advance(10 * time.Minute)
	}
	j.Covered(899)
	if err := j.Maintain(c.now()); err != nil {
		t.Fatal(err)
	}
	if got := j.Status().SampleBytes; got > 150<<10 || got == 0 {
		t.Fatalf("sample takes %d bytes", got)
	}
	c.advance(3 * time.Hour)
	for range 2 {
		if err := j.Maintain(c.now()); err != nil {
			t.Fatal(err)
		}
	}
	if got := j.Status().SampleBytes; got > 70<<10 {
		t.Fatalf("sample takes %d bytes after its age", got)
	}
}

// brokenDisk writes to a real file until room is used up.
type brokenDisk struct {
	*os.File
	room *int64
}

func (d brokenDisk) Write(b []byte) (int, error) {
	if int64(len(b)) > *d.room {
		n, _ := d.File.Write(b[:*d.room])
		*d.room -= int64(n)
		return n, &os.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
	}
	*d.room -= int64(len(b))
	return d.File.Write(b)
}

func TestDiskFullCountsSaysSoAndRecovers(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	j := open(t, dir, Options{Now: c.now, OneIn: 1 << 30})
	room := int64(20 << 10)
	j.all.create = func(name string) (file, error) {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
		return brokenDisk{f, &room}, err
	}
	var stored uint64
	for range 20 {
		events := batchOf(stored+1, stored+10)
		err := j.Append(events)
		if err == nil {
			stored += 10
			continue
		}
		if !errors.Is(err, store.ErrDiskFull) {
			t.Fatal(err)
		}
		if events[0].Seq != 0 || events[9].Seq != 0 {
			t.Fatal("a dropped event has a number")
		}
	}
	s := j.Status()
	if s.State != store.Full || !strings.Contains(s.Cause, "no space") || s.Dropped != 200-stored || s.Last != stored || stored == 0 {
		t.Fatalf("%+v, %d stored", s, stored)
	}
	room = 1 << 20
	if err := j.Append(batchOf(stored+1, stored+10)); !errors.Is(err, store.ErrDiskFull) {
		t.Fatal("tried again at once", err)
	}
	c.advance(2 * time.Second)
	appendAll(t, j, stored+1, stored+50)
	if s := j.Status(); s.State != store.Writing || s.Cause != "" {
		t.Fatalf("%+v", s)
	}
	wantRange(t, replayed(t, j, 1), 1, stored+50)
	j.Close()
	wantRange(t, replayed(t, open(t, dir, Options{}), 1), 1, stored+50)
}

func TestRoomForRecoveryIsBounded(t *testing.T) {
	c := newClock()
	j := open(t, t.TempDir(), Options{Now: c.now, SegmentBytes: 8 << 10, RecoveryBytes: 40 << 10})
	var err error
	n := uint64(1)
	for err == nil && n < 1000 {
		if err = j.Append(batchOf(n, n+9)); err == nil {
			n += 10
		}
	}
	if s := j.Status(); !errors.Is(err, store.ErrDiskFull) || !s.Pressed || s.RecoveryBytes > 40<<10 {
		t.Fatalf("%v %+v", err, s)
	}
	if err := j.Covered(n - 1); err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Second)
	appendAll(t, j, n, n+9)
}

// TestRealFullDisk needs to mount a tiny file system.
func TestRealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("SKIPPED: a full disk was not tried on a real file system: mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	c := newClock()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, filepath.Join(dir, "journal"), Options{Now: c.now, OneIn: 4})
	n := uint64(1)
	for n < 5000 {
		if err := j.Append(batchOf(n, n+9)); err != nil {
			if !errors.Is(err, store.ErrDiskFull) {
				t.Fatal(err)
			}
			break
		}
		n += 10
	}
	if j.Status().State != store.Full {
		t.Fatalf("%+v after %d events on 256 KiB", j.Status(), n)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	c.advance(2 * time.Second)
	appendAll(t, j, n, n+29)
	wantRange(t, replayed(t, j, 1), 1, n+29)
	j.Close()
}
