package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// minHonest is the share of honest requests that must be answered rightly under every attack.
const minHonest = 0.999

// siegePlan says how hard and how long each attack is.
type siegePlan struct {
	lasts    time.Duration // each attack
	strength int
	honest   int           // clients of each of three kinds
	pace     time.Duration // between the requests of one
	patience time.Duration // for one request
}

// sieged is what one attack did to honest clients.
type sieged struct {
	Attack   string        `json:"attack"`
	Requests int64         `json:"requests"`
	Failed   int64         `json:"failed"`
	Mixed    int64         `json:"mixed"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	Memory   memory        `json:"memory"`
	Said     string        `json:"said,omitempty"` // the first failure
}

func (s sieged) success() float64 {
	if s.Requests == 0 {
		return 0
	}
	return float64(s.Requests-s.Failed) / float64(s.Requests)
}

// siege runs every attack on one Merlon, one after the other, and asks it honest questions meanwhile.
func siege(ctx context.Context, program string, p siegePlan, progress io.Writer) (out []sieged, err error) {
	r, err := settle(ctx, program, 2)
	defer func() { err = errors.Join(err, r.close()) }()
	if err != nil {
		return nil, err
	}
	for _, a := range attacks {
		s, err := r.under(ctx, a, p)
		if err != nil {
			return out, fmt.Errorf("%s: %w", a.name, err)
		}
		out = append(out, s)
		fmt.Fprintf(progress, "%s: %.3f %% of %d honest requests\n", a.name, 100*s.success(), s.Requests)
	}
	return out, nil
}

// under attacks for p.lasts.
func (r *resident) under(ctx context.Context, a attack, p siegePlan) (s sieged, err error) {
	s.Attack = a.name
	life, stop := context.WithTimeout(ctx, p.lasts)
	defer stop()
	var attackers, honest sync.WaitGroup
	attackers.Go(func() { a.run(life, r, p.strength) })
	var requests, failed, mixed atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	for kind, base := range []string{"http://" + r.plain, "https://" + r.secure, "https://" + r.secure} {
		for i := range p.honest {
			c := newCaller(fmt.Sprintf("h%dc%d", kind, i), base, loopback(kind*100+i), kind == 2, p.patience)
			honest.Go(func() {
				defer c.close()
				for n := 0; every(life, p.pace); n++ {
					began := time.Now()
					err := c.call(context.WithoutCancel(life), []byte("honest"), 2000, false)
					spent := time.Since(began)
					requests.Add(1)
					mu.Lock()
					took = append(took, spent)
					if err != nil && s.Said == "" {
						s.Said = err.Error()
					}
					mu.Unlock()
					if err != nil {
						failed.Add(1)
					}
					if errors.Is(err, errMixed) {
						mixed.Add(1)
					}
					if n%20 == 19 {
						c.close() // newcomers have to get in, too
					}
				}
			})
		}
	}
	honest.Wait()
	s.Memory, err = treeMemory(r.current)
	stop()
	attackers.Wait()
	s.Requests, s.Failed, s.Mixed = requests.Load(), failed.Load(), mixed.Load()
	if slices.Sort(took); len(took) > 0 {
		s.P50, s.P99 = took[len(took)/2], took[len(took)*99/100]
	}
	return s, errors.Join(err, ctx.Err())
}

func printSieges(w io.Writer, all []sieged) {
	fmt.Fprintf(w, "\n%-24s %10s %8s %10s %9s %9s %8s\n", "attack", "honest", "failed", "success", "p50 ms", "p99 ms", "RSS MB")
	for _, s := range all {
		fmt.Fprintf(w, "%-24s %10d %8d %9.3f%% %9.2f %9.2f %8.0f\n", s.Attack, s.Requests, s.Failed, 100*s.success(), s.P50.Seconds()*1e3, s.P99.Seconds()*1e3, float64(s.Memory.RSS)/mega)
		if s.Said != "" {
			fmt.Fprintln(w, "    "+s.Said)
		}
	}
}

func siegeVerdicts(all []sieged) (out []verdict) {
	mixed := int64(0)
	for _, s := range all {
		mixed += s.Mixed
		out = append(out, verdict{Bar: s.Attack, Met: s.success() >= minHonest, Says: fmt.Sprintf("%.3f %% of honest requests (bar: at least %.1f %%)", 100*s.success(), 100*minHonest)})
	}
	return append(out, verdict{Bar: "mixed answers", Met: mixed == 0, Says: fmt.Sprintf("%d (bar: 0)", mixed)})
}
