package store

import (
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// Steps of the time series' tiers in seconds: 10 s for an hour, 1 min for two days, 1 h for a year (by arrival).
const (
	StepFine   = 10
	StepMinute = 60
	StepHour   = 3600
)

// Accumulator counts events into series points of the finest step. It is for one goroutine: the one that consumes events.
type Accumulator struct {
	streams []stream
	cells   map[cellKey]*cell
	free    []*cell
	points  []SeriesPoint
	flushed time.Time
}

type stream struct {
	site, node string
	source     exchange.Source
}

type cellKey struct {
	slot     int64
	stream   uint32
	endpoint identity.EndpointID
}

type cell struct {
	point  SeriesPoint
	counts [LatencyBuckets]uint32
}

const (
	// maxCells bounds the accumulator's memory at about 9 MiB; an import, whose time runs fast, flushes by it.
	maxCells = 8192
	// maxStreams bounds what sites, nodes and sources can be told apart; later ones share the last.
	maxStreams = 1024
)

// NewAccumulator makes an empty accumulator; now starts its first interval.
func NewAccumulator(now time.Time) *Accumulator {
	return &Accumulator{cells: make(map[cellKey]*cell, 256), flushed: now}
}

// Add counts e. It does not allocate once it has met the endpoints at work (BenchmarkAccumulator).
func (a *Accumulator) Add(e *event.Event) {
	if e.Phase != event.Complete && e.Phase != event.Open {
		return // a long stream is one request
	}
	slot := e.At / 1e9
	slot -= (slot%StepFine + StepFine) % StepFine
	k := cellKey{slot: slot, stream: a.stream(e), endpoint: e.Endpoint}
	c, ok := a.cells[k]
	if !ok {
		c = a.cell(k)
	}
	p := &c.point
	p.Requests++
	switch {
	case e.Status >= 500:
		p.ServerErrors++
	case e.Status >= 400:
		p.ClientErrors++
	}
	if e.Outcome == event.OutcomeRefused {
		p.Blocked++
	}
	p.RequestBytes += uint64(max(e.RequestBytes, 0))
	p.ResponseBytes += uint64(max(e.ResponseBytes, 0))
	p.Arrived = max(p.Arrived, e.Arrived/1e9)
	if e.Observed.Has(exchange.SawLatency) {
		p.Latency.Add(e.Latency)
	}
}

// stream numbers site, node and source; there are few, and the latest are nearly always the same strings.
func (a *Accumulator) stream(e *event.Event) uint32 {
	for i := range a.streams {
		if s := &a.streams[i]; s.source == e.Source && s.site == e.Site && s.node == e.Node {
			return uint32(i)
		}
	}
	if len(a.streams) == maxStreams {
		return maxStreams - 1
	}
	a.streams = append(a.streams, stream{e.Site, e.Node, e.Source})
	return uint32(len(a.streams) - 1)
}

func (a *Accumulator) cell(k cellKey) *cell {
	var c *cell
	if n := len(a.free); n > 0 {
		c, a.free = a.free[n-1], a.free[:n-1]
		clear(c.counts[:])
	} else {
		c = new(cell)
	}
	s := &a.streams[k.stream]
	c.point = SeriesPoint{Site: s.site, Node: s.node, Source: s.source.String(), Endpoint: k.endpoint, At: k.slot, Step: StepFine}
	c.point.Latency.Counts = c.counts[:]
	a.cells[k] = c
	return c
}

// Due tells whether it is time to flush: ten seconds have passed, or the accumulator is full.
func (a *Accumulator) Due(now time.Time) bool {
	return len(a.cells) >= maxCells || now.Sub(a.flushed) >= StepFine*time.Second
}

// Flush hands the points to fn and forgets them, whether fn could store them or not: what a full disk refuses is lost, not
// kept in memory. The points are valid during the call.
func (a *Accumulator) Flush(now time.Time, fn func([]SeriesPoint) error) error {
	a.flushed = now
	if len(a.cells) == 0 {
		return nil
	}
	a.points = a.points[:0]
	for _, c := range a.cells {
		a.points = append(a.points, c.point)
	}
	sortPoints(a.points)
	err := fn(a.points)
	for k, c := range a.cells {
		if len(a.free) < maxCells {
			a.free = append(a.free, c)
		}
		delete(a.cells, k)
	}
	return err
}
