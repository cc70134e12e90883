package serve

import (
	"fmt"
	"reflect"
	"slices"

	"merlon/internal/config"
	"merlon/internal/edge/proxy/listen"
)

// turn is a change of listeners that is ready to happen.
type turn struct {
	p       *Process
	keep    []*listener // as they are
	begin   []*listener // new, on new sockets or on those of others
	end     []*listener
	renew   []renewal
	opened  []socket // that were not there before
	removed []socket
	packets []*datagrams // of removed sockets
}

// renewal is certificates that were checked for a TLS that serves.
type renewal struct {
	tls  *listen.TLS
	with *listen.Prepared
}

// socket is one by its network and address.
type socket struct{ network, address string }

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
		if err := t.listener(before, cfg); err != nil {
			return nil, err
		}
	}
	for _, l := range old {
		t.end = append(t.end, l)
		t.removed = append(t.removed, socket{"tcp", l.cfg.Address})
		t.drop(l)
	}
	return t, nil
}

// listener prepares one; before is who has the address now, or nil.
func (t *turn) listener(before *listener, cfg config.Listener) error {
	p := t.p
	var secure *listen.TLS
	if cfg.TLS != nil {
		checked, err := listen.Prepare(p.certificates(cfg))
		if err != nil {
			return fmt.Errorf("%s: %w", cfg.Address, err)
		}
		if before != nil && before.tls != nil {
			secure = before.tls
			t.renew = append(t.renew, renewal{secure, checked})
		} else {
			secure = checked.TLS()
		}
	}
	if before != nil && reflect.DeepEqual(before.cfg, cfg) {
		t.keep = append(t.keep, before)
		return nil
	}
	nl, err := p.o.Sockets.Again(cfg.Address)
	if before == nil {
		nl, err = p.o.Sockets.Listen(p.life, cfg.Address)
	}
	if err != nil {
		return fmt.Errorf("cannot serve clients: %w", err)
	}
	l := p.newListener(nl, cfg, secure)
	t.begin = append(t.begin, l)
	if before == nil {
		t.opened = append(t.opened, socket{"tcp", cfg.Address})
	} else {
		t.end = append(t.end, before)
		if before.tls == secure {
			l.endTLS = before.endTLS
		}
	}
	switch had, wants := before != nil && before.http3 != nil, cfg.HTTP3 && secure != nil; {
	case had && wants:
		l.http3 = before.http3 // its TLS is the same, too
	case had:
		t.drop(before)
	case wants:
		if err := p.bindHTTP3(p.life, l); err != nil {
			return err
		}
		t.opened = append(t.opened, socket{"udp", l.packets()})
	}
	return nil
}

// drop ends the HTTP/3 of a listener with the turn.
func (t *turn) drop(l *listener) {
	if l.http3 != nil {
		t.packets = append(t.packets, l.http3)
		t.removed = append(t.removed, socket{"udp", l.packets()})
	}
}

// undo closes what was opened.
func (t *turn) undo() {
	for _, l := range t.begin {
		_ = l.l.Close()
		if slices.Contains(t.opened, socket{"udp", l.packets()}) {
			_ = l.http3.pc.Close()
		}
	}
	for _, s := range t.opened {
		t.p.o.Sockets.Forget(s.network, s.address)
	}
}

// commit serves by the new listeners and lets the old ones go. A socket that both share is accepted from all the time, and
// HTTP/3 that both have goes on as it is. Nothing here can be refused any more.
func (t *turn) commit() {
	p := t.p
	for _, r := range t.renew {
		r.tls.Use(r.with)
	}
	for _, d := range t.packets {
		p.endHTTP3(d, p.cfg.Timeouts.Drain)
	}
	for _, l := range t.begin {
		if d := l.http3; d != nil && slices.Contains(t.opened, socket{"udp", l.packets()}) {
			if err := p.beginHTTP3(d); err != nil {
				p.log.Error("HTTP/3 is not served", "error", err)
			}
		}
		p.run(p.life, l)
	}
	for _, l := range t.end {
		goes := !slices.Contains(t.removed, socket{"tcp", l.cfg.Address})
		if goes {
			l.retire()
		} else {
			l.end()
		}
		if l.endTLS != nil && !slices.ContainsFunc(t.begin, func(n *listener) bool { return n.tls == l.tls }) {
			l.endTLS()
		}
		p.log.Info("no longer accepting clients", "address", l.cfg.Address, "same_address_goes_on", goes)
	}
	for _, s := range t.removed {
		p.o.Sockets.Forget(s.network, s.address)
	}
	p.listeners = slices.Concat(t.keep, t.begin)
}
