package traffic

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// networkClass says what sort of network an address is taken from.
type networkClass byte

const (
	residential networkClass = 'r'
	mobile      networkClass = 'm'
	hosting     networkClass = 'h'
	clinic      networkClass = 'c'
	crawling    networkClass = 'g'
)

// networks draws addresses.
type networks struct {
	byClass map[networkClass][]netip.Prefix // repeated by share
}

func newNetworks() *networks {
	n := &networks{map[networkClass][]netip.Prefix{}}
	for line := range strings.SplitSeq(prefixTable, "\n") {
		f := strings.Fields(line)
		p := netip.MustParsePrefix(f[1])
		share := 0
		for _, c := range f[3] {
			share = share*10 + int(c-'0')
		}
		for range share {
			c := networkClass(f[0][0])
			n.byClass[c] = append(n.byClass[c], p)
		}
	}
	return n
}

// draw picks an address of a class.
func (n *networks) draw(r *rand.Rand, class networkClass) netip.Addr {
	ps := n.byClass[class]
	return inside(r, ps[r.IntN(len(ps))])
}

// inside picks a host of a prefix: in IPv4 none that ends in 0 or 255, in IPv6 a random interface in a random /64.
func inside(r *rand.Rand, p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		host := uint32(r.Uint64()) & (1<<(32-p.Bits()) - 1)
		v := binary.BigEndian.Uint32(b[:]) | host
		if last := v & 0xFF; last == 0 || last == 255 {
			v ^= 1 << 3
		}
		binary.BigEndian.PutUint32(b[:], v)
		return netip.AddrFrom4(b)
	}
	b := p.Addr().As16()
	hi := binary.BigEndian.Uint64(b[:8]) | r.Uint64()&(1<<(64-p.Bits())-1)
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	return netip.AddrFrom16(b)
}
