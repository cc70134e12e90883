package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
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
		Codec: codec(l), InspectRequest: int(l.InspectRequestBytes), InspectResponse: int(l.InspectResponseBytes),
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
	stop    context.CancelFunc // of the tickets' rotation
	retired atomic.Bool        // closed on purpose
}

// newTLS reads the certificates of a listener; nil for a plain one.
func (p *Process) newTLS(cfg config.Listener) (*listen.TLS, error) {
	t := cfg.TLS
	if t == nil {
		return nil, nil //nolint:nilnil // a plain listener has none
	}
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
	return listen.NewTLS(o)
}

// newListener puts the configuration over an open socket; it serves nothing yet.
func (p *Process) newListener(nl net.Listener, cfg config.Listener) (*listener, error) {
	t, err := p.newTLS(cfg)
	if err != nil {
		return nil, err
	}
	return &listener{cfg: cfg, tls: t, l: listen.New(nl, listen.Options{
		Trusted: cfg.ProxyProtocol, TLS: t, H2C: cfg.H2C, Admission: p.admission, Head: p.cfg.Timeouts.Handshake, Now: time.Now, Log: p.log,
	})}, nil
}

// run serves clients until the listener is retired or the process drains.
func (p *Process) run(ctx context.Context, l *listener) {
	ctx, l.stop = context.WithCancel(ctx)
	if l.tls != nil {
		p.background(ctx, l.tls.Run)
	}
	p.log.Info("serving clients", "address", l.l.Addr().String(), "tls", l.tls != nil, "http2", l.cfg.Multiplexed())
	p.runHTTP3(ctx, l)
	p.accepting.Go(func() {
		defer l.stop()
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

// listen opens every address before the first request is served, so that a taken port is found at once.
func (p *Process) listen(ctx context.Context) error {
	for _, cfg := range p.cfg.Listen {
		nl, err := p.o.Sockets.Listen(ctx, cfg.Address)
		if err != nil {
			return fmt.Errorf("cannot serve clients: %w", err)
		}
		l, err := p.newListener(nl, cfg)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", cfg.Address, err), nl.Close())
		}
		p.listeners = append(p.listeners, l)
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
	for _, l := range p.listeners {
		p.run(ctx, l)
	}
	return nil
}

// visible is how things stand, for people and /metrics. It never changes; a reload makes another.
type visible struct {
	urls      []string // where clients are served
	listeners []*listener
	groups    map[string]*siteGroup
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
	p.visible.Store(&visible{urls: urls, listeners: slices.Clone(p.listeners), groups: p.groups})
}

// group makes what stands behind a site.
func (p *Process) group(cfg config.Config, s *config.Site) (*upstream.Group, error) {
	o := upstream.Options{
		Site: s.Name, Codec: codec(cfg.Limits), MaxIdle: cfg.Limits.UpstreamConnections, Log: p.log, Now: time.Now,
		Timeouts: upstream.Timeouts{Connect: cfg.Timeouts.Connect, Response: cfg.Timeouts.Response, Body: cfg.Timeouts.Body},
		Hash:     s.Balance == "hash", MaxInUse: cfg.Limits.UpstreamInUse,
		Retries: upstream.Retries{Budget: s.Retries.Budget, Attempts: s.Retries.Attempts},
		Health: upstream.Health{
			Path: s.Health.Path, Interval: s.Health.Interval, Timeout: s.Health.Timeout, Healthy: s.Health.Healthy, Unhealthy: s.Health.Unhealthy,
			From: s.Health.Status.From, To: s.Health.Status.To,
		},
		Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
	}
	if s.Retries.Budget == 0 {
		o.Retries.Attempts = 1
	}
	for i := range s.Upstreams {
		one, err := target(&s.Upstreams[i])
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", s.Name, err)
		}
		o.Targets = append(o.Targets, one)
	}
	return upstream.NewGroup(o), nil
}

func target(u *config.Upstream) (upstream.Target, error) {
	t, err := upstream.ParseTarget(u.URL)
	if err != nil {
		return t, err
	}
	t.Weight, t.MaxConnections = u.Weight, u.MaxConnections
	if !u.TLS() {
		return t, nil
	}
	c := upstream.Credentials{ServerName: u.ServerName}
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{u.CA, &c.CA}, {u.Certificate, &c.Certificate}, {u.Key, &c.Key}} {
		if f.name == "" {
			continue
		}
		if *f.to, err = os.ReadFile(f.name); err != nil {
			return t, err
		}
	}
	return t, t.Secure(c)
}

// groupsOf makes what stands behind each site; groups of before whose site is unchanged are kept, with their connections.
func (p *Process) groupsOf(l *Loaded, before map[string]*siteGroup) (map[string]*siteGroup, error) {
	cfg, files := l.cfg, string(l.hash[:])
	all := make(map[string]*siteGroup)
	for i := range cfg.Sites {
		s := &cfg.Sites[i]
		key := groupKey{site: *s, limits: cfg.Limits, timeouts: cfg.Timeouts}
		key.site.Specs, key.site.Policy, key.site.Hosts, key.site.Default, key.site.TrustedHops = nil, "", nil, nil, 0
		for _, u := range s.Upstreams {
			if u.CA != "" || u.Certificate != "" {
				key.files = files // which of them changed is not worth knowing
			}
		}
		if old := before[s.Name]; old != nil && reflect.DeepEqual(old.key, key) {
			all[s.Name] = old
			continue
		}
		g, err := p.group(cfg, s)
		if err != nil {
			closeGroups(all, before)
			return nil, &UsageError{err}
		}
		ctx, stop := context.WithCancel(p.life)
		p.background(ctx, g.Run)
		all[s.Name] = &siteGroup{key: key, Group: g, stop: stop}
	}
	return all, nil
}

// siteGroup is the servers of a site with what they were made from.
type siteGroup struct {
	*upstream.Group
	key  groupKey
	stop context.CancelFunc // of checks and look-ups
}

type groupKey struct {
	site     config.Site
	limits   config.Limits
	timeouts config.Timeouts
	files    string
}

// plainGroups is what the proxy wants.
func plainGroups(all map[string]*siteGroup) map[string]*upstream.Group {
	out := make(map[string]*upstream.Group, len(all))
	for name, g := range all {
		out[name] = g.Group
	}
	return out
}

// closeGroups closes those of a that are not in b: nothing in use ends by it.
func closeGroups(a, b map[string]*siteGroup) {
	for name, g := range a {
		if b[name] != g {
			g.stop()
			g.Close()
		}
	}
}
