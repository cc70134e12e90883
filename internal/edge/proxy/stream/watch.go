package stream

import (
	"sync"
	"time"

	"merlon/internal/edge/proxy/listen"
)

// tick is how often waits are looked at.
const tick = time.Second

// watch ends the waits of a connection's requests for their client that last too long: a deadline of its own would cost each
// wait a timer, where a store and a look each second do as well.
type watch struct {
	now func() int64
	// place is the connection's among all others; nil for none. It may be closed to make room while there is no request.
	place *listen.Conn

	mu    sync.Mutex
	first *flow // a list of the requests under way
	timer *time.Timer
	armed bool
	over  bool
}

// add begins to watch f. It reports false when the connection has been closed to make room just before.
func (w *watch) add(f *flow) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	served := w.first != nil || w.place == nil || w.place.Busy()
	f.next, f.prev = w.first, nil
	if w.first != nil {
		w.first.prev = f
	}
	w.first = f
	w.arm()
	return served
}

// remove returns when nobody looks at f any more.
func (w *watch) remove(f *flow) {
	w.mu.Lock()
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		w.first = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	f.next, f.prev = nil, nil
	if w.first == nil && w.place != nil {
		w.place.Idle()
	}
	w.mu.Unlock()
}

func (w *watch) arm() {
	if w.armed || w.over {
		return
	}
	w.armed = true
	if w.timer == nil {
		w.timer = time.AfterFunc(tick, w.look)
	} else {
		w.timer.Reset(tick)
	}
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first == nil || w.over {
		w.armed = false
		return
	}
	now := w.now()
	for f := w.first; f != nil; f = f.next {
		f.expire(now)
	}
	w.timer.Reset(tick)
}

// stop ends the looks.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
