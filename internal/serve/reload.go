package serve

import (
	"errors"
	"maps"
	"reflect"
	"slices"
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
		if logMistakes(p.log, err) {
			p.log.Error("the new configuration is not used", "because", why)
		} else {
			p.log.Error("the new configuration is not used", "because", why, "error", err)
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
	logNotices(p.log, l.notices)
	next, keys := p.adopt(l.cfg)
	groups, err := p.groupsOf(next, p.groups)
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
