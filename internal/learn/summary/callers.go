package summary

import (
	"merlon/internal/model/exchange"
	"merlon/internal/model/sketch"
)

// Shape of the tables below: 1.3 KiB each, an estimate too high by 4 % of the total at most.
const (
	callerWidth      = 6
	callerCandidates = 16
)

// Callers is where requests come from and what sends them.
type Callers struct {
	// Countries are keyed by the two letters as a number, Systems by AS number, Clients by the hash in State.Names.
	Countries, Systems, Clients sketch.HeavyHitters
}

func makeCallers() Callers {
	return Callers{
		Countries: sketch.MakeHeavyHitters(callerWidth, callerCandidates),
		Systems:   sketch.MakeHeavyHitters(callerWidth, callerCandidates),
		Clients:   sketch.MakeHeavyHitters(callerWidth, callerCandidates),
	}
}

func (c *Callers) fold(f *fold) {
	if f.e.Observed.Has(exchange.SawClient) {
		p := f.e.Place
		if p.Country != [2]byte{} {
			c.Countries.Add(uint64(p.Country[0])<<8|uint64(p.Country[1]), f.occurrence, 1)
		}
		if p.ASN != 0 {
			c.Systems.Add(uint64(p.ASN), f.occurrence, 1)
		}
	}
	if f.client != 0 {
		c.Clients.Add(f.client, f.occurrence, 1)
	}
}

func (c *Callers) merge(o learner) {
	x := o.(*Callers)
	// Decoding refuses any other shape, so these cannot fail.
	_ = c.Countries.Merge(&x.Countries)
	_ = c.Systems.Merge(&x.Systems)
	_ = c.Clients.Merge(&x.Clients)
}

func (c *Callers) append(b []byte) []byte {
	return c.Clients.AppendBinary(c.Systems.AppendBinary(c.Countries.AppendBinary(b)))
}

func (c *Callers) read(r *reader) {
	r.heavyHitters(&c.Countries)
	r.heavyHitters(&c.Systems)
	r.heavyHitters(&c.Clients)
}
