package stream

// workers are goroutines that deal with one request after the other. net/http starts one for each request, whose stack then
// grows by copying to what judging and forwarding take: a tenth of the cost of a request (BenchmarkRequest). A worker's has
// grown already.
type workers struct {
	idle    chan *worker
	closing chan struct{}
}

type worker struct {
	work chan *flow
	done chan struct{}
}

// maxIdleWorkers is how many wait for work; more are made when they are needed and end when they are not.
const maxIdleWorkers = 128

func newWorkers(closing chan struct{}) workers {
	return workers{idle: make(chan *worker, maxIdleWorkers), closing: closing}
}

// do has a worker serve f, and returns when it has.
func (p *workers) do(f *flow) {
	var w *worker
	select {
	case w = <-p.idle:
	default:
		w = &worker{work: make(chan *flow), done: make(chan struct{})}
		go w.run(p.closing)
	}
	w.work <- f
	<-w.done
	select {
	case p.idle <- w:
	default:
		close(w.work)
	}
}

// run serves until there is no place for an idle worker, or the server closes, which it does once no request is under way.
func (w *worker) run(closing chan struct{}) {
	for {
		select {
		case f, ok := <-w.work:
			if !ok {
				return
			}
			f.run()
			w.done <- struct{}{}
		case <-closing:
			return
		}
	}
}
