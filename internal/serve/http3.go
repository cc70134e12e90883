package serve

import (
	"context"
	"fmt"
	"net"
)

// runHTTP3 serves HTTP/3 on the UDP port of a listener that wants it, until ctx ends; requests under way may then finish.
func (p *Process) runHTTP3(ctx context.Context, l *listener) {
	if !l.cfg.HTTP3 || l.tls == nil {
		return
	}
	failed := func(err error) { p.failure <- fmt.Errorf("%s: HTTP/3: %w", l.cfg.Address, err) }
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", l.l.Addr().String())
	if err != nil {
		failed(err)
		return
	}
	h, err := p.stream.NewHTTP3(pc, l.tls)
	if err != nil {
		_ = pc.Close()
		failed(err)
		return
	}
	p.log.Info("serving clients", "address", pc.LocalAddr().String(), "http3", true)
	p.serving.Go(func() {
		if err := h.Serve(); err != nil {
			failed(err)
		}
	})
	p.serving.Go(func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.Timeouts.Drain)
		defer cancel()
		if err := h.Shutdown(drain); err != nil {
			p.log.Warn("some HTTP/3 requests were cut", "error", err)
		}
		_ = pc.Close()
	})
}
