package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/stream"
)

// datagrams is HTTP/3 on the UDP port of a listener. It outlives the listener when a reload changes that: its connections are
// known to this socket's reader alone, and there is one of those at a time.
type datagrams struct {
	pc  net.PacketConn
	tls *listen.TLS

	mu    sync.Mutex
	h     *stream.HTTP3 // nil before begin
	ended bool
}

// bindHTTP3 opens the UDP port beside a listener; nothing is read from it yet.
func (p *Process) bindHTTP3(ctx context.Context, l *listener) error {
	pc, err := p.o.Sockets.ListenPacket(ctx, l.packets())
	if err != nil {
		return fmt.Errorf("%s: HTTP/3: %w", l.cfg.Address, err)
	}
	l.http3 = &datagrams{pc: pc, tls: l.tls}
	return nil
}

// packets is the address of the UDP port that belongs to a listener.
func (l *listener) packets() string { return l.l.Addr().String() }

// beginHTTP3 serves by d, unless it has ended already.
func (p *Process) beginHTTP3(d *datagrams) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return nil
	}
	address := d.pc.LocalAddr().String()
	h, err := p.stream.NewHTTP3(d.pc, d.tls)
	if err != nil {
		return fmt.Errorf("%s: HTTP/3: %w", address, err)
	}
	d.h = h
	p.log.Info("serving clients", "address", address, "http3", true)
	p.serving.Go(func() {
		if err := h.Serve(); err != nil {
			p.failure <- fmt.Errorf("%s: HTTP/3: %w", address, err)
		}
	})
	return nil
}

// end lets requests under way finish, until ctx ends, and closes the port.
func (d *datagrams) end(ctx context.Context) (err error) {
	d.mu.Lock()
	h := d.h
	d.ended = true
	d.mu.Unlock()
	if h != nil {
		err = h.Shutdown(ctx)
	}
	return errors.Join(err, d.pc.Close())
}

// endHTTP3 ends d beside everything else, in no more than within.
func (p *Process) endHTTP3(d *datagrams, within time.Duration) {
	p.ending.Go(func() {
		ctx, cancel := context.WithTimeout(p.life, within)
		defer cancel()
		if err := d.end(ctx); err != nil {
			p.log.Warn("some HTTP/3 requests were cut", "error", err)
		}
	})
}

// drainStreams ends HTTP/3 and then HTTP/2, which serves the requests of both. HTTP/3 has half of the time: its clients are
// asked to go away, and one that stays must not cost the others an orderly end.
func (p *Process) drainStreams(ctx context.Context) {
	for _, l := range p.listeners {
		if l.http3 != nil {
			p.endHTTP3(l.http3, p.cfg.Timeouts.Drain/2)
		}
	}
	p.ending.Wait()
	if p.replaced {
		if err := p.o.Sockets.ReleasePackets(); err != nil {
			p.log.Warn(err.Error())
		}
	}
	if err := p.stream.Shutdown(ctx); err != nil {
		p.log.Warn("some HTTP/2 requests were cut", "error", err)
	}
}
