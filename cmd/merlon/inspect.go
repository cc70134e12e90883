package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"merlon/cmd/merlon/outline"
	"merlon/internal/core"
	"merlon/internal/edge/ingest"
	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/inspect/identify/geo"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/identity"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

func inspectCommand(c console) *cobra.Command {
	var f ingestFlags
	var stored eventFlags
	cmd := &cobra.Command{
		Use: "inspect FILE|-|--event ID", Short: "Judge exchanges and print one verdict line each; learn nothing", Args: cobra.MaximumNArgs(1),
		Long: `Judge recorded exchanges with what is known and print one verdict line (JSON) each.
Nothing is learned and nothing is stored. The exit code is 0 whatever the verdicts.

With --event a stored event is judged again, with the policy and the knowledge of now and the caller's identity of then.
No value of an exchange is stored, so a stage that needs values is "undecided", and what it found then is taken over.`,
		Example: `  merlon inspect traffic.har --policy policy.yaml
  merlon inspect - --spec openapi.yaml < entries.ndjson
  merlon inspect --event 01JFB2K7Q8X3M5N6P7R8S9T0V1 --data ./data --policy policy.yaml
  MERLON_TOKEN=... merlon inspect --event 01JFB2K7Q8X3M5N6P7R8S9T0V1 --server http://127.0.0.1:9901 --policy policy.yaml`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if stored.id == "" && len(files) == 0 || stored.id != "" && len(files) > 0 {
				return usage("name a file, - or --event ID")
			}
			return runInspect(cmd.Context(), c, f, stored, files)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&stored.id, "event", "", "judge the stored event of this id again")
	cmd.Flags().StringVar(&stored.server, "server", "", "take the event from a running Merlon at this URL, with the token in MERLON_TOKEN")
	return cmd
}

func runInspect(ctx context.Context, c console, f ingestFlags, stored eventFlags, files []string) error {
	var past pastEvent
	if stored.id != "" {
		var err error
		if past, err = stored.recall(ctx, f.Data); err != nil {
			return err
		}
		if f.config == "" && f.site == "" {
			f.site = past.verdict.Site
		}
	}
	cfg, err := f.offline()
	if err != nil {
		return err
	}
	b, notices, faults := loadBundle(cfg)
	if len(faults) > 0 {
		return mistakes(faults)
	}
	for _, n := range notices {
		fmt.Fprintln(c.err, "notice:", n)
	}
	if stored.id == "" {
		if err := f.check(files, false); err != nil {
			return err
		}
	}
	known, keys, err := readKnowledge(ctx, f.Data, b)
	if err != nil {
		return err
	}
	table, err := geo.Open()
	if err != nil {
		return failed(err)
	}
	queue := event.NewQueue(1024)
	eng, wrong := engine.New(engine.Options{
		Queue: queue, Namer: event.NewNamer(0, core.RandomSeed()), Node: cfg.Node,
		Places: func(a netip.Addr) (identity.Place, bool) {
			p, ok := table.Lookup(a)
			return identity.Place{Country: p.Country, ASN: p.ASN}, ok
		},
		Panicked: func(stage string, v any, _ []byte) {
			fmt.Fprintf(c.err, "stage %s failed on an exchange: %v\n", stage, v)
		},
	}, engine.Input{Bundle: b, Keys: keys, Knowledge: known})
	if eng == nil {
		return mistakes(policy.Faults(wrong))
	}
	if f.Data == "" {
		fmt.Fprintln(c.err, "notice: without --data nothing learned is known: only described endpoints match, and tokens differ from those of a data directory")
	}
	if stored.id != "" {
		if err := past.judge(eng); err != nil {
			return err
		}
		batch := queue.Take(ctx)
		if len(batch) == 0 {
			return failed(ctx.Err())
		}
		return past.report(c, batch[0])
	}
	var lines sync.Map // event id -> line number, until it is printed
	printed := make(chan error, 1)
	go func() { printed <- printVerdicts(queue, &lines, c) }()

	k := &backend{engine: eng, now: time.Now}
	o := f.options(cfg)
	o.OnEvent = func(_ string, line int, id event.ID) { lines.Store(id, line) }
	_, err = k.ingest(ctx, c, o, ingest.Inputs(files, c.in))
	queue.Close()
	if printErr := <-printed; printErr != nil && err == nil {
		err = failed(printErr)
	}
	return err
}

// printVerdicts prints a line for each event until the queue is closed and empty.
func printVerdicts(queue *event.Queue, lines *sync.Map, c console) error {
	done := make(map[string]int)
	w := bufio.NewWriter(c.out)
	var line []byte
	for {
		batch := queue.Take(context.Background())
		if batch == nil {
			printSummary(c, done)
			return w.Flush()
		}
		for _, e := range batch {
			done[e.Verdict.Action]++
			if e.Verdict.Would != "" {
				done["would "+e.Verdict.Would]++
			}
			number := 0
			if n, ok := lines.LoadAndDelete(e.ID); ok {
				number, _ = n.(int)
			}
			line = append(event.AppendLine(line[:0], e, number), '\n')
			if _, err := w.Write(line); err != nil {
				queue.Close() // whoever publishes must not wait for a reader that is gone
				return err
			}
		}
		queue.Release(batch...)
		if err := w.Flush(); err != nil {
			queue.Close()
			return err
		}
	}
}

// printSummary says how many verdicts of each kind there were.
func printSummary(c console, done map[string]int) {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(done)) {
		parts = append(parts, fmt.Sprintf("%d %s", done[k], k))
	}
	fmt.Fprintln(c.err, outline.OrDash(strings.Join(parts, ", ")))
}

// readKnowledge reads what the data directory knows of the bundle's sites. Without a directory nothing is known, and
// tokens are keyed by chance.
func readKnowledge(ctx context.Context, dir string, b *bundle.Bundle) (map[string]*bundle.Knowledge, map[string]dataclass.Key, error) {
	known, keys := make(map[string]*bundle.Knowledge), make(map[string]dataclass.Key)
	for _, s := range b.Sites {
		var key dataclass.Key
		_, _ = rand.Read(key[:])
		keys[s.Name] = key
	}
	if dir == "" {
		return known, keys, nil
	}
	path := filepath.Join(dir, "merlon.db")
	if _, err := os.Stat(path); err != nil {
		return nil, nil, usage("%s holds no data of Merlon: leave --data out to judge without knowledge", dir)
	}
	db, err := sqlite.OpenReader(ctx, path, sqlite.Options{Now: time.Now})
	if err != nil {
		return nil, nil, failed(err)
	}
	defer db.Close()
	for _, s := range b.Sites {
		k, err := db.Knowledge(ctx, s.Name, 0)
		if err == nil {
			known[s.Name] = k
		}
		secrets, err := store.ReadSecrets(dir, s.Name)
		if errors.Is(err, store.ErrNotFound) {
			continue // a site that this directory knows nothing of
		}
		if err != nil {
			return nil, nil, failed(err)
		}
		keys[s.Name] = dataclass.Key(secrets.Learning[:16])
	}
	return known, keys, nil
}
