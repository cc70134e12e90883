package summary

import (
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
	"merlon/internal/model/sketch"
)

// CredentialKinds is how many kinds of credentials there are (identity.Credential).
const CredentialKinds = 6

// Credentials is how successes and refusals went with and without a credential, counted only where the source could see
// credentials: what it cannot see is unknown, not absent.
type Credentials struct {
	// With and Without count 2xx answers to requests that carried a credential and that carried none.
	With, Without uint64
	// Kinds counts 2xx answers by kind carried.
	Kinds [CredentialKinds]uint64
	// RefusedWith and RefusedWithout count 401 and 403.
	RefusedWith, RefusedWithout uint64
	// CallersWith and CallersWithout count the different callers of With and Without.
	CallersWith, CallersWithout sketch.Distinct
}

func makeCredentials() Credentials {
	return Credentials{
		CallersWith:    sketch.MakeDistinct(sketch.MinPrecision),
		CallersWithout: sketch.MakeDistinct(sketch.MinPrecision),
	}
}

func (c *Credentials) fold(f *fold) {
	if !f.e.Observed.Has(exchange.SawCredentials|exchange.SawStatus) || f.own {
		return
	}
	carried := f.e.Credentials
	switch {
	case f.success && carried != 0:
		c.With++
		for k := range identity.Credential(CredentialKinds) {
			if carried.Has(k) {
				c.Kinds[k]++
			}
		}
		if f.caller != 0 {
			c.CallersWith.Add(f.caller)
		}
	case f.success:
		c.Without++
		if f.caller != 0 {
			c.CallersWithout.Add(f.caller)
		}
	case f.e.Status == 401 || f.e.Status == 403:
		if carried != 0 {
			c.RefusedWith++
		} else {
			c.RefusedWithout++
		}
	}
}

func (c *Credentials) counters() []*uint64 {
	out := []*uint64{&c.With, &c.Without, &c.RefusedWith, &c.RefusedWithout}
	for i := range c.Kinds {
		out = append(out, &c.Kinds[i])
	}
	return out
}

func (c *Credentials) merge(o learner) {
	x := o.(*Credentials)
	src := x.counters()
	for i, p := range c.counters() {
		*p = addSat(*p, *src[i])
	}
	c.CallersWith.Merge(&x.CallersWith)
	c.CallersWithout.Merge(&x.CallersWithout)
}

func (c *Credentials) append(b []byte) []byte {
	for _, p := range c.counters() {
		b = appendUvarint(b, *p)
	}
	return c.CallersWithout.AppendBinary(c.CallersWith.AppendBinary(b))
}

func (c *Credentials) read(r *reader) {
	for _, p := range c.counters() {
		*p = r.uvarint()
	}
	r.distinct(&c.CallersWith)
	r.distinct(&c.CallersWithout)
}
