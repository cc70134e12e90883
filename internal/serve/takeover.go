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
	if err := p.o.Parent.Wait(p.life); err != nil {
		return // this one ends first
	}
	o := p.coreOptions(l)
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
	p.log.Info("taken over", "events_waited", p.core.Queue.Len())
	if err := p.TellSetup(context.WithoutCancel(p.life)); err != nil {
		p.log.Warn("no setup link", "error", err)
	}
}
