package serve

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"merlon/internal/config"
	"merlon/internal/core/watch"
	"merlon/internal/telemetry"
)

// reloads counts how reloads went, for /metrics.
type reloads struct {
	good, bad atomic.Uint64
	hash      atomic.Uint64 // the first 48 bits
	at        atomic.Int64  // of the last good one, Unix seconds
}

func (r *reloads) done(l *Loaded, err error, now time.Time) {
	if err != nil {
		r.bad.Add(1)
		return
	}
	r.good.Add(1)
	r.hash.Store(uint64(l.number()))
	r.at.Store(now.Unix())
}

// watching is the watch over the files that were read; nil watches nothing.
type watching struct {
	w       *watch.Watcher
	changes chan struct{}
	next    chan []string
}

// C tells that the files have changed.
func (w *watching) C() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.changes
}

// watch begins to watch what was loaded, if the configuration wants that.
func (p *Process) watch(l *Loaded) *watching {
	if !p.cfg.Reload.Watch || p.o.Source.File == "" && len(l.files) == 0 {
		return nil
	}
	w, err := watch.New(p.cfg.Reload.Quiet)
	if err != nil {
		p.log.Warn("files are not watched; SIGHUP reads them again", "error", err)
		return nil
	}
	out := &watching{w: w, changes: make(chan struct{}), next: make(chan []string)}
	if err := w.Watch(l.files); err != nil {
		p.log.Warn("not every file is watched; SIGHUP reads them again", "error", err)
	}
	p.tasks.Go(w.Run)
	p.tasks.Go(func() {
		defer w.Close()
		for w.Wait(p.life) == nil {
			select {
			case out.changes <- struct{}{}:
			case <-p.life.Done():
				return
			}
			select {
			case files := <-out.next:
				if err := w.Watch(files); err != nil {
					p.log.Warn("not every file is watched; SIGHUP reads them again", "error", err)
				}
			case <-p.life.Done():
				return
			}
		}
	})
	return out
}

// reload reads everything again. What has mistakes replaces nothing; the log lists every one of them.
func (p *Process) reload(why string, files *watching) {
	p.tell("RELOADING=1")
	defer p.tell("READY=1")
	l, err := p.o.Source.Load()
	if err == nil {
		err = p.exchange(l)
	}
	p.reloads.done(l, err, time.Now())
	if err != nil {
		p.log.Error("the new configuration is not used", "because", why)
		for line := range strings.Lines(err.Error()) {
			p.log.Error("configuration: " + strings.TrimSpace(line))
		}
	} else {
		p.log.Info("the configuration was read again", "because", why, "hash", l.short())
	}
	if files != nil && why != "signal" {
		// Also after a mistake: what is written next is to be seen, in whichever file.
		select {
		case files.next <- slices.Concat(l.files, nil):
		case <-p.life.Done():
		}
	}
}

// exchange puts what was loaded in place of what runs: whole, or not at all.
func (p *Process) exchange(l *Loaded) error {
	if !p.attached.Load() {
		return errors.New("this process has not taken over completely yet: try again in a moment")
	}
	for _, n := range l.notices {
		p.log.Warn(n.String())
	}
	next, keys := p.adopt(l.cfg)
	groups, err := p.groupsOf(l, p.groups)
	if err != nil {
		return err
	}
	turn, err := p.prepare(next)
	if err != nil {
		closeGroups(groups, p.groups)
		return err
	}
	// A site is never judged before its servers are there, nor do they go before it.
	both := maps.Clone(plainGroups(groups))
	for name, g := range p.groups {
		if both[name] == nil {
			both[name] = g.Group
		}
	}
	p.proxy.SetSites(both)
	if err := p.core.Reload(p.life, l.bundle); err != nil {
		p.proxy.SetSites(plainGroups(p.groups))
		closeGroups(groups, p.groups)
		turn.undo()
		return err
	}
	p.proxy.SetSites(plainGroups(groups))
	closeGroups(p.groups, groups)
	p.groups = groups
	turn.commit()
	p.refused.Store(newRefusal(next.Refuse))
	if p.o.Level != nil {
		p.o.Level.Set(telemetry.Level(next.Logs.Level))
	}
	p.cfg = next
	p.traffic.setSites(next.Sites)
	p.show()
	if len(keys) > 0 {
		p.log.Warn("some changes need a restart (SIGUSR2 restarts without dropping a connection)", "keys", keys)
	}
	return nil
}

// adopt is the new configuration with what cannot change while running left as it is, and the keys of that.
func (p *Process) adopt(next config.Config) (config.Config, []string) {
	var keys []string
	old, now := reflect.ValueOf(p.cfg), reflect.ValueOf(&next).Elem()
	for i := range old.NumField() {
		name := old.Type().Field(i).Tag.Get("yaml")
		switch name {
		case "listen", "sites", "refuse":
			continue
		case "logs":
			if next.Logs.Format != p.cfg.Logs.Format {
				keys = append(keys, "logs.format")
				next.Logs.Format = p.cfg.Logs.Format
			}
			continue
		}
		if !reflect.DeepEqual(old.Field(i).Interface(), now.Field(i).Interface()) {
			keys = append(keys, changedKeys(name, old.Field(i), now.Field(i))...)
			now.Field(i).Set(old.Field(i))
		}
	}
	return next, keys
}

// changedKeys names the keys below name that differ.
func changedKeys(name string, a, b reflect.Value) []string {
	if a.Kind() != reflect.Struct || a.NumField() == 0 || a.Type().Field(0).Tag.Get("yaml") == "" {
		return []string{name}
	}
	var keys []string
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			keys = append(keys, name+"."+a.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return keys
}

// turn is a change of listeners that is ready to happen.
type turn struct {
	p       *Process
	keep    []*listener // as they are, with their certificates read again
	begin   []*listener // new, on new sockets or on those of others
	end     []*listener
	opened  []string // sockets that were not there before
	removed []string
}

// prepare opens the sockets and reads the certificates that next needs, and changes nothing that serves.
func (p *Process) prepare(next config.Config) (_ *turn, err error) {
	t := &turn{p: p}
	defer func() {
		if err != nil {
			t.undo()
		}
	}()
	old := make(map[string]*listener)
	for _, l := range p.listeners {
		old[l.cfg.Address] = l
	}
	for _, cfg := range next.Listen {
		before := old[cfg.Address]
		delete(old, cfg.Address)
		if before != nil && reflect.DeepEqual(before.cfg, cfg) {
			t.keep = append(t.keep, before)
			if before.tls != nil {
				if _, err := p.newTLS(cfg); err != nil { // whether they can be read, before anything changes
					return nil, fmt.Errorf("%s: %w", cfg.Address, err)
				}
			}
			continue
		}
		nl, err := p.o.Sockets.Again(cfg.Address)
		if before == nil {
			nl, err = p.o.Sockets.Listen(p.life, cfg.Address)
			t.opened = append(t.opened, cfg.Address)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot serve clients: %w", err)
		}
		l, err := p.newListener(nl, cfg)
		if err != nil {
			_ = nl.Close()
			return nil, fmt.Errorf("%s: %w", cfg.Address, err)
		}
		t.begin = append(t.begin, l)
		if before != nil {
			t.end = append(t.end, before)
		}
	}
	for _, l := range old {
		t.end = append(t.end, l)
		t.removed = append(t.removed, l.cfg.Address)
	}
	return t, nil
}

// undo closes what was opened.
func (t *turn) undo() {
	for _, l := range t.begin {
		_ = l.l.Close()
	}
	for _, a := range t.opened {
		t.p.o.Sockets.Forget("tcp", a)
	}
}

// commit serves by the new listeners and lets the old ones go. A socket that both share is accepted from all the time.
func (t *turn) commit() {
	p := t.p
	for _, l := range t.keep {
		if l.tls == nil {
			continue
		}
		if err := l.tls.Reload(); err != nil {
			p.log.Error(err.Error(), "address", l.cfg.Address)
		}
	}
	for _, l := range t.begin {
		p.run(p.life, l)
	}
	for _, l := range t.end {
		l.retire()
		p.log.Info("no longer accepting clients", "address", l.cfg.Address, "same_address_goes_on", !slices.Contains(t.removed, l.cfg.Address))
	}
	for _, a := range t.removed {
		p.o.Sockets.Forget("tcp", a)
	}
	p.listeners = slices.Concat(t.keep, t.begin)
}
