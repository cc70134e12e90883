package serve

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"merlon/internal/config"
)

// refusal is the clients that are dropped before anything is spent on them. It never changes; a reload makes another.
type refusal struct {
	networks bart.Lite
	ja4      map[string]bool
}

func newRefusal(c config.Refuse) *refusal {
	r := &refusal{ja4: make(map[string]bool, len(c.JA4))}
	for _, n := range c.Networks {
		r.networks.Insert(n)
	}
	for _, f := range c.JA4 {
		r.ja4[f] = true
	}
	return r
}

// covers reports whether a client is refused; ja4 is empty on plain connections and before the ClientHello.
func (r *refusal) covers(a netip.Addr, ja4 string) bool {
	if ja4 != "" && r.ja4[ja4] {
		return true
	}
	return r.networks.Size() > 0 && r.networks.Contains(a)
}
