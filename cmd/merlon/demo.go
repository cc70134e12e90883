package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"merlon/internal/config"
	"merlon/internal/edge/ingest"
	"merlon/internal/lab/acme"
	"merlon/internal/lab/traffic"
	"merlon/internal/serve"
)

// The demonstration: an ordinary hospital with a few exchanges a second, three days of it behind us.
const (
	demoSeed     = 4711
	demoDays     = 3
	demoPastRate = 0.12 // exchanges a second of the people, over day and night
	demoLiveRate = 4
	demoSite     = "acme"
	demoHost     = "api.acme.example"
)

func demoCommand(c console) *cobra.Command {
	var data, listen, admin string
	cmd := &cobra.Command{
		Use: "demo", Short: "Start Acme Hospital, its clients and attackers, and Merlon in front, all on loopback", Args: cobra.NoArgs,
		Long: `Start Acme Hospital (an API with planted faults), honest clients, attackers, and Merlon in front of it, all on loopback.
Three past days are there at once; live traffic carries client addresses of real networks through the PROXY protocol.
Ctrl-C stops everything. Without --data everything learned is thrown away at the end.`,
		Example: "  merlon demo",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), c, data, listen, admin)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "data directory to keep (default: a temporary one)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to serve clients on")
	cmd.Flags().StringVar(&admin, "admin", "127.0.0.1:9901", "address of dashboard and API")
	return cmd
}

// demo is the running demonstration.
type demo struct {
	hospital *http.Server
	process  *serve.Process
	log      *slog.Logger
	serving  sync.WaitGroup
	driving  sync.WaitGroup
}

func runDemo(ctx context.Context, c console, data, listen, adminAddress string) (err error) {
	if data == "" {
		if data, err = os.MkdirTemp("", "merlon-demo-"); err != nil {
			return failed(err)
		}
		defer os.RemoveAll(data)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	now := time.Now()
	// The undocumented write came with yesterday's deploy; the vendor is breached while we watch.
	writeFrom := now.Add(-26 * time.Hour)
	d := new(demo)
	upstream, err := d.startHospital(ctx, writeFrom)
	if err != nil {
		return failed(err)
	}
	defer func() {
		cancel()
		d.driving.Wait()
		_ = d.hospital.Close()
		d.serving.Wait()
	}()
	cfg, err := demoConfig(data, listen, adminAddress, upstream)
	if err != nil {
		return err
	}
	l, err := serve.Compile(cfg)
	if err != nil {
		return coded(err)
	}
	o := processOptions(l, c)
	o.Person = c.err // terminal or not: the account is the demonstration's, and so is what it protects
	d.process, d.log = serve.New(l, o), o.Log
	if err := d.process.Start(); err != nil {
		return coded(err)
	}
	fmt.Fprintf(c.err, "Feeding %d past days of Acme Hospital ...\n", demoDays)
	n, err := d.feedPast(ctx, c, now, writeFrom)
	if err != nil && ctx.Err() == nil {
		return errors.Join(err, d.process.Stop())
	}
	fmt.Fprintf(c.err, "%d exchanges of the past are learned; live traffic begins.\n", n)
	d.driveLive(ctx, listen)
	fmt.Fprintf(c.err, "\n  API:       http://%s/v2/departments\n", listen)
	if err := d.process.TellSetup(ctx); err != nil {
		return coded(errors.Join(err, d.process.Stop()))
	}
	fmt.Fprintln(c.err, "\nCtrl-C stops everything.")
	<-ctx.Done()
	fmt.Fprintln(c.err, "\nStopping ...")
	cancel()
	d.driving.Wait()
	return coded(d.process.Stop())
}

// startHospital serves Acme Hospital on a free loopback port.
func (d *demo) startHospital(ctx context.Context, writeFrom time.Time) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.hospital = &http.Server{
		Handler:           acme.New(acme.Options{Seed: demoSeed, Now: time.Now, BillingWriteFrom: writeFrom}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	d.serving.Go(func() { _ = d.hospital.Serve(l) }) // ends with Close
	return "http://" + l.Addr().String(), nil
}

func demoConfig(data, listen, adminAddress, upstream string) (config.Config, error) {
	cfg := config.Default()
	spec := filepath.Join(data, "acme-openapi.yaml")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return cfg, failed(err)
	}
	if err := os.WriteFile(spec, acme.Description(), 0o600); err != nil {
		return cfg, failed(err)
	}
	yes := true
	cfg.Sites = []config.Site{{Name: demoSite, Hosts: []string{demoHost}, Default: &yes, Specs: []string{spec}}}
	cfg, wrong := cfg.Apply(config.Flags{Upstream: upstream, Listen: listen, Admin: adminAddress, Data: data})
	if len(wrong) > 0 {
		return cfg, mistakes(wrong)
	}
	cfg.Listen[0].ProxyProtocol = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return cfg, nil
}

// feedPast lets the past days happen, in event time, against a hospital of their own, and learns from them.
func (d *demo) feedPast(ctx context.Context, c console, now, writeFrom time.Time) (int64, error) {
	from := now.Add(-demoDays * 24 * time.Hour)
	clock := traffic.NewClock(from)
	past := acme.New(acme.Options{Seed: demoSeed, Now: clock.Now, BillingWriteFrom: writeFrom})
	o := demoTraffic(past)
	o.Start, o.End, o.Clock, o.Rate = from, now, clock, demoPastRate
	o.Attacks = []traffic.Attack{
		{Kind: traffic.ScanLoud, At: now.Add(-40 * time.Hour)},
		{Kind: traffic.ScanCareful, At: now.Add(-20 * time.Hour)},
	}
	r, w := io.Pipe()
	generated := make(chan struct{})
	go func() {
		defer close(generated)
		var line []byte
		err := traffic.Generate(ctx, o, past, func(e traffic.Entry) error {
			line = append(e.AppendJSON(line[:0]), '\n')
			_, err := w.Write(line)
			return err
		})
		w.CloseWithError(err)
	}()
	result, err := backendOf(d.process.Core()).ingest(ctx, c, ingest.Options{Site: demoSite, Format: "entry"}, []ingest.Input{ingest.Stream("the past", r)})
	_ = r.CloseWithError(io.ErrClosedPipe) // ends the generator if reading ended first
	<-generated
	return result.Exchanges, err
}

// driveLive sends live traffic through Merlon until ctx ends.
func (d *demo) driveLive(ctx context.Context, listen string) {
	o := demoTraffic(nil)
	o.Rate = demoLiveRate
	o.Mix.BatchEvery = 10 * time.Minute
	now := time.Now()
	o.Attacks = []traffic.Attack{
		{Kind: traffic.VendorBreach, At: now.Add(90 * time.Second)},
		{Kind: traffic.ScanLoud, At: now.Add(4 * time.Minute)},
	}
	d.driving.Go(func() {
		if _, err := traffic.Live(ctx, o, traffic.LiveOptions{Target: listen, Proxy: 2, Now: time.Now, Flat: true}); err != nil && ctx.Err() == nil {
			d.log.Error("live traffic ended", "error", err)
		}
	})
}

func demoTraffic(h *acme.Hospital) traffic.Options {
	o := traffic.Options{Seed: demoSeed, Site: demoSite, Host: demoHost, Mix: traffic.DefaultMix(), Plain: true, Directory: acme.DirectoryOf(demoSeed, 0)}
	if h != nil {
		o.Directory = h.Directory()
	}
	return o
}
