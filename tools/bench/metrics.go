package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Names of the metrics that are read; the first three names are fixed.
const (
	eventsTotal   = "merlon_events_total"
	droppedTotal  = "merlon_events_dropped_total"
	learnedTotal  = "merlon_events_learned_total"
	distillations = "merlon_distillations_total"
	snapshots     = "merlon_snapshots_total"
)

// maxMetrics bounds an answer of /metrics; Merlon's own has some 20 kB.
const maxMetrics = 4 << 20

// metrics are sums over all label sets, by name.
type metrics map[string]float64

// parseMetrics reads the Prometheus text format as far as counters and gauges need it: a name, labels in braces whose
// values may hold anything quoted, and a value.
func parseMetrics(r io.Reader) (metrics, error) {
	out := metrics{}
	s := bufio.NewScanner(io.LimitReader(r, maxMetrics))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest := line, ""
		if i := strings.IndexAny(line, "{ \t"); i >= 0 {
			name, rest = line[:i], line[i:]
		}
		if strings.HasPrefix(rest, "{") {
			end := labelsEnd(rest)
			if end < 0 {
				return nil, fmt.Errorf("metrics: labels of %s do not end", name)
			}
			rest = rest[end:]
		}
		f := strings.Fields(rest)
		if len(f) == 0 {
			return nil, fmt.Errorf("metrics: %s has no value", name)
		}
		v, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: value %q of %s is not a number", f[0], name)
		}
		out[name] += v
	}
	return out, s.Err()
}

// labelsEnd is the index after the closing brace of labels, or -1.
func labelsEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '}' && !quoted:
			return i + 1
		}
	}
	return -1
}

// scrape reads the metrics of an admin surface at host:port.
func scrape(ctx context.Context, c *http.Client, admin string) (metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics answers %s", resp.Status)
	}
	m, err := parseMetrics(resp.Body)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{eventsTotal, droppedTotal, learnedTotal} {
		if _, ok := m[name]; !ok {
			return nil, fmt.Errorf("/metrics lacks %s", name)
		}
	}
	return m, nil
}

// drained tells whether every event was learned or counted as dropped.
func (m metrics) drained() bool { return m[learnedTotal]+m[droppedTotal] >= m[eventsTotal] }

// less returns the growth of every metric since before.
func (m metrics) less(before metrics) metrics {
	out := make(metrics, len(m))
	for k, v := range m {
		out[k] = v - before[k]
	}
	return out
}
