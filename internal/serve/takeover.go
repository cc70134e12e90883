package serve

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"merlon/internal/store"
)

// handOverWithin is how long a new process may take until it serves: descriptions of ten thousand operations take
// seconds to compile.
const handOverWithin = time.Minute

// handOver starts the program anew with the sockets of this process and returns when the new one serves. Then this one
// has only to finish what it began.
func (p *Process) handOver() error {
	if p.o.Again == nil {
		return errors.New("this process is not made to be replaced")
	}
	next, err := p.o.Again()
	if err != nil {
		return err
	}
	if !p.attached.Load() {
		return errors.New("this process has not taken over completely yet: try again in a moment")
	}
	if next.State, err = p.core.State(); err != nil {
		return err
	}
	p.log.Info("handing over to a new process", "program", next.Path)
	if p.o.Notify != "" {
		next.Env = append(next.Env, "NOTIFY_SOCKET="+p.o.Notify)
	}
	next.Within = handOverWithin
	pid, err := p.o.Sockets.Pass(p.life, next)
	if err != nil {
		return err
	}
	p.tell("MAINPID=" + strconv.Itoa(pid))
	return nil
}

// takeOver tells the process before that this one serves, waits for its end, and then opens what it held. Clients are
// served meanwhile, by what that process knew; events wait in the queue.
func (p *Process) takeOver(l *Loaded) {
	if err := p.o.Parent.Ready(); err != nil {
		p.log.Error("the process before cannot be told to end", "error", err)
	}
	if err := p.o.Parent.WaitPackets(p.life); err != nil {
		return // this one ends first
	}
	if err := p.beginPackets(); err != nil {
		p.log.Error("HTTP/3 is not served", "error", err)
	}
	ended := make(chan struct{})
	p.tasks.Go(func() { p.tellWaiting(ended) })
	err := p.o.Parent.Wait(p.life)
	close(ended)
	if err != nil {
		return // this one ends first
	}
	o, waited := p.coreOptions(l), p.core.Queue.Len()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := p.core.Attach(p.life, o)
		if err == nil {
			break
		}
		if p.life.Err() != nil {
			return
		}
		if !errors.Is(err, store.ErrLocked) || pause > time.Second {
			p.log.Error("nothing is learned: the data directory cannot be opened", "error", err, "retry_in", pause.String(), "events_waiting", p.core.Queue.Len(), "events_dropped", p.core.Queue.Dropped())
		}
		select {
		case <-p.life.Done():
			return
		case <-time.After(pause):
		}
	}
	p.attached.Store(true)
	if err := p.serveAdmin(p.life); err != nil {
		p.failure <- fmt.Errorf("dashboard and API: %w", err)
		return
	}
	p.log.Info("taken over", "events_waited", waited, "events_dropped", p.core.Queue.Dropped())
	if err := p.TellSetup(context.WithoutCancel(p.life)); err != nil {
		p.log.Warn("no setup link", "error", err)
	}
}

// waitingTold is how often it is said that learning waits for the process before; by its drain time that has ended.
const waitingTold = time.Minute

// tellWaiting says how many events wait, and how many did not fit, while the process before does not end.
func (p *Process) tellWaiting(ended <-chan struct{}) {
	t := time.NewTicker(waitingTold)
	defer t.Stop()
	for began := time.Now(); ; {
		select {
		case <-ended:
			return
		case <-t.C:
			p.log.Warn("nothing is learned: the process before does not end", "for", time.Since(began).Round(time.Second).String(),
				"events_waiting", p.core.Queue.Len(), "events_dropped", p.core.Queue.Dropped())
		}
	}
}
