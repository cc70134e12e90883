package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"merlon/internal/core/handover"
	"merlon/internal/store"
)

// handOverWithin is how long a new process may take until it serves: descriptions of ten thousand operations take
// seconds to compile.
const handOverWithin = time.Minute

// handOver starts the program anew with the sockets of this process and returns when the new one serves. Then this one
// has only to finish what it began.
func (p *process) handOver() error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	if !p.attached.Load() {
		return errors.New("this process has not taken over completely yet: try again in a moment")
	}
	state, err := p.backend.core.State()
	if err != nil {
		return err
	}
	p.log.Info("handing over to a new process", "program", path)
	env := os.Environ()
	if p.notify != "" {
		env = append(env, "NOTIFY_SOCKET="+p.notify)
	}
	pid, err := p.sockets.Pass(p.life, handover.Start{Path: path, Args: os.Args, Env: env, State: state, Within: handOverWithin})
	if err != nil {
		return err
	}
	p.tell("MAINPID=" + strconv.Itoa(pid))
	return nil
}

// tellParent lets the process that handed over know that it has to go on.
func tellParent(parent *handover.Parent, err error) error {
	if parent != nil {
		parent.Failed(err)
	}
	return err
}

// takeOver tells the process before that this one serves, waits for its end, and then opens what it held. Clients are
// served meanwhile, by what that process knew; events wait in the queue.
func (p *process) takeOver(l *loaded, c console) {
	if err := p.parent.Ready(); err != nil {
		p.log.Error("the process before cannot be told to end", "error", err)
	}
	if err := p.parent.Wait(p.life); err != nil {
		return // this one ends first
	}
	o := p.coreOptions(l)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := p.backend.core.Attach(p.life, o)
		if err == nil {
			break
		}
		if p.life.Err() != nil {
			return
		}
		if !errors.Is(err, store.ErrLocked) || pause > time.Second {
			p.log.Error("nothing is learned: the data directory cannot be opened", "error", err, "retry_in", pause.String(), "events_waiting", p.backend.queue.Len(), "events_dropped", p.backend.queue.Dropped())
		}
		select {
		case <-p.life.Done():
			return
		case <-time.After(pause):
		}
	}
	k := p.backend.core
	p.backend.store, p.backend.node = k.Store, k.Node
	p.attached.Store(true)
	if err := p.serveAdmin(p.life); err != nil {
		p.failure <- fmt.Errorf("dashboard and API: %w", err)
		return
	}
	p.log.Info("taken over", "events_waited", p.backend.queue.Len())
	if err := p.printSetup(context.WithoutCancel(p.life), c); err != nil {
		p.log.Warn("no setup link", "error", err)
	}
}
