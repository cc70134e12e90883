package ingest

import "sync/atomic"

// Progress tells how far a run has come; any goroutine may look.
type Progress struct {
	read, total    atomic.Int64
	lines, damaged atomic.Int64
}

// Read is the number of bytes read of the inputs as they are stored, compressed or not.
func (p *Progress) Read() int64 { return p.read.Load() }

// Total is the size of all inputs as they are stored; 0 when one of them has none that is known, as stdin.
func (p *Progress) Total() int64 { return p.total.Load() }

// Lines counts the lines dealt with, Damaged those of them that could not be read. They follow in steps.
func (p *Progress) Lines() int64 { return p.lines.Load() }

// Damaged counts the damaged lines so far.
func (p *Progress) Damaged() int64 { return p.damaged.Load() }

func (p *Progress) begin(inputs []Input) {
	var total int64
	for i := range inputs {
		if inputs[i].size <= 0 {
			total = 0
			break
		}
		total += inputs[i].size
	}
	p.read.Store(0)
	p.total.Store(total)
	p.lines.Store(0)
	p.damaged.Store(0)
}
