package listen

import (
	"context"
	"math"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Memory knows how much of a memory ceiling is in use. What counts is what cannot be freed: live objects at the last
// collection, stacks and the runtime's own, for garbage fills a heap up to its limit in the best of times.
type Memory struct {
	ceiling float64
	used    atomic.Uint64 // share, as float bits
	samples []metrics.Sample
}

// memoryEvery is how often memory is looked at. A look takes some 10 us; 10,000 new connections take a second.
const memoryEvery = 250 * time.Millisecond

// NewMemory makes a Memory for a ceiling in bytes, the one given to debug.SetMemoryLimit; 0 or less is none.
func NewMemory(ceiling int64) *Memory {
	m := &Memory{ceiling: float64(ceiling)}
	for _, name := range []string{
		"/gc/heap/live:bytes", "/memory/classes/heap/stacks:bytes", "/memory/classes/os-stacks:bytes", "/memory/classes/other:bytes",
		"/memory/classes/metadata/mcache/inuse:bytes", "/memory/classes/metadata/mspan/inuse:bytes", "/memory/classes/metadata/other:bytes",
	} {
		m.samples = append(m.samples, metrics.Sample{Name: name})
	}
	return m
}

// Pressure is the share of the ceiling in use when Run last looked; above 1 when there is more than the ceiling.
func (m *Memory) Pressure() float64 { return math.Float64frombits(m.used.Load()) }

// Run looks at memory until ctx ends. The composition root starts it.
func (m *Memory) Run(ctx context.Context) {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		m.look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *Memory) look() {
	if m.ceiling <= 0 {
		return
	}
	metrics.Read(m.samples)
	var sum uint64
	for i := range m.samples {
		if m.samples[i].Value.Kind() == metrics.KindUint64 {
			sum += m.samples[i].Value.Uint64()
		}
	}
	m.used.Store(math.Float64bits(float64(sum) / m.ceiling))
}
