package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"merlon/internal/config"
	"merlon/internal/edge/decide"
	"merlon/internal/edge/ingest/mirror"
	"merlon/internal/edge/ingest/otlp"
)

// openDoors opens the addresses where other proxies ask what to do and where they send copies of requests.
func (p *Process) openDoors(ctx context.Context) error {
	k, limits := p.core, p.cfg.Limits
	door := func(name string, d config.Door, h http.Handler) error {
		nl, err := p.o.Sockets.Listen(ctx, d.Address)
		if err != nil {
			return fmt.Errorf("cannot open %s: %w", name, err)
		}
		var stranger, full sync.Once // or whoever connects could fill the log
		nl = &doorListener{
			Listener: nl, from: d.From,
			refuse: func(peer string) {
				stranger.Do(func() { p.log.Warn("a program connected that is not in "+name+".from; it is refused", "peer", peer) })
			},
			full: func() {
				full.Do(func() {
					p.log.Warn("too many connections at once; more are refused", "door", name, "most", doorConnections)
				})
			},
		}
		s := p.doorServer(h)
		p.doors = append(p.doors, s)
		p.log.Info("serving other proxies", "door", name, "address", nl.Addr().String())
		p.serving.Go(func() {
			if err := s.Serve(nl); !errors.Is(err, http.ErrServerClosed) {
				p.failure <- err
			}
		})
		return nil
	}
	if d := p.cfg.Decide; d.Address != "" {
		h := decide.New(decide.Options{Engine: k.Engine, Trusted: d.From, Site: d.Site, Codec: codec(limits), Now: time.Now, Log: p.log})
		if err := door("decide", d, h); err != nil {
			return err
		}
	}
	if d := p.cfg.Mirror; d.Address != "" {
		h := mirror.New(mirror.Options{
			Engine: k.Engine, Trusted: d.From, Site: d.Site, Codec: codec(limits), Inspect: int(limits.InspectRequestBytes), Now: time.Now, Log: p.log,
		})
		if err := door("mirror", d, h); err != nil {
			return err
		}
	}
	if d := p.cfg.OTLP; d.Address != "" {
		token, err := otlpToken(d.TokenFile)
		if err != nil {
			return err
		}
		p.otlp = otlp.New(otlp.Options{
			Engine: k.Engine, Trusted: d.From, Site: d.Site, Token: token, Full: func() bool { return k.Queue.Len() > limits.QueueEvents*9/10 },
			Now: time.Now, Log: p.log,
		})
		if err := door("otlp", d.Door(), p.otlp); err != nil {
			return err
		}
	}
	return nil
}

// otlpToken reads what senders must present; none when there is no file.
func otlpToken(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("otlp.token_file: %w", err)
	}
	token, err := config.ParseToken(content)
	if err != nil {
		return "", fmt.Errorf("otlp.token_file: %s %w", name, err)
	}
	return token, nil
}

// doorServer bounds what a program at a side door can take. The head has room for the fields that tell beside the
// client's own.
func (p *Process) doorServer(h http.Handler) *http.Server {
	const telling = 16 << 10
	return &http.Server{
		Handler: h, ReadHeaderTimeout: p.cfg.Timeouts.Head, ReadTimeout: p.cfg.Timeouts.Head + p.cfg.Timeouts.Body, IdleTimeout: p.cfg.Timeouts.Idle,
		// From the end of the head on, so it has to last for the body, too.
		WriteTimeout:   p.cfg.Timeouts.Body + p.cfg.Timeouts.Head,
		MaxHeaderBytes: int(p.cfg.Limits.HeadBytes) + telling, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
}

// closeDoors lets what is under way finish.
func (p *Process) closeDoors(ctx context.Context) {
	for _, s := range p.doors {
		if err := s.Shutdown(ctx); err != nil {
			_ = s.Close()
		}
	}
}
