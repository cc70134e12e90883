package summary

import "merlon/internal/model/sketch"

// Shape of the table of error shares: two rows of 32,768 cells, 512 KiB. A supporter shares its cell of a row with others,
// so its share there is a mean; the row in which it is least crowded is believed.
const (
	actorRows  = 2
	actorWidth = 1 << 15
)

// Actors counts requests and failures by supporter (the proved principal's token, otherwise the network's): a linear
// count-min table, exact in merging. It lets the gate leave out who mostly fails, which is what scanners do.
type Actors struct {
	cells []actorCell // actorRows*actorWidth, nil before the first event
}

type actorCell struct{ requests, failures uint32 }

func (a *Actors) fold(f *fold) {
	if f.caller == 0 {
		return
	}
	if a.cells == nil {
		a.cells = make([]actorCell, actorRows*actorWidth)
	}
	failed := uint32(0)
	if s := f.e.Status; !f.own && s >= 400 && s < 500 && s != 429 {
		failed = 1 // 5xx is the upstream's own, 429 the answer to pace
	}
	for r := range actorRows {
		c := &a.cells[cellOf(f.caller, r)]
		c.requests = addSat32(c.requests, 1)
		c.failures = addSat32(c.failures, failed)
	}
}

func cellOf(caller uint64, row int) int {
	return row*actorWidth + int(sketch.Mix(caller)>>(15*row)&(actorWidth-1))
}

// Share returns how many requests a supporter made, never too low, and which share of them failed.
func (a *Actors) Share(caller uint64) (requests uint64, failed float64) {
	if a.cells == nil {
		return 0, 0
	}
	best := actorCell{requests: ^uint32(0)}
	for r := range actorRows {
		if c := a.cells[cellOf(caller, r)]; c.requests < best.requests {
			best = c
		}
	}
	if best.requests == 0 {
		return 0, 0
	}
	return uint64(best.requests), float64(best.failures) / float64(best.requests)
}

func (a *Actors) merge(o *Actors) {
	if o.cells == nil {
		return
	}
	if a.cells == nil {
		a.cells = make([]actorCell, actorRows*actorWidth)
	}
	for i, c := range o.cells {
		a.cells[i].requests = addSat32(a.cells[i].requests, c.requests)
		a.cells[i].failures = addSat32(a.cells[i].failures, c.failures)
	}
}

// append writes the cells in use, each with the distance from the one before.
func (a *Actors) append(b []byte) []byte {
	n := 0
	for _, c := range a.cells {
		if c.requests != 0 {
			n++
		}
	}
	b = appendUvarint(b, uint64(n))
	last := -1
	for i, c := range a.cells {
		if c.requests != 0 {
			b = appendUvarint(b, uint64(i-last))
			b = appendUvarint(appendUvarint(b, uint64(c.requests)), uint64(c.failures))
			last = i
		}
	}
	return b
}

func (a *Actors) read(r *reader) {
	n := r.count(actorRows*actorWidth, 3)
	if n > 0 {
		a.cells = make([]actorCell, actorRows*actorWidth)
	}
	at := -1
	for range n {
		step, requests, failures := r.uvarint(), r.uvarint(), r.uvarint()
		if r.err != nil || step == 0 || step > actorRows*actorWidth || at+int(step) >= len(a.cells) || requests == 0 || requests > 1<<32-1 || failures > requests {
			r.damage("actors")
			return
		}
		at += int(step)
		a.cells[at] = actorCell{uint32(requests), uint32(failures)}
	}
}
