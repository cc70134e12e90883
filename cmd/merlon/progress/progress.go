// Package progress shows how far long work is, to people at a terminal and to nobody else.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"merlon/internal/edge/ingest"
)

// Bar draws progress on a terminal once the work has taken longer than a second; elsewhere it draws nothing.
type Bar struct {
	w        io.Writer
	p        *ingest.Progress
	terminal bool
	began    time.Time
	recent   pace
	mu       sync.Mutex
	drawn    bool
	quit     chan struct{}
	done     sync.WaitGroup
}

// New makes a bar on w over what p counts.
func New(w io.Writer, p *ingest.Progress) *Bar {
	f, ok := w.(*os.File)
	return &Bar{w: w, p: p, terminal: ok && term.IsTerminal(int(f.Fd())), quit: make(chan struct{})}
}

// Start begins to draw; Stop has to follow.
func (b *Bar) Start() {
	b.began = time.Now()
	b.recent.at = b.began
	if !b.terminal {
		return
	}
	b.done.Go(func() {
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if time.Since(b.began) > time.Second {
					b.draw()
				}
			case <-b.quit:
				return
			}
		}
	})
}

func (b *Bar) draw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drawn = true
	lines, seconds := b.p.Lines(), time.Since(b.began).Seconds()
	rate := float64(lines) / seconds
	if total := b.p.Total(); total > 0 {
		share := min(float64(b.p.Read())/float64(total), 1)
		const width = 30
		n := int(share * width)
		fmt.Fprintf(b.w, "\r\x1b[K[%s%s] %3.0f %%  %d lines, %.0f a second", strings.Repeat("=", n), strings.Repeat(" ", width-n), share*100, lines, rate)
		return
	}
	if !b.recent.moving(lines, time.Now()) {
		fmt.Fprintf(b.w, "\r\x1b[K%d lines, waiting for more", lines)
		return
	}
	fmt.Fprintf(b.w, "\r\x1b[K%d lines, %.0f a second", lines, b.recent.rate)
}

// pace is how fast lines come of late, for what has no end that is known.
type pace struct {
	lines int64
	at    time.Time
	rate  float64 // lines a second
}

// moving notes how many lines there are now, and tells whether some came in the last second.
func (p *pace) moving(lines int64, now time.Time) bool {
	if since := now.Sub(p.at).Seconds(); since >= 1 {
		p.rate = float64(lines-p.lines) / since
		p.lines, p.at = lines, now
	}
	return p.rate > 0
}

// Line prints a line above the bar.
func (b *Bar) Line(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
	fmt.Fprintln(b.w, s)
}

// Stop wipes the bar away.
func (b *Bar) Stop() {
	close(b.quit)
	b.done.Wait()
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
