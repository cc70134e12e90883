package proxy

import (
	"sync"
	"time"

	"merlon/internal/model/event"
)

// A long exchange (WebSocket, server-sent events) tells how far it is when a minute has passed since it last did, and when
// the bytes that went both ways reach 1 MiB, 2 MiB, 4 MiB and so on: a transfer of any size costs few events. Only what moves
// is told; silence ends with the idle time-out.
const (
	progressEvery = time.Minute
	progressBytes = 1 << 20
)

// progress counts what went by, from both of a tunnel's goroutines, and publishes the events.
type progress struct {
	mu       sync.Mutex
	f        *flow
	up, down int64
	at       int64 // when the next event is due
	bytes    int64 // and at how many bytes
	over     bool
}

// open tells that an exchange has begun which may last for days: what is known of it is told now, its size when it closes.
func (f *flow) open() {
	f.long = true
	f.t.Response()
	f.t.Publish(event.Open)
	p := &f.progress
	p.f, p.at, p.bytes = f, f.c.now()+int64(progressEvery), progressBytes
	p.up, p.down = f.t.Exchange.Request.BodySize, f.t.Exchange.Response.BodySize
}

// moved counts bytes of either direction.
func (p *progress) moved(now, up, down int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.down = p.up+up, p.down+down
	total := p.up + p.down
	if now < p.at && total < p.bytes || p.over {
		return
	}
	p.at = now + int64(progressEvery)
	for p.bytes <= total {
		p.bytes *= 2
	}
	p.note()
	p.f.t.Publish(event.Progress)
}

// end settles the counts for the last event.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.note()
}

func (p *progress) note() {
	x := &p.f.t.Exchange
	x.Request.BodySize, x.Response.BodySize = p.up, p.down
}
