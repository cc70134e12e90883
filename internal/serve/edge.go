package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"merlon/internal/config"
	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/stream"
	"merlon/internal/edge/proxy/upstream"
)

// codec are the bounds of heads and bodies, on both sides.
func codec(l config.Limits) http1.Limits {
	return http1.Limits{
		StartLineBytes: int(l.TargetBytes), HeadBytes: int(l.HeadBytes), Fields: l.HeaderFields, BodyBytes: int64(l.BodyBytes),
	}
}

// openEdge makes what serves clients, without listening yet.
func (p *Process) openEdge(ctx context.Context, sites map[string]*upstream.Group) {
	cfg, l, t := p.cfg, p.cfg.Limits, p.cfg.Timeouts
	p.refused.Store(newRefusal(cfg.Refuse))
	p.connections = l.Connections
	if files, err := listen.DescriptorLimit(); err != nil {
		p.log.Warn("how many connections there is room for is not known", "error", err)
	} else {
		var note string
		if p.connections, note = listen.ConnectionsFor(l.Connections, files); note != "" {
			p.log.Warn(note)
		}
	}
	p.admission = listen.NewAdmission(listen.AdmissionOptions{
		Connections: p.connections, PerNetwork: l.ConnectionsPerNetwork, Handshakes: l.Handshakes, HandshakeTimeout: t.Handshake,
		Refuse:   func(a netip.Addr, ja4 string) bool { return p.refused.Load().covers(a, ja4) },
		Pressure: p.memory.Pressure, Now: time.Now, Log: p.log,
	})
	p.stream = stream.New(stream.Options{
		Engine: p.core.Engine, Upstreams: func(site string) *upstream.Group { return p.proxy.Upstreams(site) },
		Codec: codec(l), Admission: p.admission, BodyRate: int(l.BodyBytesPerSecond),
		InspectRequest: int(l.InspectRequestBytes), InspectResponse: int(l.InspectResponseBytes),
		Timeouts: stream.Timeouts{Head: t.Head, Body: t.Body, Idle: t.Idle},
		Limits:   stream.Limits{Streams: l.StreamsPerConnection},
		Now:      time.Now, Log: p.log,
	})
	p.proxy = proxy.New(proxy.Options{
		Engine: p.core.Engine, Sites: sites, Log: p.log, Now: time.Now,
		HTTP2: p.stream.ServeConn, Codec: codec(l), Admission: p.admission, BodyRate: int(l.BodyBytesPerSecond),
		InspectRequest: int(l.InspectRequestBytes), InspectResponse: int(l.InspectResponseBytes),
		Timeouts: proxy.Timeouts{Head: t.Head, Body: t.Body, Idle: t.Idle},
	})
	p.background(ctx, p.memory.Run)
	p.background(ctx, p.admission.Run)
	p.background(ctx, func(ctx context.Context) {
		every := time.NewTicker(time.Second)
		defer every.Stop()
		p.proxy.Watch(ctx, every.C)
	})
}

// listener is one address on which clients are served.
type listener struct {
	cfg     config.Listener
	l       *listen.Listener
	tls     *listen.TLS
	endTLS  context.CancelFunc // of the tickets' rotation; nil before run
	http3   *datagrams         // nil without HTTP/3
	retired atomic.Bool        // closed on purpose
}

// certificates are what the listener ends TLS with; the listener has TLS.
func (p *Process) certificates(cfg config.Listener) listen.TLSOptions {
	t := cfg.TLS
	o := listen.TLSOptions{ClientCA: t.ClientCA, HTTP2: cfg.Multiplexed(), MinVersion: tls.VersionTLS12, Read: os.ReadFile, Now: time.Now, Log: p.log}
	for _, c := range t.Pairs() {
		o.Certificates = append(o.Certificates, listen.CertificateFiles{Certificate: c.Certificate, Key: c.Key, OCSP: c.OCSP})
	}
	if t.MinVersion == "1.3" {
		o.MinVersion = tls.VersionTLS13
	}
	switch t.ClientAuthMode() {
	case "request":
		o.ClientAuth = listen.RequestClientAuth
	case "require":
		o.ClientAuth = listen.RequireClientAuth
	}
	return o
}

// newListener puts the configuration over an open socket; it serves nothing yet. t is nil for a plain listener.
func (p *Process) newListener(nl net.Listener, cfg config.Listener, t *listen.TLS) *listener {
	return &listener{cfg: cfg, tls: t, l: listen.New(nl, listen.Options{
		Trusted: cfg.ProxyProtocol, TLS: t, H2C: cfg.H2C, Admission: p.admission, Head: p.cfg.Timeouts.Handshake, Now: time.Now, Log: p.log,
	})}
}

// run serves clients until the listener is retired or the process drains.
func (p *Process) run(ctx context.Context, l *listener) {
	if l.tls != nil && l.endTLS == nil {
		ctx, l.endTLS = context.WithCancel(ctx)
		p.background(ctx, l.tls.Run)
	}
	p.log.Info("serving clients", "address", l.l.Addr().String(), "tls", l.tls != nil, "http2", l.cfg.Multiplexed())
	p.accepting.Go(func() {
		if err := p.proxy.Serve(l.l); !errors.Is(err, proxy.ErrClosed) && !l.retired.Load() {
			p.failure <- fmt.Errorf("%s: %w", l.cfg.Address, err)
		}
	})
}

// retire stops accepting. Connections that are open go on until they end by themselves.
func (l *listener) retire() {
	l.retired.Store(true)
	_ = l.l.Close()
}

// end is retire for an address that is not served any more: its connections come to their end, too.
func (l *listener) end() {
	l.retired.Store(true)
	_ = l.l.End()
}

// listen opens every address before the first request is served, so that a taken port is found at once.
func (p *Process) listen(ctx context.Context) error {
	for _, cfg := range p.cfg.Listen {
		if err := p.open(ctx, cfg); err != nil {
			return err
		}
	}
	if err := p.openDoors(ctx); err != nil {
		return err
	}
	p.show()
	if err := p.listenAdmin(ctx); err != nil {
		return err
	}
	if unused := p.o.Sockets.Unused(); len(unused) > 0 {
		p.log.Warn("inherited sockets that the configuration does not name are closed", "addresses", unused)
	}
	if p.o.Parent == nil { // else the parent still reads these packets
		if err := p.beginPackets(); err != nil {
			return err
		}
	}
	for _, l := range p.listeners {
		p.run(ctx, l)
	}
	return nil
}

// beginPackets serves HTTP/3 wherever it is wanted.
func (p *Process) beginPackets() error {
	for _, l := range p.listeners {
		if l.http3 == nil {
			continue
		}
		if err := p.beginHTTP3(l.http3); err != nil {
			return err
		}
	}
	return nil
}

// open opens the sockets of one listener.
func (p *Process) open(ctx context.Context, cfg config.Listener) (err error) {
	var t *listen.TLS
	if cfg.TLS != nil {
		if t, err = listen.NewTLS(p.certificates(cfg)); err != nil {
			return fmt.Errorf("%s: %w", cfg.Address, err)
		}
	}
	nl, err := p.o.Sockets.Listen(ctx, cfg.Address)
	if err != nil {
		return fmt.Errorf("cannot serve clients: %w", err)
	}
	l := p.newListener(nl, cfg, t)
	p.listeners = append(p.listeners, l)
	if cfg.HTTP3 && t != nil {
		return p.bindHTTP3(ctx, l)
	}
	return nil
}

// visible is how things stand, for people and /metrics. It never changes; a reload makes another.
type visible struct {
	urls      []string // where clients are served
	listeners []*listener
	groups    map[string]*siteGroup
	cfg       config.Config
}

// show notes how things stand.
func (p *Process) show() {
	var urls []string
	for _, l := range p.listeners {
		scheme := "http://"
		if l.tls != nil {
			scheme = "https://"
		}
		urls = append(urls, scheme+reachable(l.l.Addr()))
	}
	p.visible.Store(&visible{urls: urls, listeners: slices.Clone(p.listeners), groups: p.groups, cfg: p.cfg})
}
