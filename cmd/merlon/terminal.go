package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"merlon/internal/edge/ingest"
)

// bar draws progress on a terminal once the work has taken longer than a second; elsewhere it draws nothing.
type bar struct {
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

// terminal tells whether somebody reads what goes to err.
func (c console) terminal() bool {
	f, ok := c.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newBar(w io.Writer, p *ingest.Progress) *bar {
	f, ok := w.(*os.File)
	return &bar{w: w, p: p, terminal: ok && term.IsTerminal(int(f.Fd())), quit: make(chan struct{})}
}

func (b *bar) start() {
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

func (b *bar) draw() {
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

// line prints a line above the bar.
func (b *bar) line(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
	fmt.Fprintln(b.w, s)
}

func (b *bar) stop() {
	close(b.quit)
	b.done.Wait()
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

// printable makes text from traffic safe for a terminal: control characters and what is not printable are escaped.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

func joinWords(words []string) string { return strings.Join(words, ", ") }
