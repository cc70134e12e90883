package stream

import "sync"

// workers are goroutines that do one task after the other. A goroutine for each request would have its stack grow by copying
// to what judging and forwarding take: a tenth of the cost of a request (BenchmarkRequest). A worker's has grown already.
type workers struct {
	mu   sync.Mutex
	idle []*worker // the last one to become idle is the first to work again: its memory is near
	over bool
}

// task is a flow, or a function.
type task interface{ run() }

type taskFunc func()

func (f taskFunc) run() { f() }

type worker struct{ work chan task }

// maxIdleWorkers is how many wait for work; more are made when they are needed and end when they are not. Below what a few busy
// connections have under way, a twentieth of the processor's time went into stacks of new ones.
const maxIdleWorkers = 512

// do has a worker do t. It does not wait, and also works when the workers were ended.
func (p *workers) do(t task) {
	p.mu.Lock()
	n := len(p.idle)
	if n == 0 {
		p.mu.Unlock()
		w := &worker{work: make(chan task, 1)}
		w.work <- t
		go w.run(p)
		return
	}
	w := p.idle[n-1]
	p.idle = p.idle[:n-1]
	p.mu.Unlock()
	w.work <- t
}

// run works until there is no place for an idle worker, or the server is over.
func (w *worker) run(p *workers) {
	for t := range w.work {
		t.run()
		p.mu.Lock()
		if p.over || len(p.idle) == maxIdleWorkers {
			p.mu.Unlock()
			return
		}
		p.idle = append(p.idle, w)
		p.mu.Unlock()
	}
}

// end has the workers end, each when it has done what it does.
func (p *workers) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for _, w := range p.idle {
		close(w.work)
	}
	p.idle = nil
}
