// Package merlon puts Merlon inside a Go program: a net/http middleware over the same engine that the gateway runs.
//
// A [Guard] is made once and wraps the handlers of one API:
//
//	guard, err := merlon.New(merlon.Options{Site: "shop", Policy: "policy.yaml", Data: "merlon-data"})
//	if err != nil { ... }
//	server := &http.Server{Handler: guard.Wrap(mux)}
//	...
//	_ = server.Shutdown(ctx)
//	_ = guard.Close(ctx)
//
// Every request is judged before the handler sees it: a refused one is answered with a problem document (RFC 9457), any
// other reaches the handler as it came, body included. What the handler answers is passed on at once and looked at
// afterwards. Each request makes exactly one event; a WebSocket, or a stream of server-sent events, makes one when it
// opens and one when it closes.
//
// With a data directory the guard learns the API as `merlon serve` does, and the commands of the program that read a
// directory (merlon inventory, merlon inspect) read this one, too. Without one it keeps nothing, judges by
// policy and descriptions alone, and can write its events to an io.Writer.
//
// What net/http does not show cannot be judged: the order and casing of fields, the framing as it was sent, and messages
// that net/http refuses by itself. Where those matter, put the gateway in front.
package merlon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"merlon/internal/config"
	"merlon/internal/core"
	"merlon/internal/edge/http1"
	"merlon/internal/model/bundle"
	"merlon/internal/model/event"
)

// Options say what a Guard knows and what it keeps. The zero value is a guard that only watches and keeps nothing.
type Options struct {
	// Site names the API on every event; "default" when empty. Another name is another site, with its own knowledge.
	Site string
	// Specs are files with descriptions of the API (OpenAPI 3.0 or 3.1).
	Specs []string
	// Policy is a policy file (docs/reference/policy.md); PolicyText is a policy at hand. One of both may be given; without
	// any the guard watches.
	Policy     string
	PolicyText []byte
	// Data is the directory where everything learned is kept; one process has it at a time. Empty: nothing is learned.
	Data string
	// TrustedHops is how many proxies in front append to X-Forwarded-For and are believed, counted from the right.
	TrustedHops int
	// InspectRequest is how many bytes of a request's body are held and looked at before the handler runs,
	// InspectResponse how many of an answer's are looked at; 128 KiB each when 0. Larger bodies pass whole.
	InspectRequest, InspectResponse int
	// Events, when Data is empty, receives a JSON line for each event, in the form of `merlon inspect`. It is written to by
	// one goroutine; an error ends the writing and is logged.
	Events io.Writer
	// Log receives what operators should know; slog.Default when nil.
	Log *slog.Logger
}

// ErrOptions is wrapped by errors of New that are due to its options or to the files they name; each mistake is listed.
var ErrOptions = errors.New("merlon: these options cannot be used")

// Guard judges the requests of one API. It is safe for concurrent use.
type Guard struct {
	options                         Options
	core                            *core.Core
	limits                          http1.Limits
	inspectRequest, inspectResponse int
	log                             *slog.Logger
	now                             func() time.Time
	pool                            sync.Pool // of *scratch
}

// New makes a Guard and starts what it needs in the background; Close ends that. An error that wraps ErrOptions lists
// what is wrong in options, policy or descriptions; others come from the data directory.
func New(o Options) (*Guard, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	cfg, err := o.config()
	if err != nil {
		return nil, err
	}
	b, err := o.bundle(cfg, time.Now())
	if err != nil {
		return nil, err
	}
	g := &Guard{
		options: o, log: o.Log, now: time.Now,
		limits:         http1.Limits{StartLineBytes: maxHead, HeadBytes: maxHead, Fields: 255}.Filled(),
		inspectRequest: int(cfg.Limits.InspectRequestBytes), inspectResponse: int(cfg.Limits.InspectResponseBytes),
	}
	g.pool.New = func() any { return new(scratch) }
	with := core.Options{Config: cfg, Bundle: b, Command: "a program with Merlon's middleware", Log: o.Log, Now: g.now}
	if o.Data == "" {
		g.core, err = core.OpenMemory(with, writeEvents(o.Events, o.Log))
	} else {
		g.core, err = core.Open(context.Background(), with)
	}
	if err != nil {
		return nil, refine(err)
	}
	return g, nil
}

// refine tells mistakes of people from failures of the disk.
func refine(err error) error {
	var wrong core.MistakesError
	switch {
	case errors.As(err, &wrong):
		return optionsError(wrong)
	case err != nil:
		return fmt.Errorf("merlon: %w", err)
	}
	return nil
}

// maxHead is what net/http lets through by default (http.DefaultMaxHeaderBytes): how large a head may be is the server's
// business, not a second judge's.
const maxHead = http.DefaultMaxHeaderBytes + 8<<10

// Wrap puts the guard before next. The request is handed on as it is, except that its Body replays what was looked at and
// that the Merlon-Tag field says what policy's tagging rules say, whatever the client sent under that name.
//
// The ResponseWriter that next gets has Flush and Hijack where the server's own has them, and http.ResponseController
// works with it. What next writes is not held back. A body that is a dialogue (gRPC, Connect streams) is not read ahead
// and not looked at.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(next, w, r) })
}

// Reload reads the policy and the descriptions that Options named again; requests that begin later are judged by them. What
// was learned stays. On an error, which wraps ErrOptions where the files are wrong, nothing has changed.
func (g *Guard) Reload(ctx context.Context) error {
	cfg, err := g.options.config()
	if err != nil {
		return err
	}
	b, err := g.options.bundle(cfg, g.now())
	if err != nil {
		return err
	}
	return refine(g.core.Reload(ctx, b))
}

// Close ends the background work and saves what was learned. Call it when the server has shut down: requests that are
// judged later make no events.
func (g *Guard) Close(ctx context.Context) error {
	return refine(g.core.Close(ctx))
}

// config is what the program's configuration file would say.
func (o *Options) config() (config.Config, error) {
	var wrong []error
	if o.Policy != "" && o.PolicyText != nil {
		wrong = append(wrong, errors.New("Policy and PolicyText are both given: leave one out"))
	}
	if o.Events != nil && o.Data != "" {
		wrong = append(wrong, errors.New("Events is written only without Data: a data directory keeps the events itself"))
	}
	if o.TrustedHops < 0 || o.InspectRequest < 0 || o.InspectResponse < 0 {
		wrong = append(wrong, errors.New("TrustedHops, InspectRequest and InspectResponse cannot be negative"))
	}
	if len(wrong) > 0 {
		return config.Config{}, fmt.Errorf("%w: %w", ErrOptions, errors.Join(wrong...))
	}
	cfg := config.Default()
	cfg.Storage.Path = o.Data
	name, yes := o.Site, true
	if name == "" {
		name = "default"
	}
	cfg.Sites = []config.Site{{Name: name, Default: &yes, Specs: o.Specs, Policy: o.Policy, TrustedHops: o.TrustedHops}}
	if o.InspectRequest > 0 {
		cfg.Limits.InspectRequestBytes = config.Bytes(o.InspectRequest)
	}
	if o.InspectResponse > 0 {
		cfg.Limits.InspectResponseBytes = config.Bytes(o.InspectResponse)
	}
	return cfg, nil
}

// bundle reads what people wrote about the API.
func (o *Options) bundle(cfg config.Config, now time.Time) (*bundle.Bundle, error) {
	b, notices, faults := core.LoadBundle(cfg, now)
	if o.PolicyText != nil {
		p, n, f := core.ParsePolicy("PolicyText", o.PolicyText, now)
		b.Sites[0].Policy = p
		notices, faults = append(notices, n...), append(faults, f...)
	}
	if len(faults) > 0 {
		return nil, optionsError(faults)
	}
	for _, n := range notices {
		o.Log.Warn(n.String())
	}
	return b, nil
}

// optionsError makes one error of everything that is wrong.
func optionsError[M fmt.Stringer](all []M) error {
	wrong := make([]error, len(all))
	for i, m := range all {
		wrong[i] = errors.New(m.String())
	}
	return fmt.Errorf("%w: %w", ErrOptions, errors.Join(wrong...))
}

// writeEvents makes the consumer of a guard that keeps nothing.
func writeEvents(w io.Writer, log *slog.Logger) func([]*event.Event) {
	if w == nil {
		return func([]*event.Event) {}
	}
	var lines []byte
	failed := false
	return func(batch []*event.Event) {
		if failed {
			return
		}
		lines = lines[:0]
		for _, e := range batch {
			lines = append(event.AppendLine(lines, e, 0), '\n')
		}
		if _, err := w.Write(lines); err != nil {
			failed = true
			log.Error("events are not written any more", "error", err)
		}
	}
}
