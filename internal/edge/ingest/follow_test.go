package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"merlon/internal/edge/ingest/follow"
	"merlon/internal/model/event"
)

// plant is a log that is written to, and a follower with a journal that a crash cuts at any event.
type plant struct {
	t       *testing.T
	dir     string
	path    string
	file    *os.File
	written int
	// journal holds what survives a crash: numbers are indexes from 1.
	journal []event.Event
	clock   atomic.Int64 // Unix seconds
	notices []string
	others  []string // followed beside path
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	dir := t.TempDir()
	p := &plant{t: t, dir: dir, path: filepath.Join(dir, "access.log")}
	p.clock.Store(noon.Unix())
	p.open()
	return p
}

func (p *plant) open() {
	f, err := os.OpenFile(p.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	p.file = f
}

// write writes n lines; each says its number.
func (p *plant) write(n int) {
	var b strings.Builder
	for range n {
		p.written++
		fmt.Fprintf(&b, "203.0.113.%d - - [%s] \"GET /orders/%d HTTP/1.1\" 200 %d \"-\" \"ua\"\n", p.written%200, noon.Add(-time.Hour).Format("02/Jan/2006:15:04:05 -0700"), p.written, p.written)
	}
	p.raw(b.String())
}

func (p *plant) raw(s string) {
	if _, err := p.file.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) rename(to string) {
	if err := os.Rename(p.path, filepath.Join(p.dir, to)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) copyTo(to string) {
	b, err := os.ReadFile(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, to), b, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// follow runs a follower over the steps, one whenever it has nothing left to read. A crash throws away what was journaled
// behind the given number of events of this run (-1: no crash).
func (p *plant) follow(crash int, steps ...func()) {
	p.t.Helper()
	before := len(p.journal)
	var mu sync.Mutex
	journaled := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(p.journal)
	}
	b := newBench(p.t, func(e *event.Event) {
		mu.Lock()
		defer mu.Unlock()
		c := event.Event{Seq: uint64(len(p.journal) + 1), At: e.At, Status: e.Status, RequestBytes: e.RequestBytes, ResponseBytes: e.ResponseBytes, Latency: e.Latency, Client: e.Client, Source: e.Source}
		p.journal = append(p.journal, c)
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tick := make(chan time.Time)
	done := make(chan error, 1)
	g, err := New(Options{Engine: b.engine, Now: func() time.Time { return time.Unix(p.clock.Load(), 0) }})
	if err != nil {
		p.t.Fatal(err)
	}
	// settled counts what the follower stored last; a crash keeps the ledger of that time.
	ledger := filepath.Join(p.dir, "positions.json")
	var kept []byte
	crashed := false
	f := Following{
		Ledger: ledger, Tick: tick, Notice: func(s string) { p.notices = append(p.notices, s) },
		Settle: func(context.Context) (uint64, error) {
			for uint64(journaled()-before) < b.queue.Published() {
				runtime.Gosched()
			}
			if crash >= 0 && journaled()-before >= crash && !crashed {
				crashed = true
				kept, _ = os.ReadFile(ledger)
			}
			return uint64(journaled()), nil
		},
		Tail: func(after uint64, fn func(*event.Event) error) (uint64, error) {
			for i := int(after); i < before; i++ {
				if err := fn(&p.journal[i]); err != nil {
					return 0, err
				}
			}
			return uint64(before), nil
		},
	}
	go func() {
		_, err := g.Follow(ctx, f, append([]string{p.path}, p.others...)...)
		done <- err
	}()
	for _, step := range append(steps, func() {}) {
		tick <- time.Time{} // it waits, so it has read everything; what it reads on this tick is nothing
		tick <- time.Time{}
		step()
		for range 4 {
			tick <- time.Time{}
		}
	}
	cancel()
	if err := <-done; err != nil {
		p.t.Fatal(err)
	}
	b.close()
	if crashed {
		p.journal = p.journal[:max(before, before+crash)]
		if err := os.WriteFile(ledger, kept, 0o600); err != nil {
			p.t.Fatal(err)
		}
		if kept == nil {
			_ = os.Remove(ledger)
		}
	}
}

// check counts every line once.
func (p *plant) check() {
	p.t.Helper()
	times := make(map[int64]int)
	for i := range p.journal {
		times[p.journal[i].ResponseBytes]++
	}
	lost, doubled := 0, 0
	for n := 1; n <= p.written; n++ {
		switch c := times[int64(n)]; {
		case c == 0:
			lost++
		case c > 1:
			doubled++
		}
	}
	if lost > 0 || doubled > 0 || len(p.journal) != p.written {
		p.t.Errorf("%d lines written, %d learned: %d lost, %d doubled; %v", p.written, len(p.journal), lost, doubled, p.notices)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(p *plant)
	}{
		{"lines are written", func(p *plant) { p.write(3); p.follow(-1, func() { p.write(2) }, func() { p.write(5000) }) }},
		{"resumed", func(p *plant) { p.write(3); p.follow(-1); p.write(4); p.follow(-1, func() { p.write(1) }) }},
		{"nothing new", func(p *plant) { p.write(3); p.follow(-1); p.follow(-1); p.follow(-1) }},
		{"a line in pieces", func(p *plant) {
			p.write(1)
			p.follow(-1, func() { p.raw(`203.0.113.1 - - [01/Jun/2026:11:00:00 +0000] "GET / HT`) }, func() { p.raw("TP/1.1\" 200 2 \"-\" \"ua\"\n"); p.written++ })
		}},
		{"a line in pieces over a restart", func(p *plant) {
			p.write(1)
			p.raw(`203.0.113.1 - - [01/Jun/2026:11:00:00 +0000] "GET / HT`)
			p.follow(-1)
			p.raw("TP/1.1\" 200 2 \"-\" \"ua\"\n")
			p.written++
			p.follow(-1)
		}},
		{"not there yet", func(p *plant) {
			p.rename("elsewhere")
			p.follow(-1, func() {}, func() { p.open(); p.write(3) })
			if len(p.notices) != 1 || !strings.Contains(p.notices[0], "waiting") {
				p.t.Errorf("notices %q", p.notices)
			}
		}},
		{"renamed", func(p *plant) {
			p.write(3)
			p.follow(-1, func() { p.write(2); p.rename("access.log.1"); p.write(2) }, func() { p.write(1); p.open(); p.write(4) }, func() { p.write(1) })
		}},
		{"renamed while the server still writes to the old one", func(p *plant) {
			p.write(3)
			p.follow(-1, func() {
				p.rename("access.log.1")
				old := p.file
				p.open()
				p.write(1)
				fresh := p.file
				p.file = old
				p.write(2)
				p.file = fresh
				p.write(1)
			})
		}},
		{"renamed twice between two looks", func(p *plant) {
			p.write(3)
			p.follow(-1, func() {
				p.rename("access.log.2")
				p.later("access.log.2", -2)
				p.open()
				p.write(5)
				p.rename("access.log.1")
				p.later("access.log.1", -1)
				p.open()
				p.write(2)
			})
		}},
		{"an older file beside it is not read", func(p *plant) {
			p.write(3)
			p.copyTo("access.log.1")
			p.rename("access.log.2")
			p.later("access.log.1", -100)
			p.later("access.log.2", -200)
			p.written = 0
			p.open()
			p.write(4)
			p.follow(-1, func() { p.write(2) })
		}},
		{"the old one ends without a line end", func(p *plant) {
			p.write(3)
			p.follow(-1, func() {
				p.raw(`203.0.113.1 - - [01/Jun/2026:11:00:00 +0000] "GET / HTTP/1.1" 200 4 "-" "ua"`)
				p.written++
				p.rename("access.log.1")
				p.later("access.log.1", -200)
				p.open()
				p.write(1)
			}, func() { p.clock.Store(time.Now().Add(time.Hour).Unix()) }, func() {})
		}},
		{"truncated", func(p *plant) {
			p.write(300)
			p.follow(-1, func() { p.copyTo("access.log.1"); p.truncate() }, func() { p.write(3) })
		}},
		{"truncated with lines that were not read yet", func(p *plant) {
			p.write(300)
			p.follow(-1, func() { p.write(50); p.copyTo("access.log.1"); p.truncate(); p.write(2) }, func() { p.write(3) })
		}},
		{"truncated and longer than before at the next look", func(p *plant) {
			p.write(3)
			p.follow(-1, func() { p.copyTo("access.log.1"); p.truncate(); p.write(50) })
		}},
		{"truncated while nobody looks", func(p *plant) {
			p.write(30)
			p.follow(-1)
			p.write(5)
			p.copyTo("access.log.1")
			p.truncate()
			p.write(7)
			p.follow(-1)
		}},
		{"renamed while nobody looks", func(p *plant) {
			p.write(30)
			p.follow(-1)
			p.write(5)
			p.rename("access.log.1")
			p.open()
			p.write(7)
			p.follow(-1, func() { p.write(1) })
		}},
		{"renamed twice while nobody looks", func(p *plant) {
			p.write(30)
			p.follow(-1)
			p.write(5)
			p.rename("access.log.2")
			p.later("access.log.2", -20)
			p.open()
			p.write(7)
			p.rename("access.log.1")
			p.later("access.log.1", -10)
			p.open()
			p.write(2)
			p.follow(-1)
		}},
		{"renamed and no new one yet", func(p *plant) {
			p.write(30)
			p.follow(-1)
			p.write(5)
			p.rename("access.log.1")
			p.follow(-1, func() { p.write(1); p.open(); p.write(2) })
		}},
		{"compressed while nobody looks", func(p *plant) {
			p.write(3)
			p.follow(-1)
			p.rename("access.log.1")
			if err := os.Rename(filepath.Join(p.dir, "access.log.1"), filepath.Join(p.dir, "access.log.1.gz")); err != nil {
				p.t.Fatal(err)
			}
			p.open()
			p.write(7)
			p.follow(-1)
			if len(p.notices) != 1 || !strings.Contains(p.notices[0], "gone") {
				p.t.Errorf("notices %q", p.notices)
			}
		}},
		{"crash before anything was stored", func(p *plant) { p.write(3); p.follow(0); p.follow(-1) }},
		{"crash with part of it journaled", func(p *plant) { p.write(30); p.follow(17); p.write(3); p.follow(-1, func() { p.write(2) }) }},
		{"crash after crash", func(p *plant) {
			p.write(30)
			p.follow(7)
			p.follow(5)
			p.write(3)
			p.follow(11)
			p.follow(-1)
		}},
		{"crash, then renamed", func(p *plant) {
			p.write(30)
			p.follow(17)
			p.rename("access.log.1")
			p.open()
			p.write(3)
			p.follow(-1)
		}},
		{"crash, then truncated", func(p *plant) {
			p.write(30)
			p.follow(17)
			p.write(3)
			p.copyTo("access.log.1")
			p.truncate()
			p.write(2)
			p.follow(-1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t)
			c.do(p)
			p.check()
		})
	}
}

func (p *plant) truncate() {
	if err := p.file.Truncate(0); err != nil {
		p.t.Fatal(err)
	}
}

// later moves a file's last change by seconds.
func (p *plant) later(name string, seconds int) {
	at := time.Now().Add(time.Duration(seconds) * time.Second)
	if err := os.Chtimes(filepath.Join(p.dir, name), at, at); err != nil {
		p.t.Fatal(err)
	}
}

// TestFollowAtRandom does anything in any order, and counts.
func TestFollowAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			p := newPlant(t)
			rotations, age := 0, -100000
			rotate := func() {
				p.write(1 + r.IntN(20)) // a file without a line is none that could be missed
				rotations++
				name := fmt.Sprintf("access.log.%d", 1000-rotations)
				if r.IntN(2) == 0 {
					p.rename(name)
					p.open()
				} else {
					p.copyTo(name)
					p.truncate()
				}
				age += 10
				p.later(name, age)
				p.write(1 + r.IntN(20))
				age += 10
				p.later("access.log", age)
			}
			for range 4 + r.IntN(6) {
				p.write(1 + r.IntN(300))
				var steps []func()
				for range r.IntN(4) {
					if r.IntN(3) == 0 {
						steps = append(steps, rotate)
					} else {
						steps = append(steps, func() { p.write(1 + r.IntN(100)) })
					}
				}
				crash := -1
				if r.IntN(2) == 0 {
					crash = r.IntN(400)
				}
				p.follow(crash, steps...)
				if r.IntN(4) == 0 {
					rotate()
				}
			}
			p.follow(-1)
			p.check()
		})
	}
}

// TestFollowSeveral follows three logs that are written to in turn, and crashes at every point.
func TestFollowSeveral(t *testing.T) {
	t.Parallel()
	for crash := range 40 {
		t.Run(fmt.Sprint(crash), func(t *testing.T) {
			t.Parallel()
			p := newPlant(t)
			files := []*os.File{p.file}
			for _, name := range []string{"b.log", "c.log"} {
				path := filepath.Join(p.dir, name)
				f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				files, p.others = append(files, f), append(p.others, path)
			}
			turn := func(n int) func() {
				return func() {
					for i := range files {
						p.file = files[i]
						p.write(n + i)
					}
				}
			}
			turn(3)()
			p.follow(crash, turn(2), turn(4))
			turn(1)()
			p.follow(crash/2, turn(5))
			p.others[0], p.others[1] = p.others[1], p.others[0]
			p.follow(-1, turn(2))
			p.check()
		})
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "positions.json")
	for _, c := range []struct{ name, text, says string }{
		{"damaged", `{"kind":"merlon-positions","vers`, "damaged"},
		{"something else", `{"kind":"x","version":1}`, "damaged"},
		{"newer", `{"kind":"merlon-positions","version":9}`, "newer"},
		{"absurd", `{"kind":"merlon-positions","version":1,"files":[{"path":"a","offset":-1}]}`, "damaged"},
		{"head longer than any", `{"kind":"merlon-positions","version":1,"files":[{"path":"a","offset":1,"head_size":100000}]}`, "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := follow.Load(path); !errors.Is(err, follow.ErrLedger) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestFollowSaysWhenItWaits: once, when nothing more has come for a while.
func TestFollowSaysWhenItWaits(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var said []string
	g := &Ingest{o: Options{Now: func() time.Time { return now }}}
	g.result.Lines = 7
	w := &follower{g: g, f: Following{Notice: func(s string) { said = append(said, s) }}}
	for _, busy := range []bool{true, false, false, true, false, false} {
		now = now.Add(quietNotice - time.Millisecond)
		w.quiet(busy)
		now = now.Add(-quietNotice / 2)
	}
	if len(said) != 0 {
		t.Fatalf("said while lines come: %q", said)
	}
	for range 10 {
		now = now.Add(quietNotice)
		w.quiet(false)
	}
	w.quiet(true)
	w.quiet(false)
	if len(said) != 1 || !strings.Contains(said[0], "7 lines read") {
		t.Errorf("said %q", said)
	}
}
