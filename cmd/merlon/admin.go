package main

import (
	"context"
	"net"
	"net/http"

	"merlon/internal/telemetry"
)

func (p *process) adminHandler(_ context.Context, _ net.Addr, _ console) (http.Handler, error) {
	reg, err := p.registry()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", telemetry.Handler(reg))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux, nil
}

// printSetup prints the one-time link of a fresh installation, to the terminal only.
func (p *process) printSetup(_ context.Context, _ console) {}
